/** What deciding needs from a spec, computed once per version: neighbours, leaves, order, weights. Immutable. */
import type { DagSpec, TaskSpec } from './spec';

export interface CompiledTask {
  readonly spec: TaskSpec;
  /** Position in topological order. */
  readonly index: number;
  readonly upstream: readonly string[];
  readonly downstream: readonly string[];
  /** priority_weight summed by the task's weight rule, clamped to int32. */
  readonly priority: number;
  /** Groups around the task, innermost first. */
  readonly groups: readonly string[];
}

export interface CompiledDag {
  readonly version: string;
  readonly spec: DagSpec;
  /** In topological order. */
  readonly tasks: ReadonlyMap<string, CompiledTask>;
  /** The same tasks as a list: `order[i].index === i`. */
  readonly order: readonly CompiledTask[];
  /** Tasks with nothing after them: they decide the run's state. */
  readonly leaves: readonly string[];
  readonly roots: readonly string[];
}

/** @throws when the edges close a cycle or name an unknown task: a stored spec never does. */
export function compileDag(version: string, spec: DagSpec): CompiledDag {
  const upstream = new Map<string, string[]>(spec.tasks.map((task) => [task.id, []]));
  const downstream = new Map<string, string[]>(spec.tasks.map((task) => [task.id, []]));
  for (const { from, to } of spec.edges) {
    const [above, below] = [upstream.get(to), downstream.get(from)];
    if (!above || !below) throw new Error(`DAG "${spec.dagId}": the edge from "${from}" to "${to}" names an unknown task`);
    above.push(from);
    below.push(to);
  }

  const order = topologicalOrder(spec, upstream, downstream);
  const parentOf = new Map(spec.groups.map((group) => [group.id, group.parent]));
  const specs = new Map(spec.tasks.map((task) => [task.id, task]));
  const tasks = new Map<string, CompiledTask>();
  for (const [index, id] of order.entries()) {
    const task = specs.get(id)!;
    const groups: string[] = [];
    for (let at = task.group; at !== null; at = parentOf.get(at) ?? null) groups.push(at);
    tasks.set(id, {
      spec: task,
      index,
      upstream: upstream.get(id)!,
      downstream: downstream.get(id)!,
      priority: weigh(task, specs, task.weightRule === 'upstream' ? upstream : downstream),
      groups,
    });
  }
  return {
    version,
    spec,
    tasks,
    order: [...tasks.values()],
    leaves: order.filter((id) => downstream.get(id)!.length === 0),
    roots: order.filter((id) => upstream.get(id)!.length === 0),
  };
}

type Neighbours = ReadonlyMap<string, readonly string[]>;

/** Kahn's order; among the ready ones, the order of the file. */
function topologicalOrder(spec: DagSpec, upstream: Neighbours, downstream: Neighbours): string[] {
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

/** Own weight, plus that of every distinct descendant (downstream) or ancestor (upstream). */
function weigh(task: TaskSpec, specs: ReadonlyMap<string, TaskSpec>, neighbours: Neighbours): number {
  const seen = new Set([task.id]);
  let sum = 0;
  for (const id of seen) {
    sum += specs.get(id)!.priorityWeight;
    if (task.weightRule !== 'absolute') for (const next of neighbours.get(id)!) seen.add(next);
  }
  return Math.max(-2147483648, Math.min(2147483647, sum));
}
