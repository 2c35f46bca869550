/** dagre and elkjs behind one shape: boxes with sizes in, places and bends out. */
import { Graph, layout as dagreLayout } from '@dagrejs/dagre';
import type { ELK } from 'elkjs';

export interface EngineGraph {
  readonly direction: 'LR' | 'TB';
  readonly nodes: readonly { readonly id: string; readonly parent: string | null; readonly width: number; readonly height: number }[];
  readonly groups: readonly { readonly id: string; readonly parent: string | null }[];
  /** `labelWidth` 0: no label. */
  readonly edges: readonly { readonly from: string; readonly to: string; readonly labelWidth: number }[];
}
/** Places are of the upper left corner. Edges are in the order of the input. */
export interface EngineLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: Readonly<Record<string, Box>>;
  readonly groups: Readonly<Record<string, Box>>;
  readonly edges: readonly { readonly points: readonly Point[]; readonly label: Point | null }[];
}
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}
export interface Point {
  readonly x: number;
  readonly y: number;
}

const MARGIN = 16;
const LABEL_HEIGHT = 18;
/** Room above the members of a group for its name. */
const GROUP_HEAD = 26;
const GROUP_PAD = 12;

// Ids of tasks and groups are one namespace to dagre; the prefixes keep them apart.
const nodeKey = (id: string): string => `n:${id}`;
const groupKey = (id: string): string => `g:${id}`;

