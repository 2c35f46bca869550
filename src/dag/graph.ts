/** The graph of a DAG while its file is loading: nodes, and edges as they were written. Refuses at once what could never run. */
import { ThenceError } from '../core/errors';
import { checkId } from './ids';
import { madeAt } from './location';
import type { DagNode, EdgeOptions } from './node';
import { checkOpen } from './registry';

export abstract class Graph {
  abstract readonly id: string;
  abstract readonly madeAt: string | null;
  /** Tasks and groups by their full id, in the order of the file. */
  readonly nodes = new Map<string, DagNode>();
  /** A group at an end stays a group, so that tasks added to it later take part too. */
  readonly edges = new Map<DagNode, Map<DagNode, EdgeOptions>>();
  private readonly entered = new Set<DagNode>();

  add(node: DagNode, kind: 'task' | 'group'): void {
    checkOpen(() => `${kind} "${node.id}" of DAG "${this.id}"`);
    checkId(kind, node.id, () => ` in DAG "${this.id}"${madeAt(node)}`);
    const other = this.nodes.get(node.id);
    if (other)
      throw new ThenceError(
        'DAG_FILE',
        `DAG "${this.id}" already has "${node.id}"${madeAt(other)}; a second one was made at ${node.madeAt ?? 'an unknown place'}`,
      );
    this.nodes.set(node.id, node);
    node.group?.children.push(node);
  }

  addEdge(from: DagNode, to: DagNode, options: EdgeOptions): void {
    const refused = (): string => `"${from.id}"${madeAt(from)} cannot come before "${to.id}"${madeAt(to)}`;
    if (to.dag !== from.dag) throw new ThenceError('DAG_FILE', `${refused()}: they are in two DAGs, "${from.dag.id}" and "${to.dag.id}"`);
    if (this.reaches(to, from)) throw new ThenceError('DAG_FILE', `${refused()}: that closes a cycle in DAG "${this.id}"`);
    let out = this.edges.get(from);
    if (!out) this.edges.set(from, (out = new Map()));
    const label = options.label ?? out.get(to)?.label;
    out.set(to, label === undefined ? {} : { label });
    this.entered.add(to);
  }

  /** What directly follows a node: by its own edges and those of the groups around it. A group stands for all inside it. */
  private *following(node: DagNode): Iterable<DagNode> {
    for (const at of outwards(node)) for (const to of this.edges.get(at)?.keys() ?? []) yield* to.members();
  }

  /** Answers at once where nothing follows `start` or nothing precedes `goal`, so that wiring in either order stays linear. */
  private reaches(start: DagNode, goal: DagNode): boolean {
    const goals = new Set(goal.members());
    const seen = new Set(start.members());
    const preceded = [...goals, ...outwards(goal)].some((node) => this.entered.has(node));
    for (const node of seen) {
      if (goals.has(node)) return true;
      if (preceded) for (const next of this.following(node)) seen.add(next);
    }
    return false;
  }
}

function* outwards(node: DagNode): Iterable<DagNode> {
  for (let at: DagNode | undefined = node; at; at = at.group) yield at;
}
