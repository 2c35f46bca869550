/** `schedule`, `timezone` as written → TimetableSpec. */
import { IANAZone } from 'luxon';
import { durationToIso, durationToMs } from '../core/duration';
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { TimetableSpec } from '../dag-spec/spec';
import { CRON_PRESETS, validateCron } from '../timetables/cron-expression';
import { timetableOf } from '../timetables/timetable-of';
import { isBuiltIn } from './built-in-timetable';
import { show } from './option-checks';
import { isTimetable, type Timetable } from './timetable';
import type { Schedule } from './types';

const PRESETS = [...Object.keys(CRON_PRESETS), '@once', '@continuous'];
const ALLOWED = `a cron expression of 5 or 6 fields, ${PRESETS.join(' ')}, a duration, a Timetable, or null`;

/** @throws DAG_FILE for a bad expression, preset, duration, zone or timetable. @param owner for messages: 'DAG "etl"' */
export function parseTimetable(schedule: Schedule | undefined, timezone: string, owner = 'the DAG'): TimetableSpec {
  const what = `\`schedule\` of ${owner}`;
  checkTimezone(timezone, owner);
  if (schedule === null || schedule === undefined) return { kind: 'null' };
  if (isTimetable(schedule)) return timetableSpec(schedule, timezone, what);
  if (typeof schedule !== 'string' || /^P/.test(schedule)) return delta(schedule, timezone, what);
  const written = schedule.trim().replace(/\s+/g, ' ');
  if (written === '@once') return { kind: 'once' };
  if (written === '@continuous') return { kind: 'continuous' };
  if (written.startsWith('@') && !Object.hasOwn(CRON_PRESETS, written)) throw refuse(what, schedule, didYouMean(written, PRESETS));
  const wrong = validateCron(written);
  if (wrong !== null) throw new ThenceError('DAG_FILE', `${what} is ${show(schedule)}: ${wrong}`);
  return { kind: 'cron-data-interval', expression: CRON_PRESETS[written] ?? written, timezone };
}

function timetableSpec(timetable: Timetable, timezone: string, what: string): TimetableSpec {
  if (!isBuiltIn(timetable)) return customSpec(timetable, what);
  try {
    const spec = timetable['~spec'](timezone, (inner, zone) => parseTimetable(inner, zone, 'a timetable'));
    timetableOf(spec);
    return spec;
  } catch (error) {
    if (!(error instanceof ThenceError)) throw error;
    throw new ThenceError('DAG_FILE', `${what}: ${error.message}`, { cause: error });
  }
}

function customSpec(timetable: Timetable, what: string): TimetableSpec {
  const className = timetable.constructor.name || 'Timetable';
  const { summary = className, description = summary === className ? className : summary } = timetable;
  for (const [name, value] of Object.entries({ summary, description })) {
    if (typeof value === 'string' && value.trim() !== '') continue;
    throw new ThenceError('DAG_FILE', `${what}: \`${name}\` of its timetable ${className} is ${show(value)}; allowed is a string`);
  }
  for (const method of ['nextRun', 'manualInterval'] as const) {
    if (typeof timetable[method] === 'function') continue;
    throw new ThenceError('DAG_FILE', `${what}: its timetable ${className} has no method \`${method}\``);
  }
  return { kind: 'custom', className, summary, description };
}

function delta(schedule: Exclude<Schedule, null | Timetable>, timezone: string, what: string): TimetableSpec {
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