export function layoutWithDagre(input: EngineGraph): EngineLayout {
  const graph = new Graph({ compound: true, multigraph: false });
  graph.setGraph({
    rankdir: input.direction,
    nodesep: input.groups.length > 0 ? 44 : 18,
    ranksep: 52,
    edgesep: 10,
    marginx: MARGIN,
    marginy: MARGIN,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const group of input.groups) graph.setNode(groupKey(group.id), {});
  for (const node of input.nodes) graph.setNode(nodeKey(node.id), { width: node.width, height: node.height });
  for (const group of input.groups) if (group.parent !== null) graph.setParent(groupKey(group.id), groupKey(group.parent));
  for (const node of input.nodes) if (node.parent !== null) graph.setParent(nodeKey(node.id), groupKey(node.parent));
  for (const edge of input.edges) {
    const label = edge.labelWidth > 0 ? { width: edge.labelWidth, height: LABEL_HEIGHT, labelpos: 'c' as const } : {};
    graph.setEdge(nodeKey(edge.from), nodeKey(edge.to), label);
  }
  dagreLayout(graph);

  const corner = (key: string): Box => {
    const { x = 0, y = 0, width = 0, height = 0 } = graph.node(key) as Partial<Box>;
    return { x: x - width / 2, y: y - height / 2, width, height };
  };
  const nodes = Object.fromEntries(input.nodes.map((node) => [node.id, corner(nodeKey(node.id))]));
  const groups = frameGroups(input, nodes);
  const edges = input.edges.map((edge) => {
    const { points = [], x, y } = graph.edge(nodeKey(edge.from), nodeKey(edge.to)) as { points?: Point[]; x?: number; y?: number };
    return { points, label: edge.labelWidth > 0 && x !== undefined && y !== undefined ? { x, y } : null };
  });
  return withinView({ nodes, groups, edges });
}

/** dagre leaves no room for a group's name: its frame is drawn round its members here. */
function frameGroups(input: EngineGraph, nodes: Readonly<Record<string, Box>>): Record<string, Box> {
  const frames: Record<string, Box> = {};
  const frame = (id: string): Box => {
    const inner = [
      ...input.nodes.filter((node) => node.parent === id).map((node) => nodes[node.id]!),
      ...input.groups.filter((group) => group.parent === id).map((group) => (frames[group.id] ??= frame(group.id))),
    ];
    const [left, top] = [Math.min(...inner.map((box) => box.x)), Math.min(...inner.map((box) => box.y))];
    const right = Math.max(...inner.map((box) => box.x + box.width));
    const bottom = Math.max(...inner.map((box) => box.y + box.height));
    return {
      x: left - GROUP_PAD,
      y: top - GROUP_HEAD,
      width: right - left + 2 * GROUP_PAD,
      height: bottom - top + GROUP_HEAD + GROUP_PAD,
    };
  };
  for (const group of input.groups) frames[group.id] ??= frame(group.id);
  return frames;
}

/** Frames may stick out beyond what dagre measured: everything is moved so that it begins at the margin. */
function withinView(parts: Pick<EngineLayout, 'nodes' | 'groups' | 'edges'>): EngineLayout {
  const boxes = [...Object.values(parts.nodes), ...Object.values(parts.groups)];
  const points = parts.edges.flatMap((edge) => edge.points);
  const least = (values: number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values: number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
  const dx = MARGIN - least([...boxes.map((box) => box.x), ...points.map((point) => point.x)]);
  const dy = MARGIN - least([...boxes.map((box) => box.y), ...points.map((point) => point.y)]);
  const move = <T extends Point>(at: T): T => ({ ...at, x: at.x + dx, y: at.y + dy });
  const moveAll = (all: Readonly<Record<string, Box>>): Record<string, Box> =>
    Object.fromEntries(Object.entries(all).map(([id, box]) => [id, move(box)]));
  return {
    width: most([...boxes.map((box) => box.x + box.width), ...points.map((point) => point.x)]) + dx + MARGIN,
    height: most([...boxes.map((box) => box.y + box.height), ...points.map((point) => point.y)]) + dy + MARGIN,
    nodes: moveAll(parts.nodes),
    groups: moveAll(parts.groups),
    edges: parts.edges.map((edge) => ({ points: edge.points.map(move), label: edge.label && move(edge.label) })),
  };
}

interface ElkChild extends Partial<Box> {
  id: string;
  layoutOptions?: Record<string, string>;
  children?: ElkChild[];
  edges?: ElkEdge[];
}
interface ElkEdge {
  id: string;
  sources: string[];
  targets: string[];
  labels?: (Partial<Box> & { text: string })[];
  sections?: { startPoint: Point; bendPoints?: Point[]; endPoint: Point }[];
}

export async function layoutWithElk(input: EngineGraph): Promise<EngineLayout> {
  const { default: Elk } = (await import('elkjs/lib/elk.bundled.js')) as unknown as { default: new () => ELK };
  const childrenOf = (parent: string | null): ElkChild[] => [
    ...input.groups
      .filter((group) => group.parent === parent)
      .map((group) => ({
        id: groupKey(group.id),
        layoutOptions: { 'elk.padding': `[top=${GROUP_HEAD},left=${GROUP_PAD},bottom=${GROUP_PAD},right=${GROUP_PAD}]` },
        children: childrenOf(group.id),
      })),
    ...input.nodes.filter((node) => node.parent === parent).map(({ id, width, height }) => ({ id: nodeKey(id), width, height })),
  ];
  const root: ElkChild = {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': input.direction === 'LR' ? 'RIGHT' : 'DOWN',
      'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
      'elk.layered.spacing.nodeNodeBetweenLayers': '56',
      'elk.spacing.nodeNode': '16',
      'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
      'elk.padding': `[top=${MARGIN},left=${MARGIN},bottom=${MARGIN},right=${MARGIN}]`,
      'elk.json.shapeCoords': 'ROOT',
      'elk.json.edgeCoords': 'ROOT',
    },
    children: childrenOf(null),
    edges: input.edges.map((edge, index) => ({
      id: `e${index}`,
      sources: [nodeKey(edge.from)],
      targets: [nodeKey(edge.to)],
      ...(edge.labelWidth > 0 ? { labels: [{ text: '.', width: edge.labelWidth, height: LABEL_HEIGHT }] } : {}),
    })),
  };
  const result = (await new Elk().layout(root as never)) as unknown as ElkChild;

  const nodes: Record<string, Box> = {};
  const groups: Record<string, Box> = {};
  const collect = (children: readonly ElkChild[]): void => {
    for (const { id, x = 0, y = 0, width = 0, height = 0, children: inner } of children) {
      (id.startsWith('g:') ? groups : nodes)[id.slice(2)] = { x, y, width, height };
      collect(inner ?? []);
    }
  };
  collect(result.children ?? []);
  const edges = (result.edges ?? []).map((edge) => {
    const section = edge.sections?.[0];
    const label = edge.labels?.[0];
    return {
      points: section ? [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] : [],
      label: label ? { x: (label.x ?? 0) + (label.width ?? 0) / 2, y: (label.y ?? 0) + LABEL_HEIGHT / 2 } : null,
    };
  });
  return { width: result.width ?? 0, height: result.height ?? 0, nodes, groups, edges };
}
