/** What was decided for a run, done to it: each transition only where the task is still in the state that it was decided for. */
import { isFinished } from '../../core/states';
import type { Instant } from '../../core/time';
import type { RunDecision, Transition } from '../ledger';
import { endWait } from './memory-endings';
import { everyTask, taskAt } from './memory-rows';
import type { MemoryRun, MemoryTask } from './memory-rows';
import { endRun } from './memory-runs';
import type { MemoryState } from './memory-state';

/** Returns the tasks that ended by it. The run is woken when it has to be looked at once more. */
export function applyDecision(state: MemoryState, run: MemoryRun, decision: RunDecision, now: Instant): MemoryTask[] {
  const ended: MemoryTask[] = [];
  const apply = (task: MemoryTask | undefined, to: Omit<Transition, 'taskId' | 'mapIndex'>) => {
    if (!task || task.state !== to.expected) return;
    changeState(task, to, now);
    if (isFinished(task.state)) ended.push(task);
  };
  for (const { taskId, mapIndex, ...to } of decision.transitions) apply(taskAt(run, taskId, mapIndex), to);
  for (const { taskId, ...to } of decision.sweeps) {
    for (const task of instances(run, taskId)) apply(task, { expected: null, admissible: false, ...to });
  }
  for (const taskId of decision.withdraw) for (const task of instances(run, taskId)) task.admissible = false;
  for (const { taskId, count } of decision.gates) {
    const waiting = instances(run, taskId).filter((task) => task.state === 'scheduled' && !task.admissible);
    for (const task of waiting.slice(0, count)) task.admissible = true;
  }
  run.waitsForPast = decision.waitsForPast;
  for (const owner of decision.expand) run.expanding.add(owner);
  if (decision.failFast) ended.push(...stopRun(state, run, 'fail_fast', now));
  if (decision.ends) {
    const { failFast } = state.versionOf(run).dag.spec;
    endRun(state, run, decision.ends, now, decision.ends === 'failed' && failFast ? 'fail_fast' : null);
  }
  return ended;
}

function changeState(task: MemoryTask, to: Pick<Transition, 'expected' | 'state' | 'reason' | 'admissible'>, now: Instant): void {
  const { expected, state, reason, admissible } = to;
  const finished = isFinished(state);
  // A new try begins with nothing of the earlier ones.
  if (state === 'scheduled' && expected !== 'scheduled' && task.tryNumber > 0 && task.piece === 0) task.xcoms.clear();
  Object.assign(task, {
    state,
    reason,
    admissible,
    dueAt: null,
    startDate: finished ? (task.startDate ?? now) : task.startDate,
    endDate: finished ? now : null,
  });
}

const instances = (run: MemoryRun, taskId: string) =>
  [...(run.instances.get(taskId)?.values() ?? [])].sort((a, b) => a.mapIndex - b.mapIndex);

const began: ReadonlySet<string | null> = new Set(['queued', 'running', 'restarting', 'deferred', 'up_for_reschedule', 'up_for_retry']);

/** What runs or sleeps fails and is stopped, what has not begun is skipped; teardowns go on unless the run is over. */
export function stopRun(state: MemoryState, run: MemoryRun, reason: 'fail_fast' | 'run_ended', now: Instant): MemoryTask[] {
  const stopped = [...everyTask(run)].filter((task) => !isFinished(task.state) && (reason === 'run_ended' || !task.compiled.spec.teardown));
  for (const task of stopped) {
    endWait(state, task);
    const attempt = task.attempt === null ? undefined : state.attempts.get(task.attempt);
    if (attempt && attempt.state !== 'ended') attempt.state = 'ending';
    const to = began.has(task.state) ? 'failed' : 'skipped';
    Object.assign(task, { state: to, reason, admissible: false, dueAt: null, startDate: task.startDate ?? now, endDate: now });
    if (to === 'failed' && task.compiled.spec.callbacks?.includes('failure')) {
      state.callbacks.push({ run, task, event: 'failure', tryNumber: task.tryNumber, reason, error: null });
    }
  }
  run.expanding.clear();
  Object.assign(run, { woken: true, changed: null });
  return stopped;
}

/** Retries of instances whose time has come. Those of other tasks come due when the run is resolved. */
export function wakeDueInstances(run: MemoryRun, now: Instant): void {
  for (const task of everyTask(run)) {
    if (task.mapIndex < 0 || (task.state !== 'up_for_retry' && task.state !== 'up_for_reschedule') || task.dueAt! > now) continue;
    changeState(task, { expected: task.state, state: 'scheduled', reason: null, admissible: false }, now);
    run.changed?.push({ taskId: task.id, mapIndex: task.mapIndex });
  }
}
