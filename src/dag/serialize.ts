/** DAG as its file made it → DagSpec: the plain form that is stored, with every check that needs the whole DAG. */
import { durationToMs } from '../core/duration';
import { ThenceError } from '../core/errors';
import { RUN_EVENTS, SPEC_FORMAT, type DagSpec } from '../dag-spec/spec';
import { readTemplateFiles, type TemplateFiles } from '../templates/template-files';
import { taskOf } from './base-operator';
import { deadlineSpecs } from './deadlines';
import { callbacksOf } from './callbacks';
import { checkGraph } from './check-graph';
import { customWeights } from './custom-weights';
import type { DAG } from './dag';
import { resolveEdges } from './edges';
import { madeAt } from './location';
import { serializeParams } from './params';
import { toIsoDate } from './dates';
import { runPolicy } from './run-policy';
import { parseTimetable } from './schedule';
import type { TaskGroup } from './task-group';
import { groupSpec, taskSpec, type AnyTask } from './task-spec';
import { readDocument, readTravellingFiles, type DagSource } from './travelling-files';
import type { AnyParams, DagOptions } from './types';

export interface SerializedDag {
  readonly spec: DagSpec;
  /** Not wrong, but perhaps not meant. Sentences. */
  readonly warnings: readonly string[];
  /** Contents of template files and of the DAG's `files` by path relative to the dags folder: they belong into the bundle's `files`. */
  readonly files: TemplateFiles;
}

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
  const edges = resolveEdges(dag);
  const weights = customWeights(tasks, edges);
  warnings.push(...params.warnings, ...checkGraph(dag, tasks, edges));

  const spec: DagSpec = {
    format: SPEC_FORMAT,
    dagId: dag.id,
    description: options.description ?? null,
    docMd: readDocument(options.docMd ?? null, source, owner),
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
    tasks: tasks.map((task) => taskSpec(task, weights.get(task.id))),
    groups: groups.map(groupSpec),
    ...limitsOf(dag, owner),
    edges,
  };
  checkText(spec, owner);
  const files = source ? { ...readTravellingFiles(options.files ?? [], source, owner), ...readTemplateFiles(tasks, source) } : {};
  return { spec, warnings, files };
}

type Limits = Pick<
  DagSpec,
  'maxActiveTasksPerDag' | 'maxConsecutiveFailedRuns' | 'dagrunTimeoutMs' | 'failFast' | 'runRetries' | 'runRetryDelayMs' | 'callbacks' | 'deadlines'
>;

function limitsOf({ options }: DAG<AnyParams>, owner: string): Limits {
  const { maxActiveTasksPerDag, maxConsecutiveFailedRuns, dagrunTimeout, failFast, runRetries, runRetryDelay } = options;
  const callbacks = RUN_EVENTS.filter((event) => callbacksOf(options, event).length > 0);
  const deadlines = deadlineSpecs(options, owner);
  return {
    ...(maxActiveTasksPerDag !== undefined && { maxActiveTasksPerDag }),
    ...(maxConsecutiveFailedRuns && { maxConsecutiveFailedRuns }),
    ...(dagrunTimeout !== undefined && { dagrunTimeoutMs: durationToMs(dagrunTimeout, `\`dagrunTimeout\` of ${owner}`) }),
    ...(failFast && { failFast }),
    ...(runRetries && { runRetries }),
    ...(runRetries && runRetryDelay !== undefined && { runRetryDelayMs: durationToMs(runRetryDelay, `\`runRetryDelay\` of ${owner}`) }),
    ...(callbacks.length > 0 && { callbacks }),
    ...(deadlines.length > 0 && { deadlines }),
  };
}

function checkDates(owner: string, { startDate, endDate }: Pick<DagSpec, 'startDate' | 'endDate'>): void {
  if (startDate !== null && endDate !== null && endDate < startDate) {
    throw new ThenceError('DAG_FILE', `${owner} ends before it begins: \`endDate\` is ${endDate}, \`startDate\` is ${startDate}`);
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
