/** Which tasks of a DAG a person's verdict reaches: pure closures over its graph. */
import type { CompiledDag } from '../dag-spec/compiled-dag';

export interface Reach {
  readonly upstream?: boolean;
  readonly downstream?: boolean;
}

/** All tasks that come after one of `ids`, these themselves only where they do. */
export function tasksBelow(dag: CompiledDag, ids: Iterable<string>): Set<string> {
  return closure(dag, ids, 'downstream');
}

/** `ids` and what `reach` adds, in topological order; ids that the DAG does not have are left out. */
export function reachedTasks(dag: CompiledDag, ids: readonly string[], { upstream, downstream }: Reach): string[] {
  const reached = new Set(ids);
  if (upstream) for (const id of closure(dag, ids, 'upstream')) reached.add(id);
  if (downstream) for (const id of closure(dag, ids, 'downstream')) reached.add(id);
  return inOrder(dag, reached);
}

/** What has to run again with `ids`: they themselves, the setups that they need, and the teardowns of those. */
export function withSetupsAndTeardowns(dag: CompiledDag, ids: readonly string[]): string[] {
  const all = new Set(ids);
  for (const id of ids) for (const setup of dag.tasks.get(id)?.setups ?? []) all.add(setup);
  for (const id of [...all]) {
    if (!dag.tasks.get(id)?.spec.setup) continue;
    for (const below of dag.tasks.get(id)!.downstream) if (dag.tasks.get(below)!.spec.teardown) all.add(below);
  }
  return inOrder(dag, all);
}

function closure(dag: CompiledDag, ids: Iterable<string>, side: 'upstream' | 'downstream'): Set<string> {
  const reached = new Set<string>();
  for (const id of ids) for (const next of dag.tasks.get(id)?.[side] ?? []) reached.add(next);
  // A Set is walked in the order of insertion, the elements added on the way included.
  for (const id of reached) for (const next of dag.tasks.get(id)![side]) reached.add(next);
  return reached;
}

const inOrder = (dag: CompiledDag, ids: ReadonlySet<string>): string[] => dag.order.map((task) => task.spec.id).filter((id) => ids.has(id));
