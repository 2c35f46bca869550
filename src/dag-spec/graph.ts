/** Walks over the graph of a spec: order, reach, weights. */
import type { DagSpec, TaskSpec } from './spec';

/** By task id. */
export type Neighbours = ReadonlyMap<string, readonly string[]>;

/** Kahn's order; among the ready ones, the order of the file. @throws on a cycle */
export function topologicalOrder(spec: DagSpec, upstream: Neighbours, downstream: Neighbours): string[] {
  const waitingFor = new Map(spec.tasks.map((task) => [task.id, upstream.get(task.id)!.length]));
  const order = spec.tasks.filter((task) => waitingFor.get(task.id) === 0).map((task) => task.id);
  for (const id of order) {
    for (const next of downstream.get(id)!) {
      const left = waitingFor.get(next)! - 1;
      waitingFor.set(next, left);
      if (left === 0) order.push(next);
    }
  }
  if (order.length !== spec.tasks.length) throw new Error(`DAG "${spec.dagId}": its edges close a cycle`);
  return order;
}

/** The tasks that `from` lead to, at any distance; not these themselves, unless one leads to another. */
export function reach(from: Iterable<string>, neighbours: Neighbours): Set<string> {
  const reached = new Set<string>();
  for (const id of from) for (const next of neighbours.get(id)!) reached.add(next);
  // A Set is walked in the order of insertion, the elements added on the way included.
  for (const id of reached) for (const next of neighbours.get(id)!) reached.add(next);
  return reached;
}

/** Own weight, plus that of every distinct descendant (downstream) or ancestor (upstream); what a strategy of the DAG's own said (custom). */
export function weigh(task: TaskSpec, specs: ReadonlyMap<string, TaskSpec>, upstream: Neighbours, downstream: Neighbours): number {
  if (task.weightRule === 'custom') return clamp(task.customWeight ?? task.priorityWeight);
  let sum = task.priorityWeight;
  if (task.weightRule !== 'absolute') {
    for (const id of reach([task.id], task.weightRule === 'upstream' ? upstream : downstream)) sum += specs.get(id)!.priorityWeight;
  }
  return clamp(sum);
}

const clamp = (weight: number) => Math.max(-2147483648, Math.min(2147483647, weight));
