import { afterAttempt, retryDelayMs } from '../../src/core/retry';
import type { RetryOptions } from '../../src/core/retry';
import type { Outcome } from '../../src/core/workload';

const task = (options: Partial<RetryOptions> = {}): RetryOptions => ({
  retries: 2,
  retryDelaysMs: [1000],
  retryExponentialBackoff: false,
  maxRetryDelayMs: null,
  rerunWhenLost: true,
  ...options,
});
const fresh = { retriesUsed: 0, lostInARow: 0, piece: 0 };
const failure = (retryable = true, reason: 'executed' | 'timeout' | 'oom' | 'killed' = 'executed'): Outcome => ({
  kind: 'failed',
  error: { name: 'E', message: 'm', stack: null },
  retryable,
  reason,
});
const NOW = 1_000_000;
const after = (outcome: Outcome, options: Partial<RetryOptions> = {}, counters: Partial<typeof fresh> = {}) =>
  afterAttempt(outcome, task(options), { ...fresh, ...counters }, 'seed', NOW);

describe('after an attempt', () => {
  it('a failure is tried again after the delay, as often as retries says', () => {
    expect(after(failure())).toMatchObject({ state: 'up_for_retry', dueAt: NOW + 1000, retriesUsed: 1 });
    expect(after(failure(), {}, { retriesUsed: 1 })).toMatchObject({ state: 'up_for_retry', retriesUsed: 2 });
    expect(after(failure(), {}, { retriesUsed: 2 })).toMatchObject({ state: 'failed', dueAt: null });
  });

  it('keeps the reason of a failure, and does not retry what is not retryable', () => {
    expect(after(failure(false, 'timeout'))).toMatchObject({ state: 'failed', reason: 'timeout', retriesUsed: 0 });
  });

  it('a lost try uses up no retry, and starts at once', () => {
    expect(after({ kind: 'lost', message: '' })).toMatchObject({
      state: 'up_for_retry',
      reason: 'lost',
      dueAt: NOW,
      retriesUsed: 0,
      lostInARow: 1,
    });
  });

  it('the third loss in a row is a failure, also of a task with retries', () => {
    expect(after({ kind: 'lost', message: '' }, {}, { lostInARow: 1 }).state).toBe('up_for_retry');
    expect(after({ kind: 'lost', message: '' }, {}, { lostInARow: 2 })).toMatchObject({ state: 'failed', reason: 'lost' });
  });

  it('an end by its own code ends the row of losses', () => {
    expect(after(failure(), {}, { lostInARow: 2 }).lostInARow).toBe(0);
  });

  it('a task that must not run twice fails at its first loss', () => {
    expect(after({ kind: 'lost', message: '' }, { rerunWhenLost: false })).toMatchObject({ state: 'failed', reason: 'lost' });
  });

  it('a hand-back and a reschedule are further pieces of the same try', () => {
    expect(after({ kind: 'not-started', message: '' }, {}, { lostInARow: 1 })).toMatchObject({ piece: 1, dueAt: NOW, lostInARow: 1 });
    expect(after({ kind: 'rescheduled', at: 5 }, {}, { piece: 3 })).toMatchObject({ state: 'up_for_reschedule', dueAt: 5, piece: 4 });
    expect(after(failure(), {}, { piece: 3 }).piece).toBe(0);
  });

  it('a deferral parks the try, whose next piece it is, and ends a row of losses', () => {
    const wait = { kind: 'time', trigger: null, args: {}, firstCheckAt: 5, intervalMs: null, timeoutAt: null, resume: 'goOn' } as const;
    expect(after({ kind: 'deferred', wait }, {}, { piece: 1, retriesUsed: 1, lostInARow: 1 })).toEqual({
      state: 'deferred',
      reason: 'executed',
      dueAt: null,
      piece: 2,
      retriesUsed: 1,
      lostInARow: 0,
    });
  });
});

describe('the retry delay', () => {
  it('comes from the list, its last entry for all further retries', () => {
    const listed = task({ retryDelaysMs: [1, 20, 300] });
    expect([0, 1, 2, 9].map((retry) => retryDelayMs(listed, retry, 's'))).toEqual([1, 20, 300, 300]);
  });

  it('doubles with back-off, with jitter up to as much again, the same for the same task and retry', () => {
    const backoff = task({ retryExponentialBackoff: true });
    for (const retry of [0, 1, 5, 9]) {
      const delay = retryDelayMs(backoff, retry, 'run task');
      expect(delay).toBeGreaterThanOrEqual(1000 * 2 ** retry);
      expect(delay).toBeLessThanOrEqual(2000 * 2 ** retry);
      expect(retryDelayMs(backoff, retry, 'run task')).toBe(delay);
    }
    const delays = new Set(Array.from({ length: 50 }, (_, i) => retryDelayMs(backoff, 0, `run ${i}`)));
    expect(delays.size).toBeGreaterThan(40);
  });

  it('never exceeds maxRetryDelay, nor a day without one', () => {
    expect(retryDelayMs(task({ maxRetryDelayMs: 500 }), 0, 's')).toBe(500);
    expect(retryDelayMs(task({ retryExponentialBackoff: true, maxRetryDelayMs: 7000 }), 60, 's')).toBe(7000);
    expect(retryDelayMs(task({ retryExponentialBackoff: true }), 500, 's')).toBe(86_400_000);
  });
});
