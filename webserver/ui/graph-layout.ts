/**
 * Where the boxes of a graph stand. dagre draws up to 300 boxes, elkjs more; both run in a thread of their own once it takes longer
 * than a blink, since nothing else is answered meanwhile. A layout depends on the version and on which groups are closed, so it is kept.
 */
import { Worker } from 'node:worker_threads';
import { compiledEntry } from '../../src/config/package-root';
import { estimateWidth, visibleGraph } from './graph-model';
import type { VisibleGraph } from './graph-model';
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';
import { layoutWithDagre } from './layout-engines';
import type { EngineGraph, EngineLayout } from './layout-engines';

export interface GraphNode {
  readonly id: string;
  readonly label: string;
  /** Operator, or how many tasks a closed group holds. */
  readonly subtitle: string;
  readonly mark: 'setup' | 'teardown' | null;
  readonly kind: 'task' | 'closed-group';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Task ids whose states it shows: itself, or those of a closed group. */
  readonly tasks: readonly string[];
}
export interface GraphBox {
  readonly id: string;
  readonly label: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly depth: number;
}
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** SVG path data. */
  readonly path: string;
  readonly label: { readonly text: string; readonly x: number; readonly y: number; readonly width: number } | null;
}
export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly GraphNode[];
  /** Open groups, outermost first. */
  readonly boxes: readonly GraphBox[];
  readonly edges: readonly GraphEdge[];
  /** All groups, and whether each is closed. */
  readonly groups: readonly { readonly id: string; readonly closed: boolean }[];
}

export type Direction = 'LR' | 'TB';

const NODE_HEIGHT = 40;
const INLINE_UP_TO = 60;
const DAGRE_UP_TO = 300;
/** With more tasks than this, a graph opens with its groups closed. */
const OPEN_UP_TO = 50;
const KEPT = 128;
const layouts = new Map<string, Promise<GraphLayout>>();

/** `closed` null: all groups of a large DAG, none of a small one. */
export function graphLayout(dag: CompiledDag, direction: Direction, closed: ReadonlySet<string> | null): Promise<GraphLayout> {
  const shut = closed ?? new Set(dag.tasks.size > OPEN_UP_TO ? dag.spec.groups.map((group) => group.id) : []);
  const key = JSON.stringify([dag.version, direction, [...shut].toSorted()]);
  let layout = layouts.get(key);
  if (!layout) {
    layout = compute(dag, direction, shut);
    layouts.set(key, layout);
    layout.catch(() => layouts.delete(key));
    for (const oldest of layouts.keys()) if (layouts.size > KEPT) layouts.delete(oldest);
  }
  return layout;
}

async function compute(dag: CompiledDag, direction: Direction, closed: ReadonlySet<string>): Promise<GraphLayout> {
  const graph = visibleGraph(dag, closed);
  const input: EngineGraph = {
    direction,
    nodes: graph.nodes.map((node) => ({ id: node.id, parent: node.parent, width: estimateWidth(node), height: NODE_HEIGHT })),
    groups: graph.openGroups.map(({ id, parent }) => ({ id, parent })),
    edges: graph.edges.map(({ from, to, label }) => ({ from, to, labelWidth: label === null ? 0 : label.length * 6.2 + 14 })),
  };
  const size = input.nodes.length;
  const output = size <= INLINE_UP_TO ? layoutWithDagre(input) : await inThread(input, size <= DAGRE_UP_TO ? 'dagre' : 'elk');
  return assemble(graph, output);
}

function assemble(graph: VisibleGraph, output: EngineLayout): GraphLayout {
  return {
    width: Math.ceil(output.width),
    height: Math.ceil(output.height),
    nodes: graph.nodes.map((node) => ({ ...node, ...output.nodes[node.id]! })),
    boxes: graph.openGroups.map((group) => ({ ...group, ...output.groups[group.id]! })),
    edges: graph.edges.map((edge, index) => {
      const { points, label } = output.edges[index]!;
      return {
        from: edge.from,
        to: edge.to,
        path: smoothPath(points),
        label: edge.label === null || !label ? null : { text: edge.label, ...label, width: edge.label.length * 6.2 + 14 },
      };
    }),
    groups: graph.groups,
  };
}

/** Through the engine's bends on soft curves: a quadratic from middle to middle of the stretches. */
function smoothPath(points: readonly { x: number; y: number }[]): string {
  const at = (point: { x: number; y: number }): string => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
  const [first, ...rest] = points;
  if (!first || rest.length === 0) return '';
  if (rest.length === 1) return `M${at(first)}L${at(rest[0]!)}`;
  let path = `M${at(first)}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const [bend, next] = [rest[i]!, rest[i + 1]!];
    const end = i === rest.length - 2 ? next : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    path += `Q${at(bend)} ${at(end)}`;
  }
  return path;
}

function inThread(input: EngineGraph, engine: 'dagre' | 'elk'): Promise<EngineLayout> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(compiledEntry('webserver/ui/layout-thread'), { workerData: { input, engine } });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the layout thread ended with exit code ${code}`)));
  });
}
