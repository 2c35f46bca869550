/** What a task throws to say more than "failed". Told by their brand, not by `instanceof`: see brand.ts. */
import { DateTime } from 'luxon';
import { ThenceError } from '../core/errors';

const END: unique symbol = Symbol.for('thence.task-end');

/** The task instance becomes skipped. */
export class SkipError extends Error {
  override readonly name = 'SkipError';
  readonly [END] = 'skip';
  constructor(message = 'the task skipped itself') {
    super(message);
  }
}

/** The task instance fails, whatever `retries` is left. */
export class FailError extends Error {
  override readonly name = 'FailError';
  readonly [END] = 'fail';
}

/** The same try goes on at `at`; until then the task holds no slot. */
export class RescheduleError extends Error {
  override readonly name = 'RescheduleError';
  readonly [END] = 'reschedule';
  /** Milliseconds since the epoch. */
  readonly at: number;
  constructor(at: Date | DateTime | string) {
    const date = at instanceof Date ? DateTime.fromJSDate(at) : typeof at === 'string' ? DateTime.fromISO(at, { zone: 'utc' }) : at;
    if (!date.isValid)
      throw new ThenceError(
        'INVALID_VALUE',
        `RescheduleError takes a Date, a luxon DateTime or an ISO 8601 string; it was given ${String(at)}`,
      );
    super(`to be continued at ${date.toISO()}`);
    this.at = date.toMillis();
  }
}

export type TaskEnd =
  { readonly kind: 'skip'; readonly message: string } | { readonly kind: 'fail' } | { readonly kind: 'reschedule'; readonly at: number };

/** What a thrown value asks for, or null when it is an error like any other. */
export function taskEndOf(thrown: unknown): TaskEnd | null {
  if (typeof thrown !== 'object' || thrown === null || !(END in thrown)) return null;
  const error = thrown as { [END]: TaskEnd['kind']; message: string; at: number };
  switch (error[END]) {
    case 'skip':
      return { kind: 'skip', message: error.message };
    case 'fail':
      return { kind: 'fail' };
    case 'reschedule':
      return { kind: 'reschedule', at: error.at };
  }
}
