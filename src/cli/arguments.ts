/** Reads what people type: dates, JSON, counts. Each says what was given and what is allowed (exit code 2). */
import { InvalidArgumentError } from 'commander';
import { DateTime } from 'luxon';
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { Instant } from '../core/time';

/** A date without an offset is in `timezone`, the DAG's own: '2026-03-29' of a DAG in Zurich begins at midnight in Zurich. */
export function parseDate(given: string, timezone: string, what: string): Instant {
  const parsed = DateTime.fromISO(given, { zone: timezone });
  const date = parsed.isValid ? parsed : DateTime.fromSQL(given, { zone: timezone });
  if (!date.isValid)
    throw new ThenceError(
      'USAGE',
      `${what} "${given}" is not a date; allowed is ISO 8601, such as 2026-01-31 or 2026-01-31T06:00:00+01:00`,
    );
  return date.toMillis();
}

/** The first and the last instant of a day that was given without a time; null for anything else. */
export function parseDay(given: string, timezone: string): { readonly from: Instant; readonly to: Instant } | null {
  const day = /^\d{4}-?\d{2}-?\d{2}$/.test(given) ? DateTime.fromISO(given, { zone: timezone }) : null;
  return day?.isValid === true ? { from: day.startOf('day').toMillis(), to: day.endOf('day').toMillis() } : null;
}

export function isDate(given: string): boolean {
  return DateTime.fromISO(given).isValid || DateTime.fromSQL(given).isValid;
}

export function parseConf(given: string | undefined, what: string): JsonObject {
  if (given === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    throw new ThenceError('USAGE', `${what} is not valid JSON (${(error as Error).message}): ${given}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ThenceError('USAGE', `${what} has to be a JSON object such as '{"region": "eu"}'; it is ${given}`);
  }
  return value as JsonObject;
}

/** For commander's option and argument parsers. */
export function parseCount(least: number, most = Number.MAX_SAFE_INTEGER): (given: string) => number {
  return (given) => {
    const value = Number(given);
    if (/^\d+$/.test(given) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(
      `Allowed is a whole number ${most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`}.`,
    );
  };
}

/** ISO 8601 in UTC without needless parts: what every list prints. */
export function showInstant(instant: Instant | Date | null | undefined): string | null {
  if (instant === null || instant === undefined) return null;
  return new Date(instant).toISOString().replace(/\.000Z$/, 'Z');
}

/** 4.2 s, 3 min 7 s */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
