/** What a task that decides about those after it has chosen, from what it returned. */
import { ThenceError } from '../core/errors';
import type { DagNode } from '../dag/node';
import type { TaskKind } from '../dag-spec/spec';

/** `Outcome.branch`: the ids that are followed. Of a short circuit: none when it closes, null (all) when it does not. */
export function choiceOf(task: DagNode, kind: TaskKind, returned: unknown): readonly string[] | null {
  switch (kind) {
    case 'branch':
      return branchChoice(task, returned);
    case 'short_circuit':
      return returned ? null : [];
    case 'task':
    case 'empty':
      return null;
  }
}

/** @returns the chosen ids, of tasks and groups. @throws when one of them does not directly follow the branch */
function branchChoice(task: DagNode, returned: unknown): readonly string[] {
  const chosen: unknown[] =
    returned === null || returned === undefined ? [] : Array.isArray(returned) ? (returned as unknown[]) : [returned];
  const followers = followersOf(task);
  for (const id of chosen) {
    if (typeof id === 'string' && followers.has(id)) continue;
    const allowed =
      followers.size === 0
        ? 'nothing follows it'
        : `allowed are ${[...followers].map((name) => `"${name}"`).join(', ')}, a list of them, or null for none`;
    const given = typeof id === 'string' ? `"${id}"` : `a value of type ${typeof id}`;
    throw new ThenceError('INVALID_VALUE', `branch "${task.id}" chose ${given}, which does not directly follow it; ${allowed}`);
  }
  return chosen as string[];
}

function followersOf(task: DagNode): Set<string> {
  const ids = new Set<string>();
  for (const from of outwards(task)) {
    for (const to of task.dag.edges.get(from)?.keys() ?? []) {
      for (const member of to.members()) ids.add(member.id);
      for (const group of outwards(to)) ids.add(group.id);
    }
  }
  for (const own of outwards(task)) ids.delete(own.id);
  return ids;
}

function* outwards(node: DagNode): Iterable<DagNode> {
  for (let at: DagNode | undefined = node; at; at = at.group) yield at;
}
