import { DateTime } from 'luxon';
import { ThenceError } from '../core/errors';
import type { Instant } from '../core/time';
import type { DateInput } from './commands';

const EARLIEST = Date.UTC(1, 0, 1);
const LATEST = Date.UTC(9999, 11, 31);

/** `what` names the value in the error: 'from-date'. Text without an offset is wall-clock time in `zone`. */
export function instantOf(what: string, input: DateInput, zone: string): Instant {
  const at = typeof input === 'number' ? input : parse(input.trim(), zone);
  if (Number.isFinite(at) && at >= EARLIEST && at <= LATEST) return at;
  throw new ThenceError(
    'INVALID_VALUE',
    `the ${what} ${JSON.stringify(input)} is not a date: give ISO 8601, such as 2026-01-31, 2026-01-31T06:00 (in the DAG's timezone, ${zone}) or 2026-01-31T06:00:00Z`,
  );
}

/** The end of a range that includes `input`: of a day without a time, all of that day in `zone`. */
export function lastInstantOf(what: string, input: DateInput, zone: string): Instant {
  const at = instantOf(what, input, zone);
  const isDay = typeof input === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(input.trim());
  return isDay ? DateTime.fromMillis(at, { zone }).endOf('day').toMillis() : at;
}

function parse(text: string, zone: string): Instant {
  // luxon takes '2026' and '12:30' too, which hardly anybody means.
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return NaN;
  return DateTime.fromISO(text.replace(/^(\d{4}-\d{2}-\d{2}) /, '$1T'), { zone }).toMillis();
}
