/** The one parser of durations. Months and years keep their calendar meaning in ISO form; in milliseconds they are luxon's casual ones. */
import { Duration, type DurationLike } from 'luxon';
import { ThenceError } from './errors';

export const ALLOWED_DURATIONS = "an object like { minutes: 5 }, an ISO 8601 duration like 'PT5M', or milliseconds";

/** A luxon `DurationLike` object (`{ minutes: 5 }`), an ISO 8601 duration ('PT5M'), or milliseconds. */
export type DurationInput = DurationLike | `P${string}`;

/**
 * @param what for the message: 'retryDelay of task "load"'
 * @throws INVALID_VALUE when the value is no duration, or negative
 */
export function parseDuration(value: unknown, what: string): Duration<true> {
  const duration = read(value);
  if (!duration?.isValid) {
    throw new ThenceError('INVALID_VALUE', `${what} is not a duration: ${show(value)}. Allowed is ${ALLOWED_DURATIONS}`);
  }
  if (duration.toMillis() < 0) throw new ThenceError('INVALID_VALUE', `${what} is negative: ${show(value)}`);
  return duration as Duration<true>;
}

/** In whole milliseconds; a month counts 30 days, a year 365. */
export function durationToMs(value: unknown, what: string): number {
  return Math.round(parseDuration(value, what).toMillis());
}

/** As ISO 8601, unchanged in its units: { months: 1 } is 'P1M', 90000 is 'PT90S'. */
export function durationToIso(value: unknown, what: string): string {
  const duration = parseDuration(value, what);
  return (typeof value === 'number' ? duration.shiftTo('seconds') : duration).toISO();
}

function read(value: unknown): Duration | null {
  if (typeof value === 'number') return Number.isFinite(value) ? Duration.fromMillis(value) : null;
  if (typeof value === 'string') return Duration.fromISO(value);
  if (Duration.isDuration(value)) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) return null;
  try {
    return Duration.fromObject(value);
  } catch {
    return null; // a unit that does not exist, or a value that is no number
  }
}

function show(value: unknown): string {
  return typeof value === 'string' || (typeof value === 'object' && value !== null) ? JSON.stringify(value) : String(value);
}
