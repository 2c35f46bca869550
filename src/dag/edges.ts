/** Edges as written, with groups at their ends → edges between tasks. */
import { ThenceError } from '../core/errors';
import type { EdgeSpec } from '../dag-spec/spec';
import { isBranded } from './brand';
import type { Graph } from './graph';
import { madeAt } from './location';
import type { DagNode } from './node';
import { roleOf } from './setup-teardown';

/** A group before something means its last tasks, a group after something its first ones. Sorted by (from, to). */
export function resolveEdges(graph: Graph): EdgeSpec[] {
  const inner = new Map<DagNode, GroupEnds>();
  const endsOf = (node: DagNode): GroupEnds => {
    let ends = inner.get(node);
    if (!ends) inner.set(node, (ends = groupEnds(graph, node)));
    return ends;
  };
  const labels = new Map<string, EdgeSpec>();
  for (const [from, targets] of graph.edges) {
    for (const [to, { label = null }] of targets) {
      for (const last of endsOf(from).last) {
        for (const first of endsOf(to).first) {
          const key = JSON.stringify([last.id, first.id]);
          labels.set(key, { from: last.id, to: first.id, label: label ?? labels.get(key)?.label ?? null });
        }
      }
    }
  }
  return [...labels.values()].sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
}

interface GroupEnds {
  readonly first: readonly DagNode[];
  readonly last: readonly DagNode[];
}

function groupEnds(graph: Graph, node: DagNode): GroupEnds {
  if (!isBranded(node, 'group')) return { first: [node], last: [node] };
  const members = new Set(node.members());
  const tasks = [...members].filter((member) => !isBranded(member, 'group'));
  if (tasks.length === 0) {
    throw new ThenceError(
      'DAG_FILE',
      `group "${node.id}"${madeAt(node)} of DAG "${graph.id}" stands at an end of an edge and has no tasks: the tasks on its two sides would not be joined`,
    );
  }
  const [entered, left] = [new Set<DagNode>(), new Set<DagNode>()];
  const beforeTeardown = new Map<DagNode, DagNode[]>();
  for (const [from, targets] of graph.edges) {
    if (!members.has(from)) continue;
    for (const to of targets.keys()) {
      if (!members.has(to)) continue;
      for (const member of from.members()) left.add(member);
      for (const member of to.members()) {
        entered.add(member);
        if (!roleOf(member)?.teardown) continue;
        const before = from.members().filter((one) => !isBranded(one, 'group'));
        beforeTeardown.set(member, [...(beforeTeardown.get(member) ?? []), ...before]);
      }
    }
  }
  const ends = tasks.filter((task) => !left.has(task));
  const last = new Set(ends.flatMap((task) => workBefore(task, beforeTeardown)));
  return { first: tasks.filter((task) => !entered.has(task)), last: last.size > 0 ? [...last] : ends };
}

/** What follows a group does not wait for its teardowns, nor fails with them: it follows the work before them. */
function workBefore(task: DagNode, beforeTeardown: ReadonlyMap<DagNode, readonly DagNode[]>): readonly DagNode[] {
  if (!roleOf(task)?.teardown) return [task];
  return (beforeTeardown.get(task) ?? [])
    .filter((before) => !roleOf(before)?.setup)
    .flatMap((before) => workBefore(before, beforeTeardown));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
