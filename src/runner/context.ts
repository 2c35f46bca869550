/** Builds the context of an attempt. Everything that costs a question to the engine is asked when it is read. */
import { DateTime } from 'luxon';
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { Instant } from '../core/time';
import type { RunTask } from '../core/workload';
import type { CallbackContext, DagRunInfo, OperatorHost, TaskContext, TaskInstanceInfo, XCom, XComPullOptions } from '../dag/context';
import type { ExecutionApi, PreviousSuccess, XComEntry } from '../execution-api/execution-api';
import { expandOf } from '../dag/expand';
import { macros } from '../templates/macros';
import type { AttemptLog } from './attempt-log';
import { toJsonText } from './json-value';
import { makeTaskLog, secretsFor } from './secrets-for';
import type { Stopper } from './stop';

export interface RunContextParts {
  readonly run: RunTask['run'];
  readonly attemptId: string;
  readonly dag: TaskContext['dag'];
  readonly params: Record<string, unknown>;
  readonly api: ExecutionApi;
  readonly log: AttemptLog;
  readonly stopper: Stopper;
}

export interface ContextParts extends Omit<RunContextParts, 'run' | 'attemptId'> {
  readonly workload: RunTask;
  readonly task: TaskContext['task'];
  readonly inputs: Record<string, unknown>;
  readonly host: OperatorHost;
  /** Of a test; absent: the system's. */
  readonly now?: (() => Instant) | undefined;
  readonly defer: TaskContext['defer'];
}

export function makeContext(parts: ContextParts): TaskContext {
  const { workload, task, api } = parts;
  const { run, attemptId } = workload;
  const own: Omit<TaskContext, keyof RunContext> = {
    task,
    ti: taskInstanceInfo(workload, workload.tryStartedAt ?? parts.now?.() ?? Date.now()),
    inputs: parts.inputs,
    inlets: task['~written'].inlets ?? [],
    outlets: task['~written'].outlets ?? [],
    tryNumber: workload.tryNumber,
    mapIndex: workload.mapIndex,
    expandedTiCount: instanceCount(workload, task),
    taskRescheduleCount: workload.piece,
    attemptId,
    xcom: makeXCom(workload, api),
    defer: parts.defer,
    '~engine': {
      piece: workload.piece,
      ...(parts.now && { now: parts.now }),
      triggerRun: (request) => api.triggerRun(attemptId, request),
      getRunState: (other) => api.getRunState(attemptId, other),
      getExternalRuns: (query) => api.getExternalRuns(attemptId, query),
      getDagTasks: (dagId) => api.getDagTasks(attemptId, dagId),
    },
    '~host': parts.host,
  };
  // Descriptors, since a spread would read every getter.
  return Object.defineProperties(own, Object.getOwnPropertyDescriptors(runContext({ ...parts, run, attemptId }))) as TaskContext;
}

/** The part of the context that a run has, whichever task of it. */
export type RunContext = Omit<CallbackContext, 'event' | 'deadline' | 'reason' | 'exception' | 'xcom' | 'task' | 'ti'>;

export function runContext({ run, attemptId, dag, params, api, log, stopper }: RunContextParts): RunContext {
  // Calendar dates are made when they are read: most tasks read one or two of them, or none.
  let made: DagRunInfo | undefined;
  const dagRun = () => (made ??= makeDagRun(run));
  let previous: Promise<PreviousSuccess | null> | undefined;
  const previousSuccess = () => (previous ??= api.previousSuccess(attemptId));
  const dated = (name: string) => dagRun().logicalDate ?? missing(name, 'logical date', run.runId);
  return {
    dag,
    get dagRun() {
      return dagRun();
    },
    runId: run.runId,
    runType: run.runType,
    get logicalDate() {
      return dated('logicalDate');
    },
    get dataIntervalStart() {
      return dagRun().dataIntervalStart ?? missing('dataIntervalStart', 'data interval', run.runId);
    },
    get dataIntervalEnd() {
      return dagRun().dataIntervalEnd ?? missing('dataIntervalEnd', 'data interval', run.runId);
    },
    get ds() {
      return dated('ds').toFormat('yyyy-MM-dd');
    },
    get dsNodash() {
      return dated('dsNodash').toFormat('yyyyMMdd');
    },
    get ts() {
      return dated('ts').toFormat("yyyy-MM-dd'T'HH:mm:ssZZ");
    },
    get tsNodash() {
      return dated('tsNodash').toFormat("yyyyMMdd'T'HHmmss");
    },
    get prevDataIntervalStartSuccess() {
      return previousSuccess().then((found) => utcOrNull(found?.start ?? null));
    },
    get prevDataIntervalEndSuccess() {
      return previousSuccess().then((found) => utcOrNull(found?.end ?? null));
    },
    get prevStartDateSuccess() {
      return previousSuccess().then((found) => utcOrNull(found?.startDate ?? null));
    },
    get prevEndDateSuccess() {
      return previousSuccess().then((found) => utcOrNull(found?.endDate ?? null));
    },
    params,
    conf: run.conf,
    log: makeTaskLog(log),
    get signal() {
      return stopper.signal;
    },
    ...secretsFor(attemptId, api, log),
    macros,
  };
}

