import { DateTime } from 'luxon';
import { ThenceError } from '../core/errors';
import { show } from './option-checks';
import type { DateInput } from './types';

/** To ISO 8601 in UTC; a string without an offset is meant in `timezone`. @throws DAG_FILE @param what for the message */
export function toIsoDate(value: DateInput, timezone: string, what: string): string {
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
