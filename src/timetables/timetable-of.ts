import { DateTime, Duration } from 'luxon';
import { ThenceError } from '../core/errors';
import type { DataInterval, Instant } from '../core/time';
import type { TickSpec, TimetableSpec } from '../dag-spec/spec';
import { DataIntervalTimetable } from './data-interval-timetable';
import { describeTicks, summaryOf, ticksOf, zoneOf, zonesOf } from './ticks-of';
import { ListedTicks } from './ticks';
import type { ScheduledRun, Timetable } from './timetable';
import { TriggerTimetable } from './trigger-timetable';
import { ContinuousTimetable, NullTimetable, OnceTimetable } from './trivial-timetables';

const MOST_CACHED = 2_000;
const cache = new Map<string, Timetable>();

/**
 * The timetable that a spec describes. Durations step from `startDate` (from 1970 when there is none), so give the DAG's.
 * Equal arguments give the same object: timetables are immutable. Of a user-defined one only the descriptions are here; ask a
 * ScheduleOracle when it is due.
 *
 * @throws ThenceError INVALID_VALUE for a cron expression, timezone, duration, day or time that is not one, and for times that never come.
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
  try {
    return make(spec, startDate);
  } catch (error) {
    if (error instanceof RangeError) throw new ThenceError('INVALID_VALUE', error.message);
    throw error;
  }
}

function make(spec: TimetableSpec, startDate: Instant | null): Timetable {
  switch (spec.kind) {
    case 'null':
      return new NullTimetable();
    case 'once':
      return new OnceTimetable(startDate);
    case 'continuous':
      return new ContinuousTimetable();
    case 'cron-data-interval':
      return dataIntervals({ ...spec, kind: 'cron' }, startDate);
    case 'delta-data-interval':
      return dataIntervals({ ...spec, kind: 'delta' }, startDate);
    case 'data-interval':
      return dataIntervals(spec.ticks, startDate);
    case 'trigger': {
      const { ticks, interval = null, runImmediately = null } = spec;
      const before = interval === null ? '' : `, for ${readable(durationOf(interval))} before`;
      return new TriggerTimetable(ticksOf(ticks, startDate), {
        summary: summaryOf(ticks),
        description: `${describe(ticks)}${before}`,
        timezone: zonesOf(ticks)[0]!,
        interval: interval === null ? null : durationOf(interval),
        runImmediately: typeof runImmediately === 'string' ? durationOf(runImmediately) : runImmediately,
      });
    }
    case 'events': {
      const { dates, timezone, restrictToEvents = false, description } = spec;
      const [first, last] = [dates[0]!, dates.at(-1)!].map((date) => DateTime.fromISO(date, { zone: zoneOf(timezone).name }).toISODate());
      const many = dates.length === 1 ? `Once, on ${first}` : `${dates.length} events from ${first} to ${last}`;
      return new TriggerTimetable(new ListedTicks(dates.map((date) => Date.parse(date))), {
        summary: `${dates.length} event${dates.length === 1 ? '' : 's'}`,
        description: description ?? many,
        timezone,
        interval: null,
        runImmediately: true,
        restrictToTicks: restrictToEvents,
      });
    }
    case 'custom':
      return new UnevaluatedTimetable(spec.className, spec.summary, spec.description);
    default:
      return spec satisfies never;
  }
}

/** The zone in which people write and read the times of this schedule. */
export function timezoneOf(spec: TimetableSpec, dagTimezone: string): string {
  switch (spec.kind) {
    case 'cron-data-interval':
    case 'events':
      return spec.timezone;
    case 'data-interval':
    case 'trigger':
      return zonesOf(spec.ticks)[0]!;
    default:
      return dagTimezone;
  }
}

function dataIntervals(ticks: TickSpec, startDate: Instant | null): Timetable {
  return new DataIntervalTimetable(ticksOf(ticks, startDate), summaryOf(ticks).trim(), describe(ticks));
}

function describe(ticks: TickSpec): string {
  const zones = ticks.kind === 'delta' ? [] : zonesOf(ticks).filter((zone) => zone !== 'UTC');
  return [describeTicks(ticks), ...zones].join(', ');
}

function durationOf(iso: string): Duration {
  const duration = Duration.fromISO(iso);
  if (!duration.isValid || duration.toMillis() < 0) throw new RangeError(`"${iso}" is not an ISO 8601 duration such as PT6H or P1D`);
  return duration;
}

function readable(duration: Duration): string {
  return duration.rescale().toHuman();
}

/** Of a class in a DAG file: known by name only where user code may not run. */
class UnevaluatedTimetable implements Timetable {
  readonly canBeScheduled = true;
  readonly followsClock = true;

  constructor(
    private readonly className: string,
    readonly summary: string,
    readonly description: string,
  ) {}

  nextRun(): ScheduledRun | null {
    return this.refuse();
  }

  manualInterval(): DataInterval {
    return this.refuse();
  }

  runsBetween(): Iterable<ScheduledRun> {
    return this.refuse();
  }

  private refuse(): never {
    throw new ThenceError('UNAVAILABLE', `the timetable ${this.className} is user code, which this process does not run`);
  }
}
