/** The hop in memory: what ended is recorded, what follows is decided and done, and what may start is claimed. */
import { isFinished } from '../../core/states';
import type { Decide, HopRequest, HopResult, TaskNow } from '../ledger';
import { applyDecision, wakeDueInstances } from './memory-apply';
import { claim } from './memory-claim';
import { endAttempt } from './memory-endings';
import type { MemoryRun, MemoryTask } from './memory-rows';
import { endedRun } from './memory-runs';
import type { MemoryState } from './memory-state';
import { lockedRun } from './memory-view';

export function hop(state: MemoryState, request: HopRequest, decide: Decide): HopResult {
  const now = state.clock.now();
  const refused: string[] = [];
  const finished: TaskNow[] = [];
  const suspended: TaskNow[] = [];
  const due: number[] = [];
  for (const { attemptId } of request.started) {
    const attempt = state.attempts.get(attemptId);
    if (attempt?.state === 'claimed') attempt.state = 'running';
  }
  const touched = new Set(request.runs);
  for (const outcome of request.outcomes) {
    const task = endAttempt(state, outcome, now);
    if (!task) {
      refused.push(outcome.attemptId);
      continue;
    }
    touched.add(task.run.pk);
    if (task.dueAt !== null) due.push(task.dueAt);
    (isFinished(task.state) ? finished : suspended).push(taskNow(state, task));
  }

  const runs = [...touched].flatMap((pk) => state.runs.get(pk) ?? []);
  for (const run of runs) wakeDueInstances(run, now);
  const wereWaiting = new Set(runs.filter((run) => run.waitsForPast));
  const wereRunning = runs.filter((run) => run.state === 'running');
  finished.push(...resolveAll(state, runs, decide, now).map((task) => taskNow(state, task)));

  const { claimed, starving } = claim(state, request, now);
  return {
    claimed,
    refused,
    ended: wereRunning.filter((run) => run.state !== 'running').map(endedRun),
    finished,
    suspended,
    nextDueInMs: due.length > 0 ? Math.max(0, Math.min(...due) - now) : null,
    starving,
    expanding: runs.some((run) => run.expanding.size > 0),
    callbacks: false,
    deferred: request.outcomes.some(({ outcome }) => outcome.kind === 'deferred'),
    makesRoom: runs.some((run) => (run.waitsForPast && !wereWaiting.has(run)) || (run.retryAt !== null && run.retryAt <= now)),
  };
}

/** One after the other: runs of one DAG may share limits. */
function resolveAll(state: MemoryState, runs: readonly MemoryRun[], decide: Decide, now: number): MemoryTask[] {
  return runs.flatMap((run) => {
    const decisions = run.state === 'running' ? decide([lockedRun(state, run)], now) : [];
    Object.assign(run, { changed: [], woken: false });
    return decisions.flatMap((decision) => applyDecision(state, run, decision, now));
  });
}

function taskNow(
  state: MemoryState,
  { run, id: taskId, mapIndex, tryNumber, state: now, reason, startDate, endDate }: MemoryTask,
): TaskNow {
  const { dagId, runId, runType, logicalDate } = run.new;
  const { dag } = state.versionOf(run);
  return { run: run.pk, dagId, runId, runType, logicalDate, taskId, mapIndex, tryNumber, state: now, reason, startDate, endDate, dag };
}
