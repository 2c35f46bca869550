/**
 * The names that templates see: the task's context under camelCase and under Airflow's snake_case names, with `var`, `conn` and
 * `ti.xcom_pull`. Templates are synchronous: whatever has to be fetched is asked for as a Need (see render.ts).
 */
import type { ConnectionInfo } from '../execution-api/execution-api';
import type { TaskContext } from '../dag/context';
import { didYouMean } from '../core/did-you-mean';

export type Need =
  | {
      readonly kind: 'xcom';
      readonly taskIds: string | readonly string[] | null;
      readonly key: string;
      readonly mapIndexes: number | readonly number[] | null;
      readonly runId: string | null;
    }
  | { readonly kind: 'variable'; readonly key: string }
  | { readonly kind: 'connection'; readonly id: string }
  /** Of its data interval, or of the run itself. */
  | { readonly kind: 'previous-success'; readonly edge: 'start' | 'end' | 'startDate' | 'endDate' };

/** Answers with the value, or throws to stop the rendering until it has been fetched. */
export type Ask = (need: Need) => unknown;
export type FetchNeed = (need: Need) => Promise<unknown>;
/** Names → values, made anew for each rendering around its `ask`. Getters may throw: the name is then undefined, and the message says why. */
export type Scope = (ask: Ask) => Readonly<Record<string, unknown>>;

const PLAIN_NAMES = [
  'runId',
  'runType',
  'logicalDate',
  'dataIntervalStart',
  'dataIntervalEnd',
  'ds',
  'dsNodash',
  'ts',
  'tsNodash',
  'params',
  'conf',
  'inputs',
  'inlets',
  'outlets',
  'tryNumber',
  'mapIndex',
  'expandedTiCount',
  'taskRescheduleCount',
  'attemptId',
  'macros',
] as const satisfies readonly (keyof TaskContext)[];

export function templateScope(context: TaskContext<unknown, unknown>): Scope {
  return (ask) => {
    const scope = {};
    const define = (name: string, get: () => unknown): void => {
      for (const alias of new Set([name, snakeCase(name)])) Object.defineProperty(scope, alias, { get, enumerable: true });
    };
    for (const name of PLAIN_NAMES) define(name, () => context[name]);
    const xcom = { pull: pullWith(ask) };
    const ti = Object.freeze({ ...bothCases(context.ti), xcomPull: xcom.pull, xcom_pull: xcom.pull });
    define('ti', () => ti);
    define('taskInstance', () => ti);
    define('xcom', () => xcom);
    define('dag', () => dagInTemplate(context.dag));
    define('task', () => taskInTemplate(context.task));
    define('dagRun', () => bothCases(context.dagRun));
    define('tsNodashWithTz', () => context.logicalDate.toFormat("yyyyMMdd'T'HHmmssZZZ"));
    define('taskInstanceKeyStr', () => `${context.dag.id}__${context.task.id}__${context.dsNodash}`);
    define('prevDataIntervalStartSuccess', () => ask({ kind: 'previous-success', edge: 'start' }));
    define('prevDataIntervalEndSuccess', () => ask({ kind: 'previous-success', edge: 'end' }));
    define('prevStartDateSuccess', () => ask({ kind: 'previous-success', edge: 'startDate' }));
    define('prevEndDateSuccess', () => ask({ kind: 'previous-success', edge: 'endDate' }));
    const variable = (key: string): unknown => ask({ kind: 'variable', key });
    const connection = (id: string): unknown => connectionInTemplate(ask({ kind: 'connection', id }) as ConnectionInfo | null);
    define('var', () => ({ value: byName(variable), json: byName((key) => parseJson(key, variable(key))) }));
    define('variables', () => byName(variable));
    define('conn', () => byName(connection));
    define('connections', () => byName(connection));
    return scope;
  };
}