type Instance = Pick<RunTask, 'run' | 'taskId' | 'mapIndex' | 'tryNumber' | 'maxTries'>;

/** @param begun null: not known (a callback, after the fact): then it is the run's */
export function taskInstanceInfo({ run, taskId, mapIndex, tryNumber, maxTries }: Instance, begun: Instant | null): TaskInstanceInfo {
  const { dagId, runId } = run;
  return {
    dagId,
    taskId,
    runId,
    mapIndex,
    tryNumber,
    maxTries,
    get startDate() {
      return utc(begun ?? run.startDate ?? run.runAfter);
    },
  };
}

/** The values of `entries` by task: one value where the task has one instance, else a list in the order of the map index. */
export function valueOf(entries: readonly XComEntry[], taskId: string, asList: boolean): unknown {
  const found = entries.filter((entry) => entry.taskId === taskId).toSorted((a, b) => a.mapIndex - b.mapIndex);
  if (!asList && (found.length === 0 || found[0]!.mapIndex === -1)) return found[0] && (JSON.parse(found[0].value) as unknown);
  return found.map((entry) => JSON.parse(entry.value) as unknown);
}

function instanceCount({ mapLengths }: RunTask, task: TaskContext['task']): number | null {
  if (mapLengths === null) return null;
  return expandOf(task)?.kind === 'zip' ? Math.min(...mapLengths) : mapLengths.reduce((product, length) => product * length, 1);
}

function makeXCom(workload: RunTask, api: ExecutionApi): XCom {
  const { attemptId, taskId: own } = workload;
  return {
    async push(key, value) {
      const text = toJsonText(value, `The XCom "${key}" of task "${own}"`, workload.maxXcomBytes);
      await api.pushXCom(attemptId, key, text ?? 'null');
    },
    pull: xcomPull(workload, api),
  };
}

/** @param taskId whose XComs are pulled when none is named; null: one has to be named */
export function xcomPull(
  { attemptId, taskId: own, mapIndex }: { readonly attemptId: string; readonly taskId: string | null; readonly mapIndex: number },
  api: ExecutionApi,
): XCom['pull'] {
  return async (taskIds, options: XComPullOptions = {}) => {
    const wanted = taskIds ?? own;
    if (wanted === null)
      throw new ThenceError('INVALID_VALUE', 'xcom.pull in a callback of a DAG needs a task id: it has no task of its own');
    const ids = typeof wanted === 'string' ? [wanted] : wanted;
    const indexes = options.mapIndexes ?? ((taskIds ?? null) === null && mapIndex >= 0 ? mapIndex : undefined);
    const entries = await api.pullXComs(attemptId, {
      taskIds: ids,
      key: options.key ?? 'return_value',
      ...(indexes !== undefined && { mapIndexes: typeof indexes === 'number' ? [indexes] : indexes }),
      ...(options.runId !== undefined && { runId: options.runId }),
    });
    const pick = (id: string) => {
      const value = valueOf(entries, id, Array.isArray(indexes));
      return typeof indexes === 'number' && Array.isArray(value) && entries.every((entry) => entry.mapIndex >= 0)
        ? (value as unknown[])[0]
        : value;
    };
    return typeof wanted === 'string' ? pick(wanted) : wanted.map(pick);
  };
}

function makeDagRun(run: RunTask['run']): DagRunInfo {
  return {
    dagId: run.dagId,
    runId: run.runId,
    runType: run.runType,
    logicalDate: utcOrNull(run.logicalDate),
    dataIntervalStart: utcOrNull(run.dataIntervalStart),
    dataIntervalEnd: utcOrNull(run.dataIntervalEnd),
    runAfter: utc(run.runAfter),
    startDate: utcOrNull(run.startDate),
    conf: run.conf satisfies JsonObject,
  };
}

const utc = (at: Instant) => DateTime.fromMillis(at, { zone: 'utc' }) as DateTime<true>;
const utcOrNull = (at: Instant | null) => (at === null ? null : utc(at));

function missing(name: string, what: string, runId: string): never {
  throw new ThenceError(
    'INVALID_VALUE',
    `\`${name}\` was read in run "${runId}", which has no ${what}: it was triggered without one. Use \`dagRun.logicalDate\`, which is null then, or trigger the run with a logical date`,
  );
}
