/**
 * What a task instance becomes when its attempt ends: done, tried again later, or continued.
 *
 * `retries` counts what the task's own code got wrong since the last clear. What the machinery lost (crash, lease, shutdown) starts
 * again as the next try without using a retry up, but at most `maxLostTries` times in a row, so that a task that kills its host
 * does not do so for ever.
 */
import type { TaskSpec } from '../dag-spec/spec';
import type { TaskReason, TaskState } from './states';
import type { Instant } from './time';
import type { Outcome } from './workload';

export interface TryCounters {
  /** Retries since the last clear. */
  readonly retriesUsed: number;
  readonly lostInARow: number;
  /** 0 for a try's first attempt; a reschedule or a hand-back continues the same try with the next piece. */
  readonly piece: number;
}

export interface AfterAttempt extends TryCounters {
  readonly state: TaskState;
  readonly reason: TaskReason;
  readonly dueAt: Instant | null;
}

export type RetryOptions = Pick<TaskSpec, 'retries' | 'retryDelaysMs' | 'retryExponentialBackoff' | 'maxRetryDelayMs' | 'rerunWhenLost'>;

export const DEFAULT_MAX_LOST_TRIES = 2;
/** No retry is further away than this unless the task says so. */
const LONGEST_RETRY_DELAY_MS = 86_400_000;

/**
 * @param seed names the task instance (run and task id): the jitter of its back-off is drawn from it, so that it is the same wherever it is computed.
 */
export function afterAttempt(
  outcome: Outcome,
  task: RetryOptions,
  counters: TryCounters,
  seed: string,
  now: Instant,
  maxLostTries: number = DEFAULT_MAX_LOST_TRIES,
): AfterAttempt {
  const ended = { retriesUsed: counters.retriesUsed, lostInARow: 0, piece: 0, dueAt: null };
  switch (outcome.kind) {
    case 'success':
    case 'skipped':
      return { ...ended, state: outcome.kind, reason: 'executed' };

    case 'failed': {
      if (!outcome.retryable || counters.retriesUsed >= task.retries) return { ...ended, state: 'failed', reason: outcome.reason };
      const dueAt = now + retryDelayMs(task, counters.retriesUsed, seed);
      return { ...ended, state: 'up_for_retry', reason: outcome.reason, dueAt, retriesUsed: counters.retriesUsed + 1 };
    }

    case 'rescheduled':
      return { ...ended, state: 'up_for_reschedule', reason: 'executed', dueAt: outcome.at, piece: counters.piece + 1 };

    case 'deferred':
      return { ...ended, state: 'deferred', reason: 'executed', piece: counters.piece + 1 };

    case 'lost': {
      const lostInARow = counters.lostInARow + 1;
      if (!task.rerunWhenLost || lostInARow > maxLostTries) return { ...ended, state: 'failed', reason: 'lost', lostInARow };
      return { ...ended, state: 'up_for_retry', reason: 'lost', dueAt: now, lostInARow };
    }

    case 'not-started':
      return { ...counters, state: 'up_for_reschedule', reason: 'lost', dueAt: now, piece: counters.piece + 1 };
  }
}

/** @param retry 0 for the first retry since the last clear. */
export function retryDelayMs(task: RetryOptions, retry: number, seed: string): number {
  const listed = task.retryDelaysMs[Math.min(retry, task.retryDelaysMs.length - 1)] ?? 0;
  const longest = task.maxRetryDelayMs ?? LONGEST_RETRY_DELAY_MS;
  if (!task.retryExponentialBackoff) return task.maxRetryDelayMs === null ? listed : Math.min(listed, longest);

  // Airflow's: twice as long each time, plus up to as much again, so that tasks that failed together do not come back together.
  const atLeast = Math.min(longest, listed * 2 ** Math.min(retry, 62));
  return Math.min(longest, Math.round(atLeast * (1 + fraction(`${seed} ${retry}`))));
}

/** FNV-1a, as a number in [0, 1). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
