import { randomInt } from 'node:crypto';
import { ThenceError } from '../core/errors';
import type { RunType } from '../core/states';
import type { Instant } from '../core/time';

/** ISO 8601 as Airflow prints it: '2026-01-01T00:00:00+00:00', with microseconds only where there is a fraction. */
export function isoOf(at: Instant): string {
  const [seconds, fraction] = new Date(at).toISOString().slice(0, -1).split('.') as [string, string];
  return `${seconds}${fraction === '000' ? '' : `.${fraction}000`}+00:00`;
}

/** `scheduled__<ISO>`, `backfill__<ISO>`: one per logical date. `manual__<ISO>_<random>`. */
export function runIdOf(runType: RunType, at: Instant): string {
  return `${runType}__${isoOf(at)}${runType === 'manual' ? `_${randomSuffix()}` : ''}`;
}

/** Checks a run id that somebody typed. */
export function checkRunId(runId: string): string {
  if (/^[A-Za-z0-9_.~:+-]{1,250}$/.test(runId) && runId !== '.' && runId !== '..') return runId;
  throw new ThenceError(
    'INVALID_VALUE',
    `the run id ${JSON.stringify(runId)} is not allowed: use letters, digits and _ . ~ : + - (at most 250)`,
  );
}

const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789';
function randomSuffix(): string {
  return Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}
