/** What of a DAG is drawn: tasks outside closed groups, closed groups as one box each, and the edges between those. */
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';

export interface VisibleNode {
  readonly id: string;
  readonly label: string;
  readonly subtitle: string;
  readonly kind: 'task' | 'closed-group';
  /** Innermost open group. */
  readonly parent: string | null;
  readonly tasks: readonly string[];
  /** Its number of instances is shown behind its label. */
  readonly isMapped: boolean;
  /** It makes, or takes away, what others need. */
  readonly mark: 'setup' | 'teardown' | null;
}
export interface VisibleGraph {
  readonly nodes: readonly VisibleNode[];
  /** Outermost first. */
  readonly openGroups: readonly { readonly id: string; readonly parent: string | null; readonly label: string; readonly depth: number }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly label: string | null }[];
  readonly groups: readonly { readonly id: string; readonly closed: boolean }[];
}

export function visibleGraph(dag: CompiledDag, closed: ReadonlySet<string>): VisibleGraph {
  const members = new Map<string, string[]>();
  for (const task of dag.tasks.values()) for (const group of task.groups) members.set(group, [...(members.get(group) ?? []), task.spec.id]);
  const parents = new Map(dag.spec.groups.map((group) => [group.id, group.parent]));
  const around = (id: string | null): string[] => (id === null ? [] : [...around(parents.get(id) ?? null), id]);
  const short = (id: string, parent: string | null): string =>
    parent !== null && id.startsWith(`${parent}.`) ? id.slice(parent.length + 1) : id;

  const nodes = new Map<string, VisibleNode>();
  const shownAs = new Map<string, string>();
  for (const task of dag.tasks.values()) {
    const groups = task.groups.toReversed();
    const shut = groups.findIndex((group) => closed.has(group));
    if (shut === -1) {
      const { id, operator, group, setup, teardown } = task.spec;
      const mark = setup ? 'setup' : teardown ? 'teardown' : null;
      nodes.set(`task ${id}`, {
        id,
        label: short(id, group),
        subtitle: mark === null ? operator : `${mark} · ${operator}`,
        kind: 'task',
        parent: group,
        tasks: [id],
        isMapped: task.expand !== null,
        mark,
      });
      shownAs.set(id, id);
    } else {
      const id = groups[shut]!;
      const [parent, tasks] = [groups[shut - 1] ?? null, members.get(id)!];
      nodes.set(`group ${id}`, {
        id,
        label: short(id, parent),
        subtitle: `${tasks.length} tasks`,
        kind: 'closed-group',
        parent,
        tasks,
        isMapped: dag.expansions.has(id),
        mark: null,
      });
      shownAs.set(task.spec.id, id);
    }
  }

  const edges = new Map<string, { from: string; to: string; label: string | null }>();
  for (const edge of dag.spec.edges) {
    const [from, to] = [shownAs.get(edge.from)!, shownAs.get(edge.to)!];
    if (from === to) continue;
    const key = `${from}\n${to}`;
    const known = edges.get(key);
    if (!known) edges.set(key, { from, to, label: edge.label });
    else if (known.label === null && edge.label !== null) known.label = edge.label;
  }

  const isOpen = (id: string): boolean => members.has(id) && !around(id).some((group) => closed.has(group));
  const openGroups = dag.spec.groups
    .filter((group) => isOpen(group.id))
    .map((group) => ({ id: group.id, parent: group.parent, label: short(group.id, group.parent), depth: around(group.id).length - 1 }))
    .toSorted((a, b) => a.depth - b.depth);
  const groups = dag.spec.groups.filter((group) => members.has(group.id)).map(({ id }) => ({ id, closed: closed.has(id) }));
  return { nodes: [...nodes.values()], openGroups, edges: [...edges.values()], groups };
}

/** ' [12345]' */
const MAPPED_CHARS = 8;

/** Of a box with an icon, by its longer line of text; 13 px and 11 px system fonts. */
export function estimateWidth({ label, subtitle, isMapped }: Pick<VisibleNode, 'label' | 'subtitle' | 'isMapped'>): number {
  const room = isMapped ? MAPPED_CHARS : 0;
  return Math.round(Math.min(280, Math.max(104, (label.length + room) * 7.1 + 46, subtitle.length * 6 + 46)));
}
