/** What becomes of attempts and of waits. */
import { randomUUID } from 'node:crypto';
import { afterAttempt } from '../../core/retry';
import { isFinished } from '../../core/states';
import type { Instant } from '../../core/time';
import type { AttemptOutcome, ErrorInfo, Outcome } from '../../core/workload';
import type { WaitEvent } from '../ledger';
import { everyTask } from './memory-rows';
import type { MemoryAttempt, MemoryTask } from './memory-rows';
import type { MemoryState } from './memory-state';

/** Null: refused. The slot is free in either case. */
export function endAttempt(state: MemoryState, { attemptId, outcome }: AttemptOutcome, now: Instant): MemoryTask | null {
  const attempt = state.attempts.get(attemptId);
  if (!attempt || attempt.state === 'ended' || attempt.state === 'parked') return null;
  attempt.state = 'ended';
  const { task } = attempt;
  state.wakeOthers(task.run);
  if (task.attempt !== attemptId || (task.state !== 'running' && task.state !== 'restarting')) return null;
  task.run.changed?.push({ taskId: task.id, mapIndex: task.mapIndex });
  if (task.state === 'restarting') {
    return Object.assign(task, { state: null, reason: 'cleared', dueAt: null, piece: 0, branch: null, resume: null });
  }

  const { spec } = attempt.compiled;
  const seed = `${task.run.pk} ${task.id}${task.mapIndex < 0 ? '' : ` ${task.mapIndex}`}`;
  const { state: becomes, ...after } = afterAttempt(outcome, spec, task, seed, now, state.maxLostTries);
  Object.assign(task, after, { state: becomes, endDate: isFinished(becomes) ? now : null });
  task.branch = outcome.kind === 'success' ? outcome.branch : null;
  // Handed back, a piece that goes on after a wait still has to.
  if (outcome.kind !== 'not-started') task.resume = null;
  if (outcome.kind === 'success' && outcome.returnValue !== null) task.xcoms.set('return_value', outcome.returnValue);
  if (outcome.kind === 'deferred') park(attempt, outcome, now);
  callBack(state, task, outcome);
  return task;
}

function park(attempt: MemoryAttempt, { wait }: Outcome & { kind: 'deferred' }, now: Instant): void {
  attempt.state = 'parked';
  attempt.task.wait = { id: randomUUID(), generation: 0, spec: wait, task: attempt.task, since: now };
}

/** True: the try goes on. */
export function fireWait(state: MemoryState, { wait: id, generation, event }: WaitEvent): boolean {
  const task = [...state.runs.values()].flatMap((run) => [...everyTask(run)]).find(({ wait }) => wait?.id === id);
  if (task?.state !== 'deferred' || task.wait!.generation !== generation) return false;
  const resume = { method: task.wait!.spec.resume, event };
  endWait(state, task);
  Object.assign(task, { state: 'scheduled', reason: null, admissible: false, resume });
  task.run.changed?.push({ taskId: task.id, mapIndex: task.mapIndex });
  task.run.woken = true;
  return true;
}

/** It waits no more: its parked attempt ends. */
export function endWait(state: Pick<MemoryState, 'attempts'>, task: MemoryTask): void {
  if (!task.wait) return;
  task.wait = null;
  state.attempts.get(task.attempt!)!.state = 'ended';
}

function callBack(state: MemoryState, task: MemoryTask, outcome: Outcome): void {
  const event = { success: 'success', failed: 'failure', up_for_retry: 'retry', skipped: 'skipped' } as const;
  const name = task.state !== null && task.state in event ? event[task.state as keyof typeof event] : null;
  if (name === null || !task.compiled.spec.callbacks?.includes(name)) return;
  const { run, tryNumber, reason } = task;
  state.callbacks.push({ run, task, event: name, tryNumber, reason, error: errorOf(outcome) });
}

function errorOf(outcome: Outcome): ErrorInfo | null {
  if (outcome.kind === 'failed') return outcome.error;
  return 'message' in outcome && outcome.message !== null ? { name: outcome.kind, message: outcome.message, stack: null } : null;
}
