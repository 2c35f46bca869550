/** Wiring: what may stand at an end of an edge, and then, after, chain, crossDownstream. No data types here. */
import { ThenceError } from '../core/errors';
import { BRAND, isBranded, type Brand } from './brand';
import type { Expand } from './expand';
import type { Graph } from './graph';
import { captureSite, madeAt, siteText, type Site } from './location';
import { checkOptions, given, text, type Check } from './option-checks';

export interface EdgeOptions {
  /** Shown on the edge in the graph. */
  label?: string;
}

const EDGE_CHECKS: { readonly [Option in keyof Required<EdgeOptions>]: Check } = { label: text };

/** A task, a group, `task.output`, or a list of them. None of these is a function: see `then`. */
export type Wireable = DagNode | OutputLike;
interface OutputLike {
  readonly [BRAND]: 'output';
  readonly id: string;
}
type After<T> = T extends DagNode ? T : T extends { readonly task: infer Task extends DagNode } ? Task : TaskList;

/** A task, a group or a list of them. (Called "Node", messages would read like the DOM's.) */
export abstract class DagNode {
  abstract get [BRAND](): Brand;
  abstract readonly id: string;
  abstract readonly dag: Graph;
  /** The innermost group around it. */
  readonly group?: GroupNode | undefined;
  private readonly site: Site;

  constructor() {
    this.site = captureSite(new.target);
  }

  /**
   * `next` runs after this one; returns `next` (an array comes back as a list that can be wired on).
   *
   * The parameter may never accept a function or `any`: that is what makes the compiler refuse `await task` (TS1320) and a task
   * returned from an async function (TS1058), and what keeps typed lint rules from taking `a.then(b);` for a floating promise.
   */
  then<T extends Wireable | readonly Wireable[]>(next: T, options: EdgeOptions = {}): After<T> {
    // First of all, before `this` is touched: it may be a stranger (a bundler's copy of `module.exports = task`).
    if (typeof next === 'function') throw notAPromise(this);
    const to = asNode(next, `"${this.id}".then()`);
    checkEdgeOptions(options, this, to);
    for (const above of this.ends()) for (const below of to.ends()) above.dag.addEdge(above, below, options);
    return to as never;
  }

  /** The mirror of `then`: this one runs after `previous`; returns `previous`. */
  after<T extends Wireable | readonly Wireable[]>(previous: T, options: EdgeOptions = {}): T {
    asNode(previous, `"${this.id}".after()`).then<DagNode>(this, options);
    return previous;
  }

  /** 'file:line:column' in the DAG file, or null. */
  get madeAt(): string | null {
    return siteText(this.site);
  }
  /** What edges are stored between. */
  ends(): readonly DagNode[] {
    return [this];
  }
  /** This one and all inside it. */
  members(): readonly DagNode[] {
    return [this];
  }
}

/** What `a.then([b, c])` returns, so that `.then(d)` makes d follow both. */
export class TaskList extends DagNode {
  get [BRAND](): Brand {
    return 'list';
  }
  constructor(readonly nodes: readonly DagNode[]) {
    super();
  }
  get id(): string {
    return `[${this.nodes.map((node) => node.id).join(', ')}]`;
  }
  get dag(): Graph {
    return this.nodes[0]!.dag;
  }
  override get madeAt(): string | null {
    return this.nodes[0]!.madeAt;
  }
  override ends(): readonly DagNode[] {
    return this.nodes.flatMap((node) => node.ends());
  }
}

/** The part of a TaskGroup that wiring needs. */
export abstract class GroupNode extends DagNode {
  get [BRAND](): Brand {
    return 'group';
  }
  readonly children: DagNode[] = [];
  /** What a mapped group is mapped over; null: not mapped. */
  abstract readonly '~expand': Expand | null;
  override members(): readonly DagNode[] {
    return [this, ...this.children.flatMap((node) => node.members())];
  }
}

/**
 * `chain(a, [b, c], d)`: each step before the next. Two lists of equal length side by side are joined in pairs.
 * @throws for an empty list, and for neighbouring lists of different lengths
 */
export function chain(...steps: readonly (Wireable | readonly Wireable[])[]): void {
  for (const [index, step] of steps.slice(1).entries()) {
    const before = steps[index]!;
    if (!isList(before) || !isList(step)) {
      asNode(before, 'chain()').then(step);
      continue;
    }
    asNode(before, 'chain()'); // for their checks: nothing may be missing from a list
    asNode(step, 'chain()');
    if (before.length !== step.length) {
      throw new ThenceError(
        'DAG_FILE',
        `chain() got lists of ${before.length} and ${step.length} side by side: lists of one length are joined in pairs; use crossDownstream() to join each with each`,
      );
    }
    for (const [position, node] of before.entries()) asNode(node, 'chain()').then(step[position]!);
  }
}

/** Each of `from` before each of `to`. */
export function crossDownstream(from: readonly Wireable[], to: readonly Wireable[]): void {
  asNode(from, 'crossDownstream()').then(to);
}

const isList = (step: Wireable | readonly Wireable[]): step is readonly Wireable[] => Array.isArray(step);

function asNode(value: Wireable | readonly Wireable[], where: string): DagNode {
  if (isList(value)) {
    if (value.length === 0) throw new ThenceError('DAG_FILE', `${where} got an empty list: the tasks on its two sides would not be joined`);
    return new TaskList(value.map((node) => asNode(node, where)));
  }
  if (isBranded(value, 'task', 'group', 'list')) return value as DagNode;
  if (isBranded(value, 'output')) return (value as unknown as { task: DagNode }).task;
  const given = value === null ? 'null' : isBranded(value, 'dag') ? 'a DAG' : typeof value === 'object' ? 'an object' : typeof value;
  throw new ThenceError('DAG_FILE', `${where} takes a task, a group, or a list of them; it was given ${given}`);
}

function checkEdgeOptions(options: unknown, from: DagNode, to: DagNode): void {
  const owner = (): string => `the edge from "${from.id}" to "${to.id}"`;
  if (typeof options !== 'object' || options === null || Array.isArray(options) || BRAND in options)
    throw new ThenceError(
      'DAG_FILE',
      `the second argument of ${owner()} is its options, such as { label: 'ok' }; several tasks are one list: .then([b, c])`,
    );
  checkOptions(given(options), owner, EDGE_CHECKS, Object.keys(EDGE_CHECKS));
}

function notAPromise(node: DagNode): Error {
  return new ThenceError(
    'DAG_FILE',
    `task "${node.id}"${madeAt({ madeAt: node.madeAt ?? null })} is not a promise: it was awaited, returned from an async function, given to Promise.resolve() or Promise.all(), ` +
      'or its .then() got a function. A DAG file only describes tasks; they run later. Write `a.then(b)` without await to say that b follows a; ' +
      'from an async function return `task.output` or `{ task }`.',
  );
}
