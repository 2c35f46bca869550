/** When a run has ended, and how; and when a failure stops it before that. */
import type { CompiledTask } from '../../dag-spec/compiled-dag';
import { isFinished } from '../states';
import type { Census } from './gate';
import { finishedIn, present } from './work';
import type { Work } from './work';

/** The effective leaves decide. A run whose unfinished tasks can never run has failed. */
export function endOf(work: Work, { unfinished, moving }: Census): { ends: 'success' | 'failed' | null; waitsForPast: boolean } {
  if (moving > 0) return { ends: null, waitsForPast: false };
  if (unfinished > 0) return work.forPast.size > 0 ? { ends: null, waitsForPast: true } : { ends: 'failed', waitsForPast: false };
  const failed =
    work.dag.leaves.some((id) => hasFailed(work, id)) || work.dag.order.some((task) => hasFailed(work, task.spec.id) && isLast(work, task));
  return { ends: failed ? 'failed' : 'success', waitsForPast: false };
}

/** It has become a leaf because all below it is removed, as in a run of some of the tasks. */
function isLast(work: Work, { spec, downstream }: CompiledTask): boolean {
  const counts = spec.teardown?.onFailureFailDagrun ?? true;
  return counts && downstream.length > 0 && downstream.every((id) => !work.isExpanded(id) && work.stateOf(id) === 'removed');
}

function hasFailed(work: Work, id: string): boolean {
  if (work.isExpanded(id)) return work.tally(id).failed + work.tally(id).upstreamFailed > 0;
  const state = work.stateOf(id);
  return state === 'failed' || state === 'upstream_failed';
}

/**
 * A task of a failFast DAG has failed and something is left to stop: anything but teardowns. The failure of a teardown stops nothing
 * unless it fails the run. What was stopped is no failure of its own, so that clearing what failed first lets the run go on.
 */
export function failsFast(work: Work): boolean {
  if (!work.dag.spec.failFast) return false;
  const failed = work.dag.order.some(({ spec: { id, teardown } }) => teardown?.onFailureFailDagrun !== false && failedByItself(work, id));
  return failed && work.dag.order.some((task) => !task.spec.teardown && canBeStopped(work, task));
}

function failedByItself(work: Work, id: string): boolean {
  if (work.isExpanded(id)) return work.tally(id).failed > 0;
  const task = work.run.tasks.get(id);
  return task?.state === 'failed' && task.reason !== 'fail_fast' && task.reason !== 'run_ended';
}

function canBeStopped(work: Work, { spec: { id }, mappedGroup }: CompiledTask): boolean {
  if (!work.isExpanded(id)) return !isFinished(work.stateOf(id));
  return finishedIn(work.tally(id)) < present(work.tally(id)) || work.run.expanding.has(mappedGroup ?? id);
}
