/** What deciding needs from a spec, computed once per version: neighbours, leaves, order, weights, setups, expansions. Immutable. */
import { expansions, impliedEdges, mappedGroups } from './expansions';
import type { Expansion } from './expansions';
import { reach, topologicalOrder, weigh } from './graph';
import type { Neighbours } from './graph';
import { relevantSetups } from './setups';
import type { DagSpec, ExpandSpec, TaskSpec } from './spec';

export type { Expansion } from './expansions';

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
  /**
   * Setups at any distance above that are for this task: it runs only when they succeeded, and clearing it clears them. As in Airflow,
   * a setup is for what lies between it and one of its teardowns, or for all below it when it has none.
   */
  readonly setups: readonly string[];
  /** The mapped group around the task, or null: its instances depend on those of their own index in there. */
  readonly mappedGroup: string | null;
  /** What its instances are mapped over, by itself or with its group; null: not mapped. */
  readonly expand: ExpandSpec | null;
  /** Branches directly above, and short circuits at the distance that they act over, which may leave this task out. */
  readonly choosers: readonly string[];
  /** The tasks to look at when this one changes: those directly below, those that it may leave out, is a setup for, or feeds the group of. */
  readonly affects: readonly string[];
}

export interface CompiledDag {
  readonly version: string;
  readonly spec: DagSpec;
  /** In topological order. */
  readonly tasks: ReadonlyMap<string, CompiledTask>;
  /** The same tasks as a list: `order[i].index === i`. */
  readonly order: readonly CompiledTask[];
  /**
   * What decides the run's state: tasks with nothing after them but teardowns that do not count (`onFailureFailDagrun` makes one count).
   * In a DAG of such teardowns only, the last ones.
   */
  readonly leaves: readonly string[];
  readonly roots: readonly string[];
  /** By owner: each mapped task and each mapped group. */
  readonly expansions: ReadonlyMap<string, Expansion>;
  /** Tasks with dependsOnPast or waitForDownstream. */
  readonly usesPast: readonly string[];
}

/** @throws when the edges close a cycle or name an unknown task, or a mapping is inside another: a stored spec never does. */
export function compileDag(version: string, spec: DagSpec): CompiledDag {
  const groupOf = mappedGroups(spec);
  const { upstream, downstream } = connect(spec, groupOf);
  const ids = topologicalOrder(spec, upstream, downstream);
  const specs = new Map(spec.tasks.map((task) => [task.id, task]));
  const expansionOf = expansions(
    spec,
    groupOf,
    ids.map((id) => specs.get(id)!),
  );
  const setups = relevantSetups(spec, upstream, downstream);
  const choosers = findChoosers(spec, groupOf, downstream);
  const affects = new Map(ids.map((id) => [id, new Set(downstream.get(id))]));
  for (const above of [setups, choosers]) for (const [id, list] of above) for (const each of list) affects.get(each)!.add(id);
  for (const { sources, tasks } of expansionOf.values()) for (const id of sources) for (const task of tasks) affects.get(id)!.add(task);

  const parentOf = new Map(spec.groups.map((group) => [group.id, group.parent]));
  const tasks = new Map<string, CompiledTask>();
  for (const [index, id] of ids.entries()) {
    const task = specs.get(id)!;
    const groups: string[] = [];
    for (let at = task.group; at !== null; at = parentOf.get(at) ?? null) groups.push(at);
    const mappedGroup = groupOf.get(id) ?? null;
    tasks.set(id, {
      spec: task,
      index,
      upstream: upstream.get(id)!,
      downstream: downstream.get(id)!,
      priority: weigh(task, specs, upstream, downstream),
      groups,
      setups: setups.get(id) ?? [],
      mappedGroup,
      expand: expansionOf.get(mappedGroup ?? id)?.spec ?? null,
      choosers: choosers.get(id) ?? [],
      affects: [...affects.get(id)!],
    });
  }
  return {
    version,
    spec,
    tasks,
    order: [...tasks.values()],
    leaves: effectiveLeaves(ids, specs, downstream),
    roots: ids.filter((id) => upstream.get(id)!.length === 0),
    expansions: expansionOf,
    usesPast: ids.filter((id) => specs.get(id)!.dependsOnPast ?? specs.get(id)!.waitForDownstream),
  };
}

function connect(spec: DagSpec, groupOf: ReadonlyMap<string, string>): { upstream: Neighbours; downstream: Neighbours } {
  const upstream = new Map<string, string[]>(spec.tasks.map((task) => [task.id, []]));
  const downstream = new Map<string, string[]>(spec.tasks.map((task) => [task.id, []]));
  const edges = [...spec.edges, ...impliedEdges(spec, groupOf)];
  for (const { from, to } of new Map(edges.map((edge) => [`${edge.from} ${edge.to}`, edge])).values()) {
    const [above, below] = [upstream.get(to), downstream.get(from)];
    if (!above || !below) throw new Error(`DAG "${spec.dagId}": the edge from "${from}" to "${to}" names an unknown task`);
    above.push(from);
    below.push(to);
  }
  return { upstream, downstream };
}

/**
 * By task. A branch chooses among the tasks directly below it; a short circuit shuts these out, or with `ignoreDownstreamTriggerRules` all below
 * it, but never a teardown. Inside a mapped group each instance chooses for its own index there; of a mapped task outside of one
 * there is no instance that could choose for anything.
 */
function findChoosers(spec: DagSpec, groupOf: ReadonlyMap<string, string>, downstream: Neighbours): Map<string, string[]> {
  const teardowns = new Set(spec.tasks.filter(({ teardown }) => teardown).map(({ id }) => id));
  const found = new Map<string, string[]>();
  for (const { id, kind, expand, ignoreDownstreamTriggerRules } of spec.tasks) {
    if ((kind !== 'branch' && kind !== 'short_circuit') || expand) continue;
    const below = ignoreDownstreamTriggerRules ? [...reach([id], downstream)] : downstream.get(id)!;
    const group = groupOf.get(id);
    for (const task of below) {
      if ((group !== undefined && groupOf.get(task) !== group) || (kind === 'short_circuit' && teardowns.has(task))) continue;
      found.set(task, [...(found.get(task) ?? []), id]);
    }
  }
  return found;
}

function effectiveLeaves(ids: readonly string[], specs: ReadonlyMap<string, TaskSpec>, downstream: Neighbours): string[] {
  const counts = (id: string) => specs.get(id)!.teardown?.onFailureFailDagrun ?? true;
  const leaves = ids.filter((id) => counts(id) && !downstream.get(id)!.some(counts));
  return leaves.length > 0 ? leaves : ids.filter((id) => downstream.get(id)!.length === 0);
}
