/** What of a DAG is mapped, and over what. */
import type { DagSpec, ExpandSpec, TaskSpec } from './spec';

/** A mapped task, or a mapped group: what `Resolution.expand` names. */
export interface Expansion {
  /** Task or group id. */
  readonly owner: string;
  readonly kind: 'task' | 'group';
  readonly spec: ExpandSpec;
  /** Tasks whose outputs it is mapped over, each once. Empty: literals only. */
  readonly sources: readonly string[];
  /** The tasks that get instances, in topological order: the mapped task itself, or all of the group. */
  readonly tasks: readonly string[];
}

/** By task id: the mapped group that it is in. @throws on what no stored spec has: one mapping inside another */
export function mappedGroups(spec: DagSpec): Map<string, string> {
  const groups = new Map(spec.groups.map((group) => [group.id, group]));
  const found = new Map<string, string>();
  for (const task of spec.tasks) {
    for (let at = task.group; at !== null; at = groups.get(at)?.parent ?? null) {
      if (!groups.get(at)?.expand) continue;
      if (task.expand || found.has(task.id))
        throw new Error(`DAG "${spec.dagId}": "${task.id}" is mapped twice, by itself or by its groups`);
      found.set(task.id, at);
    }
  }
  return found;
}

/** Edges that a mapped group means: its first tasks come after what it is mapped over; a mapped task after its own sources. */
export function impliedEdges(spec: DagSpec, groupOf: ReadonlyMap<string, string>): { from: string; to: string }[] {
  const inside = new Set(spec.edges.filter(({ from, to }) => groupOf.get(to) === groupOf.get(from)).map(({ to }) => to));
  const own = spec.tasks.flatMap(({ id, expand }) => (expand ? sourcesOf(expand).map((from) => ({ from, to: id })) : []));
  const ofGroups = spec.groups.flatMap((group) => {
    if (!group.expand) return [];
    const first = spec.tasks.filter(({ id }) => groupOf.get(id) === group.id && !inside.has(id));
    return sourcesOf(group.expand).flatMap((from) => first.map(({ id }) => ({ from, to: id })));
  });
  return [...own, ...ofGroups];
}

/** By owner. @param order all tasks, in topological order */
export function expansions(spec: DagSpec, groupOf: ReadonlyMap<string, string>, order: readonly TaskSpec[]): Map<string, Expansion> {
  const found = new Map<string, Expansion>();
  for (const { id, expand } of spec.groups) {
    if (!expand) continue;
    const tasks = order.filter((task) => groupOf.get(task.id) === id).map((task) => task.id);
    found.set(id, { owner: id, kind: 'group', spec: expand, sources: sourcesOf(expand), tasks });
  }
  for (const { id, expand } of order) {
    if (expand) found.set(id, { owner: id, kind: 'task', spec: expand, sources: sourcesOf(expand), tasks: [id] });
  }
  return found;
}

function sourcesOf({ keys }: ExpandSpec): string[] {
  return [...new Set(keys.flatMap(({ source }) => (source.kind === 'task' ? [source.taskId] : [])))];
}
