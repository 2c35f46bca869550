/** Runs in a given state, and what is decided for them, in short. */
import { resolve as resolveChanges } from '../../src/core/resolve';
import type { Change, Resolution, RunView, Tally, TaskSnapshot, Transition } from '../../src/core/run-view';
import type { TaskState } from '../../src/core/states';
import { compileDag } from '../../src/dag-spec/compiled-dag';
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';
import type { ExpandSpec, TaskSpec } from '../../src/dag-spec/spec';
import { dagSpec } from '../support/factories';
import type { DagSpecInput } from '../support/factories';

export const NOW = 1000;
export const compile = (input: Omit<DagSpecInput, 'dagId'>) => compileDag('v', dagSpec({ dagId: 'd', ...input }));
export const nothing: TaskSnapshot = { state: null, reason: null, admissible: false, dueAt: null, branch: null };

type Given = TaskState | Partial<TaskSnapshot>;
/** A mapped task's instances by map index, or its tally. */
type GivenMapped = readonly Given[] | Partial<Tally>;

const snapshot = (given: Given): TaskSnapshot => ({
  ...nothing,
  ...(typeof given === 'string' || given === null ? { state: given } : given),
});

/** Tasks that are not named are undecided. */
export function view(
  dag: CompiledDag,
  states: Record<string, Given> = {},
  { mapped = {}, ...rest }: Partial<Omit<RunView, 'tasks' | 'mapped' | 'instances'>> & { mapped?: Record<string, GivenMapped> } = {},
): RunView {
  const unexpanded = dag.order.map(({ spec }) => spec.id).filter((id) => !mapped[id]);
  const instances = Object.entries(mapped).flatMap(([id, given]) =>
    Array.isArray(given) ? [[id, new Map((given as Given[]).map((each, i) => [i, snapshot(each)]))] as const] : [],
  );
  return {
    tasks: new Map(unexpanded.map((id) => [id, snapshot(states[id] ?? null)])),
    mapped: new Map(Object.entries(mapped).map(([id, given]) => [id, tally(given)])),
    instances: new Map(instances),
    expanding: new Set(),
    held: false,
    waitsForPast: new Set(),
    dagRoom: null,
    ...rest,
  };
}

export function tally(given: GivenMapped): Tally {
  const none = { none: 0, waiting: 0, active: 0, sleeping: 0, success: 0, failed: 0, skipped: 0, upstreamFailed: 0 };
  if (!Array.isArray(given)) {
    const counts = { ...none, ...(given as Partial<Tally>) };
    return { length: Object.values(counts).reduce((sum, each) => sum + each, 0), ...counts };
  }
  const names = {
    scheduled: 'waiting',
    running: 'active',
    up_for_retry: 'sleeping',
    deferred: 'sleeping',
    upstream_failed: 'upstreamFailed',
  };
  const counts: Record<string, number> = { ...none };
  for (const { state, admissible } of (given as Given[]).map(snapshot)) {
    if (state === 'removed') continue;
    const name = admissible ? 'active' : ((names as Record<string, string>)[state ?? ''] ?? state ?? 'none');
    counts[name] = counts[name]! + 1;
  }
  const removed = (given as Given[]).map(snapshot).filter(({ state }) => state === 'removed').length;
  return { length: given.length - removed, ...(counts as Omit<Tally, 'length'>) };
}

/** Changed tasks by id, or `id[map index]`. */
export function resolve(dag: CompiledDag, run: RunView, changed: readonly string[] | null, now = NOW): Resolution {
  return resolveChanges(dag, run, changed && changed.map(changeOf), now);
}

function changeOf(text: string): Change {
  const [, taskId, mapIndex] = /^(.*?)(?:\[(\d+)\])?$/.exec(text)!;
  return { taskId: taskId!, mapIndex: mapIndex === undefined ? -1 : Number(mapIndex) };
}

const nameOf = ({ taskId, mapIndex }: Transition) => (mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`);
/** By task, or `id[map index]`. */
export const stateOf = (transitions: readonly Transition[]) => Object.fromEntries(transitions.map((each) => [nameOf(each), each.state]));
export const admitted = (transitions: readonly Transition[]) => transitions.filter(({ admissible }) => admissible).map(nameOf);

/** Over literals of these lengths, or the outputs of these tasks. */
export function over(...sources: (number | string)[]): ExpandSpec {
  const keys = sources.map((source, i) => ({
    name: `k${i}`,
    target: 'input' as const,
    source: typeof source === 'number' ? ({ kind: 'literal', length: source } as const) : ({ kind: 'task', taskId: source } as const),
  }));
  return { kind: 'product', keys };
}

export const setup = (id: string): Partial<TaskSpec> & { id: string } => ({ id, setup: true });
export const teardown = (id: string, onFailureFailDagrun = false): Partial<TaskSpec> & { id: string } => ({
  id,
  teardown: { onFailureFailDagrun },
  triggerRule: 'all_done_setup_success',
});
