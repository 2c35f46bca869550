import { Duration } from 'luxon';
import { ThenceError } from '../core/errors';
import type { Instant } from '../core/time';
import type { TimetableSpec } from '../dag-spec/spec';
import { CronExpression, validateCron } from './cron-expression';
import { DataIntervalTimetable } from './data-interval-timetable';
import { DeltaTicks } from './delta-ticks';
import { CronTicks } from './ticks';
import type { Timetable } from './timetable';
import { NullTimetable, OnceTimetable } from './trivial-timetables';
import { Zone, isKnownZone } from './zone';

const MOST_CACHED = 2_000;
const cache = new Map<string, Timetable>();

/**
 * The timetable that a spec describes. Durations step from `startDate` (from 1970 when there is none), so give the DAG's.
 * Equal arguments give the same object: timetables are immutable.
 *
 * @throws ThenceError INVALID_VALUE for a cron expression, timezone or duration that is not one.
 */
export function timetableOf(spec: TimetableSpec, startDate: Instant | null = null): Timetable {
  const key = JSON.stringify([spec, startDate]);
  let timetable = cache.get(key);
  if (!timetable) {
    if (cache.size >= MOST_CACHED) cache.clear();
    cache.set(key, (timetable = build(spec, startDate)));
  }
  return timetable;
}

function build(spec: TimetableSpec, startDate: Instant | null): Timetable {
  switch (spec.kind) {
    case 'null':
      return new NullTimetable();
    case 'once':
      return new OnceTimetable(startDate);
    case 'cron-data-interval': {
      const wrong = validateCron(spec.expression);
      if (wrong !== null) throw new ThenceError('INVALID_VALUE', `"${spec.expression}" is not a cron expression: ${wrong}`);
      const expression = new CronExpression(spec.expression);
      const zone = zoneOf(spec.timezone);
      const place = zone.name === 'UTC' ? '' : `, ${zone.name}`;
      return new DataIntervalTimetable(new CronTicks(expression, zone), spec.expression.trim(), `${expression.description}${place}`);
    }
    case 'delta-data-interval': {
      try {
        const every = `Every ${Duration.fromISO(spec.delta).toHuman()}`;
        return new DataIntervalTimetable(new DeltaTicks(spec.delta, startDate ?? 0, zoneOf(spec.timezone).name), spec.delta, every);
      } catch (error) {
        if (error instanceof RangeError) throw new ThenceError('INVALID_VALUE', error.message);
        throw error;
      }
    }
    default:
      return spec satisfies never;
  }
}

function zoneOf(name: string): Zone {
  if (isKnownZone(name)) return Zone.named(name);
  throw new ThenceError('INVALID_VALUE', `unknown timezone "${name}": give an IANA name such as "Europe/Zurich" or "UTC"`);
}
