/** A DAG's graph as text: a tree for the terminal, dot for Graphviz, Mermaid for Markdown. */
import type { CompiledDag, CompiledTask } from '../dag-spec/compiled-dag';
import type { GroupSpec } from '../dag-spec/spec';

/** From the roots down. A task with several upstreams is drawn in full once, and named with an arrow after that. */
export function toTree(dag: CompiledDag): string {
  const drawn = new Set<string>();
  const labels = new Map(dag.spec.edges.map(({ from, to, label }) => [`${from}\n${to}`, label]));
  const lines: string[] = [];
  const draw = (id: string, head: string, indent: string, from: string | null) => {
    const task = dag.tasks.get(id)!;
    const label = from === null ? null : labels.get(`${from}\n${id}`);
    const again = drawn.has(id) && task.downstream.length > 0;
    lines.push(`${head}${label ? `[${label}] ` : ''}${id} <${task.spec.operator}>${describe(task)}${again ? ' ↑' : ''}`);
    if (again) return;
    drawn.add(id);
    for (const [at, next] of task.downstream.entries()) {
      const last = at === task.downstream.length - 1;
      draw(next, `${indent}${last ? '└── ' : '├── '}`, `${indent}${last ? '    ' : '│   '}`, id);
    }
  };
  for (const root of dag.roots) draw(root, '', '', null);
  return lines.join('\n');
}

export function toDot(dag: CompiledDag): string {
  const lines = [`digraph ${quote(dag.spec.dagId)} {`, '  rankdir=LR;', '  node [shape=box, style=rounded];'];
  nested(dag, {
    open: (group, depth) =>
      lines.push(`${pad(depth)}subgraph ${quote(`cluster_${group.id}`)} {`, `${pad(depth + 1)}label=${quote(group.id)};`),
    task: (task, depth) => lines.push(`${pad(depth)}${quote(task.spec.id)} [tooltip=${quote(task.spec.operator)}];`),
    close: (depth) => lines.push(`${pad(depth)}}`),
  });
  for (const { from, to, label } of dag.spec.edges)
    lines.push(`  ${quote(from)} -> ${quote(to)}${label === null ? '' : ` [label=${quote(label)}]`};`);
  return [...lines, '}'].join('\n');
}

export function toMermaid(dag: CompiledDag): string {
  // Mermaid has reserved words and narrow ids, so nodes are numbered and labelled.
  const nodes = new Map([...dag.tasks.keys()].map((id, at) => [id, `t${at}`]));
  const text = (of: string) => `"${of.replaceAll('"', '#quot;')}"`;
  const lines = ['flowchart LR'];
  let groups = 0;
  nested(dag, {
    open: (group, depth) => lines.push(`${pad(depth)}subgraph g${groups++}[${text(group.id)}]`),
    task: (task, depth) => lines.push(`${pad(depth)}${nodes.get(task.spec.id)}[${text(task.spec.id)}]`),
    close: (depth) => lines.push(`${pad(depth)}end`),
  });
  for (const { from, to, label } of dag.spec.edges) {
    lines.push(`  ${nodes.get(from)} -->${label === null ? '' : `|${text(label)}|`} ${nodes.get(to)}`);
  }
  return lines.join('\n');
}

interface Visitor {
  open(group: GroupSpec, depth: number): void;
  task(task: CompiledTask, depth: number): void;
  close(depth: number): void;
}

/** Groups with what is in them, outermost first. */
function nested(dag: CompiledDag, visit: Visitor, parent: string | null = null, depth = 1): void {
  for (const task of dag.tasks.values()) if (task.spec.group === parent) visit.task(task, depth);
  for (const group of dag.spec.groups) {
    if (group.parent !== parent) continue;
    visit.open(group, depth);
    nested(dag, visit, group.id, depth + 1);
    visit.close(depth);
  }
}

function describe({ spec }: CompiledTask): string {
  return spec.triggerRule === 'all_success' ? '' : ` (${spec.triggerRule})`;
}

const pad = (depth: number) => '  '.repeat(depth);
const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
