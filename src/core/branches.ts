/** What a branch leaves out, as Airflow's skip mixin decides it. */
import type { CompiledDag } from '../dag-spec/compiled-dag';

/**
 * The direct downstreams of `branch` that are neither followed nor reachable from a followed task: these are skipped, whatever
 * their trigger rule; what comes after them is left to its own rule. A group id stands for all tasks of the group.
 * Ids that the DAG does not have follow nothing.
 */
export function leftOutByBranch(dag: CompiledDag, branch: string, follows: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  for (const id of follows) {
    if (dag.tasks.has(id)) reached.add(id);
    else for (const task of dag.order) if (task.groups.includes(id)) reached.add(task.spec.id);
  }
  // A Set is walked in the order of insertion, the elements added on the way included.
  for (const id of reached) for (const next of dag.tasks.get(id)!.downstream) reached.add(next);
  return new Set(dag.tasks.get(branch)!.downstream.filter((id) => !reached.has(id)));
}
