/** `schedule`, `timezone`, `startDate` … as written → TimetableSpec and ISO dates. */
import { DateTime, IANAZone } from 'luxon';
import { durationToIso, durationToMs } from '../core/duration';
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { TimetableSpec } from '../dag-spec/spec';
import { CRON_PRESETS, validateCron } from '../timetables/cron-expression';
import { show } from './option-checks';
import type { DateInput, Schedule } from './types';

const PRESETS = [...Object.keys(CRON_PRESETS), '@once'];
const ALLOWED = `a cron expression of 5 or 6 fields, ${PRESETS.join(' ')}, a duration, or null`;

/** @throws DAG_FILE for a bad expression, preset, duration or zone. @param owner for messages: 'DAG "etl"' */
export function parseTimetable(schedule: Schedule | undefined, timezone: string, owner = 'the DAG'): TimetableSpec {
  const what = `\`schedule\` of ${owner}`;
  checkTimezone(timezone, owner);
  if (schedule === null || schedule === undefined) return { kind: 'null' };
  if (typeof schedule !== 'string' || /^P/.test(schedule)) return delta(schedule, timezone, what);
  const written = schedule.trim().replace(/\s+/g, ' ');
  if (written === '@once') return { kind: 'once' };
  if (written.startsWith('@') && !Object.hasOwn(CRON_PRESETS, written)) throw refuse(what, schedule, didYouMean(written, PRESETS));
  const wrong = validateCron(written);
  if (wrong !== null) throw new ThenceError('DAG_FILE', `${what} is ${show(schedule)}: ${wrong}`);
  return { kind: 'cron-data-interval', expression: CRON_PRESETS[written] ?? written, timezone };
}

/** To ISO 8601 in UTC; a string without an offset is meant in `timezone`. */
export function parseDate(value: DateInput, timezone: string, what: string): string {
  const date =
    value instanceof Date
      ? DateTime.fromJSDate(value)
      : DateTime.isDateTime(value)
        ? value
        : typeof value === 'string'
          ? DateTime.fromISO(value, { zone: timezone })
          : null;
  if (!date?.isValid) {
    throw new ThenceError(
      'DAG_FILE',
      `${what} is ${show(value)}; allowed is an ISO 8601 date like '2026-01-31', a Date, or a luxon DateTime`,
    );
  }
  return date.toUTC().toISO()!;
}

function delta(schedule: Exclude<Schedule, null>, timezone: string, what: string): TimetableSpec {
  try {
    if (durationToMs(schedule, what) < 1000)
      throw new ThenceError('DAG_FILE', `${what} is ${show(schedule)}: the shortest interval is one second`);
    return { kind: 'delta-data-interval', delta: durationToIso(schedule, what), timezone };
  } catch (error) {
    if (error instanceof ThenceError && error.code === 'INVALID_VALUE') throw refuse(what, schedule, '');
    throw error;
  }
}

function refuse(what: string, given: unknown, more: string): ThenceError {
  return new ThenceError('DAG_FILE', `${what} is ${show(given)}${more}; allowed is ${ALLOWED}`);
}

function checkTimezone(timezone: string, owner: string): void {
  if (typeof timezone === 'string' && IANAZone.isValidZone(timezone)) return;
  const near = didYouMean(String(timezone), Intl.supportedValuesOf('timeZone'));
  throw new ThenceError(
    'DAG_FILE',
    `\`timezone\` of ${owner} is ${show(timezone)}, which is no IANA time zone; allowed are names like 'UTC' or 'Europe/Zurich'${near}`,
  );
}
