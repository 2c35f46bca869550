/** DAG as its file made it → DagSpec: the plain form that is stored, with every check that needs the whole DAG. */
import { durationToMs } from '../core/duration';
import { ThenceError } from '../core/errors';
import type { JsonObject, JsonValue } from '../core/json';
import { SPEC_FORMAT, type DagSpec, type GroupSpec, type TaskSpec } from '../dag-spec/spec';
import { readTemplateFiles, type TemplateFiles } from '../templates/template-files';
import { taskOf, type BaseOperator } from './base-operator';
import type { DAG } from './dag';
import { resolveEdges } from './edges';
import { madeAt } from './location';
import { serializeParams } from './params';
import { toIsoDate } from './dates';
import { runPolicy } from './run-policy';
import { parseTimetable } from './schedule';
import type { TaskGroup } from './task-group';
import { TASK_OPTION_NAMES } from './task-options';
import type { AnyParams, DagOptions } from './types';

export interface SerializedDag {
  readonly spec: DagSpec;
  /** Not wrong, but perhaps not meant. Sentences. */
  readonly warnings: readonly string[];
  /** Contents of template files by path relative to the dags folder: they belong into the bundle's `files`. */
  readonly files: TemplateFiles;
}

/** Where the DAG file lies, to read the template files beside it. */
export interface DagSource {
  readonly dagsFolder: string;
  /** Relative to `dagsFolder`. */
  readonly filePath: string;
}

type AnyTask = BaseOperator<unknown, object, string>;
type TaskClass = typeof BaseOperator;

/** @throws DAG_FILE with one sentence that names the DAG or task, and its line */
export function serializeDag(dag: DAG<AnyParams>, source?: DagSource): SerializedDag {
  const owner = `DAG "${dag.id}"${madeAt(dag)}`;
  const warnings: string[] = [];
  const nodes = [...dag.nodes.values()];
  const tasks = nodes.filter((node): node is AnyTask => taskOf(node) !== null);
  const groups = nodes.filter((node) => taskOf(node) === null) as unknown as TaskGroup[];
  if (tasks.length === 0) warnings.push(`${owner} has no tasks`);

  const { options } = dag;
  const timezone = options.timezone ?? 'UTC';
  const timetable = parseTimetable(options.schedule, timezone, owner);
  const startDate = options.startDate === undefined ? null : toIsoDate(options.startDate, timezone, `\`startDate\` of ${owner}`);
  const endDate = options.endDate === undefined ? null : toIsoDate(options.endDate, timezone, `\`endDate\` of ${owner}`);
  checkDates(owner, { startDate, endDate });
  const params = serializeParams(dag, timetable.kind !== 'null');
  warnings.push(...params.warnings);

  const spec: DagSpec = {
    format: SPEC_FORMAT,
    dagId: dag.id,
    description: options.description ?? null,
    docMd: options.docMd ?? null,
    owner: options.owner ?? null,
    tags: [...new Set(options.tags)].sort(),
    timezone,
    timetable,
    startDate,
    endDate,
    ...runPolicy(options as DagOptions, { timetable, startDate }, owner),
    maxActiveTasks: options.maxActiveTasks ?? 16,
    pausedUponCreation: options.pausedUponCreation ?? null,
    rerunWithLatestVersion: options.rerunWithLatestVersion ?? true,
    params: params.schema,
    tasks: tasks.map(taskSpec),
    groups: groups.map(groupSpec),
    edges: resolveEdges(dag),
  };
  checkText(spec, owner);
  for (const task of tasks) warnings.push(...warningsOf(task));
  return { spec, warnings, files: source ? readTemplateFiles(tasks, source) : {} };
}

function checkDates(owner: string, { startDate, endDate }: Pick<DagSpec, 'startDate' | 'endDate'>): void {
  if (startDate !== null && endDate !== null && endDate < startDate) {
    throw new ThenceError('DAG_FILE', `${owner} ends before it begins: \`endDate\` is ${endDate}, \`startDate\` is ${startDate}`);
  }
}

const DEFAULT_RETRY_DELAY_MS = 300_000;

function taskSpec(task: AnyTask): TaskSpec {
  const written = task['~written'];
  const own = `of task "${task.id}"`;
  const retryDelays = Array.isArray(written.retryDelay) ? written.retryDelay : [written.retryDelay ?? DEFAULT_RETRY_DELAY_MS];
  const Class = task.constructor as TaskClass;
  return {
    id: task.id,
    group: task.group?.id ?? null,
    operator: Class.name,
    kind: Class['~kind'],
    triggerRule: written.triggerRule ?? 'all_success',
    retries: written.retries ?? 0,
    retryDelaysMs: retryDelays.map((delay) => durationToMs(delay, `\`retryDelay\` ${own}`)),
    retryExponentialBackoff: written.retryExponentialBackoff ?? false,
    maxRetryDelayMs: written.maxRetryDelay === undefined ? null : durationToMs(written.maxRetryDelay, `\`maxRetryDelay\` ${own}`),
    executionTimeoutMs:
      written.executionTimeout === undefined ? null : durationToMs(written.executionTimeout, `\`executionTimeout\` ${own}`),
    pool: written.pool ?? 'default_pool',
    poolSlots: written.poolSlots ?? 1,
    priorityWeight: written.priorityWeight ?? 1,
    weightRule: written.weightRule ?? 'downstream',
    queue: written.queue ?? 'default',
    executor: written.executor ?? null,
    isolation: written.isolation ?? 'warm',
    memoryMb: written.resources?.memoryMb ?? null,
    rerunWhenLost: written.rerunWhenLost ?? true,
    inputs: inputIds(task),
    templateFields: [...Class.templateFields],
    options: ownOptions(task),
    owner: written.owner ?? null,
    doc: written.doc ?? null,
  };
}

function inputIds(task: AnyTask): TaskSpec['inputs'] {
  const idOf = (ref: unknown): string => taskOf(ref)!.id;
  return Object.fromEntries(Object.entries(task.inputs).map(([name, ref]) => [name, Array.isArray(ref) ? ref.map(idOf) : idOf(ref)]));
}

/** The operator's own options as JSON; what is no JSON (functions, circles) is left out. */
function ownOptions(task: AnyTask): JsonObject {
  const options: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(task['~written'])) {
    if (TASK_OPTION_NAMES.includes(name)) continue;
    const text = tryStringify(value);
    if (text !== undefined) options[name] = JSON.parse(text) as JsonValue;
  }
  return options;
}

function tryStringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** Postgres stores no NUL and no half of a surrogate pair; found here, it is a sentence about the file. */
function checkText(value: unknown, owner: string, path = ''): void {
  if (typeof value === 'string' && /[\0\p{Surrogate}]/u.test(value)) {
    throw new ThenceError(
      'DAG_FILE',
      `${owner}: the text of \`${path.slice(1)}\` has a NUL character or half of a surrogate pair, which cannot be stored`,
    );
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    checkText(key, owner, path);
    checkText(inner, owner, `${path}.${key}`);
  }
}

function groupSpec(group: TaskGroup): GroupSpec {
  return { id: group.id, parent: group.group?.id ?? null, doc: group.doc };
}

function* warningsOf(task: AnyTask): Iterable<string> {
  const { retryDelay, retries = 0 } = task['~written'];
  if (Array.isArray(retryDelay) && retryDelay.length > retries) {
    yield `task "${task.id}"${madeAt(task)} has ${retryDelay.length} retry delays and ${retries} retries: the last ones are never used`;
  }
}
