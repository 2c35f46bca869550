/** `expand` and `expandZip` of a task or a mapped group: what was written → what to map over, checked at once. */
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { ExpandSpec } from '../dag-spec/spec';
import { DEFAULT_MAX_MAP_LENGTH } from '../dag-spec/spec';
import { isBranded } from './brand';
import type { Graph } from './graph';
import { madeAt } from './location';
import type { DagNode, GroupNode } from './node';
import { given, show, type Owner } from './option-checks';
import { isAll, taskOf } from './refs';

export interface Expand {
  readonly kind: 'product' | 'zip';
  readonly keys: readonly ExpandKey[];
  readonly maxMapLength: number;
}

export interface ExpandKey {
  readonly name: string;
  /** input: the element stands in `context.inputs` · option: in `this.options`. */
  readonly target: 'input' | 'option';
  readonly source: ExpandSource;
}

/** Elements of a literal object are [key, value]; an element that is a task stands for its output. */
export type ExpandSource =
  { readonly kind: 'literal'; readonly elements: readonly unknown[] } | { readonly kind: 'task'; readonly task: DagNode };

/** More than this no task can be mapped to, whatever its `maxMapLength`. */
export const MOST_INSTANCES = 1_000_000;

export interface ExpandRequest {
  readonly expand: unknown;
  readonly expandZip: unknown;
  readonly owner: Owner;
  readonly home: Home;
  readonly target: 'input' | 'option';
  /** Names that may be expanded; null: any. */
  readonly allowed: readonly string[] | null;
  /** What is given beside it, by name. */
  readonly beside: Readonly<Record<string, unknown>>;
  readonly maxMapLength: number | undefined;
}

/** @returns null: not mapped. @throws DAG_FILE naming the key and its place */
export function parseExpand(request: ExpandRequest): Expand | null {
  const { expand, expandZip, owner } = request;
  if (expand === undefined && expandZip === undefined) return null;
  if (expand !== undefined && expandZip !== undefined)
    throw new ThenceError(
      'DAG_FILE',
      `${owner()} has both \`expand\` and \`expandZip\`: the first makes all combinations, the second pairs; give one of them`,
    );
  const [kind, option, written] =
    expand !== undefined ? (['product', 'expand', expand] as const) : (['zip', 'expandZip', expandZip] as const);
  if (typeof written !== 'object' || written === null || Array.isArray(written) || isBranded(written, 'task', 'output'))
    throw new ThenceError(
      'DAG_FILE',
      `\`${option}\` of ${owner()} is ${showSource(written)}; allowed is an object of names and lists, such as { file: ['a', 'b'] }`,
    );
  const keys = Object.entries(given(written)).map(([name, value]) => parseKey(request, option, name, value));
  if (keys.length === 0) throw new ThenceError('DAG_FILE', `\`${option}\` of ${owner()} names nothing to map over`);
  const parsed: Expand = { kind, keys, maxMapLength: request.maxMapLength ?? DEFAULT_MAX_MAP_LENGTH };
  checkLengths(parsed, option, owner);
  return parsed;
}

/** The tasks that have to be there before the expansion: each implies an edge. */
export function sourcesOf(expand: Expand | null): readonly DagNode[] {
  const tasks = (expand?.keys ?? []).flatMap(({ source }) =>
    source.kind === 'task' ? [source.task] : source.elements.map(taskOf).filter((task) => task !== null),
  );
  return [...new Set(tasks)];
}

export function expandSpec({ kind, keys, maxMapLength }: Expand): ExpandSpec {
  return {
    kind,
    keys: keys.map(({ name, target, source }) => ({
      name,
      target,
      source: source.kind === 'task' ? { kind: 'task', taskId: source.task.id } : { kind: 'literal', length: source.elements.length },
    })),
    ...(maxMapLength !== DEFAULT_MAX_MAP_LENGTH && { maxMapLength }),
  };
}

/** The innermost group around a node that is mapped. */
export function mappedGroupOf(node: { readonly group?: GroupNode | undefined }): GroupNode | null {
  for (let at = node.group; at; at = at.group) if (at['~expand']) return at;
  return null;
}

/** Where a task or group lives. */
interface Home {
  readonly dag: Graph;
  readonly group: GroupNode | undefined;
}

/** What an instance of the task is one element of: the task's own mapping, or that of the group around it. */
export function expandOf(task: DagNode): Expand | null {
  return (task as { '~expand'?: Expand | null })['~expand'] ?? mappedGroupOf(task)?.['~expand'] ?? null;
}