/** Needs answered by the context's own functions. */
export function fetchFromContext(context: TaskContext<unknown, unknown>): FetchNeed {
  return async (need) => {
    switch (need.kind) {
      case 'xcom':
        return context.xcom.pull(need.taskIds, { key: need.key, mapIndexes: need.mapIndexes ?? undefined, runId: need.runId ?? undefined });
      case 'variable':
        return context.variables.get(need.key, null);
      case 'connection':
        return context.connections.get(need.id);
      case 'previous-success':
        return previousSuccess(context, need.edge);
    }
  };
}

function previousSuccess(context: TaskContext<unknown, unknown>, edge: Extract<Need, { kind: 'previous-success' }>['edge']) {
  switch (edge) {
    case 'start':
      return context.prevDataIntervalStartSuccess;
    case 'end':
      return context.prevDataIntervalEndSuccess;
    case 'startDate':
      return context.prevStartDateSuccess;
    case 'endDate':
      return context.prevEndDateSuccess;
  }
}

function dagInTemplate({ id, options }: TaskContext['dag']): object {
  const { description, tags, owner, timezone } = options ?? {};
  return bothCases({ id, dagId: id, description, tags, owner, timezone });
}

function taskInTemplate(task: TaskContext['task']): object {
  const { pool = 'default_pool', queue = 'default', retries = 0, owner, triggerRule = 'all_success' } = task['~written'] ?? {};
  return bothCases({ id: task.id, taskId: task.id, operator: task.constructor.name, pool, queue, retries, owner, triggerRule });
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function bothCases(info: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).flatMap(([name, value]) => [[name, value] as const, [snakeCase(name), value] as const]));
}

const XCOM_OPTIONS = ['taskIds', 'task_ids', 'key', 'mapIndexes', 'map_indexes', 'runId', 'run_id', 'default'];

/** `xcom_pull('a')`, `xcom_pull(task_ids=['a', 'b'], key='k', default=0)`, `xcomPull('a', { key: 'k' })`. */
function pullWith(ask: Ask) {
  return (...given: readonly unknown[]): unknown => {
    const positional = given.filter((value) => typeof value === 'string' || Array.isArray(value) || value === null);
    // Keyword arguments arrive as one last object with the mark __keywords.
    const { __keywords: _, ...options } = (given.find((value) => typeof value === 'object' && value !== null && !Array.isArray(value)) ??
      {}) as Record<string, unknown>;
    const unknown = Object.keys(options).find((name) => !XCOM_OPTIONS.includes(name));
    if (unknown !== undefined) throw new Error(`xcom_pull() has no argument \`${unknown}\`${didYouMean(unknown, XCOM_OPTIONS)}`);
    if (positional.length > 1) throw new Error('xcom_pull() takes the task ids first, and all else by name: xcom_pull("a", key="k")');
    const value = ask({
      kind: 'xcom',
      taskIds: (positional[0] ?? options['task_ids'] ?? options['taskIds'] ?? null) as string | readonly string[] | null,
      key: (options['key'] ?? 'return_value') as string,
      mapIndexes: (options['map_indexes'] ?? options['mapIndexes'] ?? null) as number | readonly number[] | null,
      runId: (options['run_id'] ?? options['runId'] ?? null) as string | null,
    });
    return value ?? options['default'];
  };
}

/** `var.value.x` and `var.value.get('x', 'else')` alike. */
function byName(find: (name: string) => unknown): object {
  const get = (name: string, fallback?: unknown): unknown => find(name) ?? fallback;
  return new Proxy({}, { get: (_target, name) => (typeof name === 'symbol' ? undefined : name === 'get' ? get : find(name)) });
}

/** The parser's own message would quote the value. */
function parseJson(key: string, text: unknown): unknown {
  if (typeof text !== 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`variable "${key}" is not JSON; \`var.value.${key}\` is its text`);
  }
}

function connectionInTemplate(info: ConnectionInfo | null): object | undefined {
  if (info === null || info === undefined) return undefined;
  const uri = (): string => info.uri;
  return { ...info, conn_id: info.id, conn_type: info.type, extra_dejson: info.extra, get_uri: uri };
}
