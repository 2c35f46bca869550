/** A run as `decide` is to see it. */
import type { RunView } from '../../core/run-view';
import type { LockedRun } from '../ledger';
import { everyTask, tallyOf } from './memory-rows';
import type { MemoryRun, MemoryTask } from './memory-rows';
import type { MemoryState } from './memory-state';

export function lockedRun(state: MemoryState, run: MemoryRun): LockedRun {
  const { dag } = state.versionOf(run);
  const { dagId, runType } = run.new;
  return {
    pk: run.pk,
    dagId,
    dag,
    state: run.state,
    isPaused: state.dags.get(dagId)!.isPaused,
    runType,
    view: {
      tasks: run.tasks,
      mapped: new Map([...run.expanded.keys()].map((taskId) => [taskId, tallyOf(run, taskId)])),
      instances: run.instances,
      expanding: run.expanding,
      waitsForPast: waitsForPast(state, run),
      dagRoom: dagRoom(state, run),
    },
    changed: run.woken ? null : run.changed,
  };
}

/** Tasks whose earlier run is not far enough: a run without a logical date, the first of all, and a backfill's first have none. */
function waitsForPast(state: MemoryState, run: MemoryRun): Set<string> {
  const { dag } = state.versionOf(run);
  const { logicalDate, backfill, dagId } = run.new;
  if (dag.usesPast.length === 0 || logicalDate === null || backfill?.ordinal === 0) return new Set();
  const earlier = state.runsOf(dagId).filter((other) => other.new.logicalDate !== null && other.new.logicalDate < logicalDate);
  if (earlier.length === 0) return new Set();
  const previous = earlier.reduce((a, b) => (b.new.logicalDate! > a.new.logicalDate! ? b : a));
  // A task that the run before has never had holds nobody up, unless that run has not even begun.
  const isFar = (taskId: string) => {
    const tasks = instancesOf(previous, taskId);
    return tasks.every(({ state }) => state === 'success' || state === 'skipped') && (tasks.length > 0 || previous.state !== 'queued');
  };
  return new Set(
    dag.usesPast.filter((taskId) => {
      const { spec, downstream } = dag.tasks.get(taskId)!;
      return !(isFar(taskId) && (!spec.waitForDownstream || downstream.every(isFar)));
    }),
  );
}

function instancesOf(run: MemoryRun, taskId: string): MemoryTask[] {
  const all = run.expanded.has(taskId) ? run.instances.get(taskId)!.values() : [run.tasks.get(taskId)].values();
  return [...all].filter((task): task is MemoryTask => task !== undefined && task.state !== 'removed');
}

/** What is admissible or has an attempt, over all runs of the DAG. */
function dagRoom(state: MemoryState, run: MemoryRun): RunView['dagRoom'] {
  const { dag } = state.versionOf(run);
  const { maxActiveTasksPerDag = Infinity } = dag.spec;
  const limited = dag.order.filter(({ spec }) => spec.maxActiveTisPerDag !== undefined);
  if (maxActiveTasksPerDag === Infinity && limited.length === 0) return null;
  const { dagId } = run.new;
  const live = [...state.attempts.values()].filter((attempt) => attempt.state !== 'ended' && attempt.state !== 'parked');
  const admissible = state.runsOf(dagId).flatMap((other) => [...everyTask(other)].filter((task) => task.admissible));
  const ofDag = live.map(({ task }) => task).filter((task) => task.run.new.dagId === dagId);
  const active = [...new Set([...ofDag, ...admissible])];
  return {
    tasks: maxActiveTasksPerDag - active.length,
    byTask: new Map(limited.map(({ spec }) => [spec.id, spec.maxActiveTisPerDag! - active.filter(({ id }) => id === spec.id).length])),
  };
}