function parseKey({ owner, home, target, allowed, beside }: ExpandRequest, option: string, name: string, value: unknown): ExpandKey {
  const where = (): string => `\`${option}.${name}\` of ${owner()}`;
  if (name === '__proto__') throw new ThenceError('DAG_FILE', `${where()}: this name is not possible`);
  if (allowed !== null && !allowed.includes(name)) {
    const names = allowed.length === 0 ? 'it has no options of its own' : `allowed are ${[...allowed].sort().join(', ')}`;
    throw new ThenceError('DAG_FILE', `${where()}: there is no such option to map over${didYouMean(name, allowed) || `; ${names}`}`);
  }
  if (beside[name] !== undefined)
    throw new ThenceError('DAG_FILE', `\`${name}\` of ${owner()} is given twice, in \`${option}\` and beside it: leave one of them out`);
  return { name, target, source: parseSource(value, home, where) };
}

function parseSource(value: unknown, home: Home, where: () => string): ExpandSource {
  const task = taskOf(value);
  if (task) {
    checkReach(value, home, where);
    if ((task.constructor as { '~kind'?: string })['~kind'] === 'empty')
      throw new ThenceError('DAG_FILE', `${where()} is task "${task.id}"${madeAt(task)}, which has no output to map over`);
    return { kind: 'task', task };
  }
  if (Array.isArray(value)) {
    for (const element of value) if (taskOf(element)) checkReach(element, home, where);
    return { kind: 'literal', elements: Object.freeze([...(value as unknown[])]) };
  }
  if (isPlainObject(value)) return { kind: 'literal', elements: Object.freeze(Object.entries(value)) };
  throw new ThenceError('DAG_FILE', `${where()} is ${showSource(value)}; allowed is a list, a plain object, or a task that returns one`);
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function showSource(value: unknown): string {
  if (isBranded(value, 'group')) return 'a group';
  if (isBranded(value, 'dag')) return 'a DAG';
  if (isBranded(value, 'task', 'output')) return `task "${taskOf(value)!.id}"`;
  const name = typeof value === 'object' && value !== null ? value.constructor?.name : undefined;
  return name !== undefined && name !== 'Object' && name !== 'Array' ? `a ${name}` : show(value);
}

/** What can be known while the file loads; the rest is found out when the task is expanded. */
function checkLengths({ kind, keys, maxMapLength }: Expand, option: string, owner: Owner): void {
  const lengths = keys.flatMap(({ name, source }) => (source.kind === 'literal' ? [{ name, length: source.elements.length }] : []));
  if (kind === 'zip' && new Set(lengths.map(({ length }) => length)).size > 1) {
    const all = lengths.map(({ name, length }) => `\`${name}\` has ${length}`).join(', ');
    throw new ThenceError(
      'DAG_FILE',
      `\`${option}\` of ${owner()} pairs lists of different lengths: ${all}; for all combinations use \`expand\``,
    );
  }
  const known = kind === 'zip' ? (lengths[0]?.length ?? 0) : lengths.reduce((product, { length }) => product * length, 1);
  if (known > maxMapLength)
    throw new ThenceError(
      'DAG_FILE',
      `\`${option}\` of ${owner()} makes ${known} instances; at most ${maxMapLength} are allowed (\`maxMapLength\`)`,
    );
}

/** Whether a task or group in `home` may read `ref`: of the same DAG; and of a mapped group only by its `all`. */
export function checkReach(ref: unknown, home: Home, where: () => string): void {
  const task = taskOf(ref)!;
  if (task.dag !== home.dag)
    throw new ThenceError(
      'DAG_FILE',
      `${where()} is task "${task.id}"${madeAt(task)} of DAG "${task.dag.id}": a task can read only outputs of its own DAG, here "${home.dag.id}"`,
    );
  const around = mappedGroupOf(task);
  const isInside = around !== null && isWithin(home, around);
  const name = `task "${task.id}"${madeAt(task)}`;
  if (isAll(ref) && isInside)
    throw new ThenceError(
      'DAG_FILE',
      `${where()} is all of ${name}, from inside its mapped group "${around.id}": in there use the task itself, which stands for the same index`,
    );
  if (!isAll(ref) && around !== null && !isInside)
    throw new ThenceError(
      'DAG_FILE',
      `${where()} is ${name} inside the mapped group "${around.id}", which has one output per index: use \`all(…)\` of that group, the list of them`,
    );
}

export function nestedMapping(owner: Owner, outer: string): ThenceError {
  return new ThenceError(
    'DAG_FILE',
    `${owner()} is mapped and lies in the mapped group "${outer}": a mapping inside a mapping is not possible; map the group over all combinations`,
  );
}

function isWithin(home: Home, group: GroupNode): boolean {
  for (let at = home.group; at; at = at.group) if (at === group) return true;
  return false;
}
