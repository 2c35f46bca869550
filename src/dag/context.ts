/**
 * What `run`, `execute` and templates get. Types only: src/runner builds the object.
 *
 * `logicalDate`, `ds`, `ts` and the data interval are getters that throw a clear sentence in a run without a logical date, so
 * that the usual task need not ask; `dagRun.logicalDate` is nullable. All dates are in UTC.
 */
import type { DateTime } from 'luxon';
import type { DurationInput } from '../core/duration';
import type { ExternalRun } from '../core/external-task';
import type { JsonObject, JsonValue } from '../core/json';
import type { Instant } from '../core/time';
import type { RunState, RunType } from '../core/states';
import type { BuiltInWait, ExternalQuery } from '../core/waits';
import type { RunEvent, TaskEvent } from '../dag-spec/spec';
import type { ConnectionInfo, DagTasks, RequestedRun, RunRequest } from '../execution-api/execution-api';
import type { LogLevel } from '../logs/log-store';
import type { Macros } from '../templates/macros';
import type { BaseOperator } from './base-operator';
import type { DAG } from './dag';
import type { Trigger } from './trigger';
import type { AnyParams } from './types';

export interface TaskContext<Params = Record<string, unknown>, In = Record<string, unknown>> {
  readonly dag: DAG<AnyParams>;
  readonly task: BaseOperator<unknown, object, string>;
  readonly ti: TaskInstanceInfo;
  readonly dagRun: DagRunInfo;
  readonly runId: string;
  readonly runType: RunType;
  /** @throws in a run without a logical date */
  readonly logicalDate: DateTime<true>;
  /** @throws in a run without a data interval */
  readonly dataIntervalStart: DateTime<true>;
  /** @throws in a run without a data interval */
  readonly dataIntervalEnd: DateTime<true>;
  /** The logical date as '2026-01-31'. @throws in a run without one */
  readonly ds: string;
  /** '20260131' */
  readonly dsNodash: string;
  /** '2026-01-31T06:00:00+00:00' */
  readonly ts: string;
  /** '20260131T060000' */
  readonly tsNodash: string;
  /** Data interval of the newest earlier run of the DAG that succeeded; asked for when read. */
  readonly prevDataIntervalStartSuccess: Promise<DateTime<true> | null>;
  readonly prevDataIntervalEndSuccess: Promise<DateTime<true> | null>;
  /** When that run began and ended. */
  readonly prevStartDateSuccess: Promise<DateTime<true> | null>;
  readonly prevEndDateSuccess: Promise<DateTime<true> | null>;
  /** As the DAG's schema parsed them: its defaults, and the run's conf over them. */
  readonly params: Params;
  /** What the run was triggered with. */
  readonly conf: JsonObject;
  /** Outputs of the tasks named in `inputs`, and the elements of `expand`. */
  readonly inputs: In;
  /** As the file gave them. */
  readonly inlets: readonly JsonValue[];
  readonly outlets: readonly JsonValue[];
  /** 1 for the first try. */
  readonly tryNumber: number;
  /** -1: not mapped. */
  readonly mapIndex: number;
  /** How many instances the mapped task has; null: it is not mapped. */
  readonly expandedTiCount: number | null;
  /** How often this try has been put off until later (RescheduleError, a sensor in mode 'reschedule'). */
  readonly taskRescheduleCount: number;
  /** Unique for each try. Side effects are at least once: use it to leave out what an earlier, lost try has already done. */
  readonly attemptId: string;
  readonly log: TaskLog;
  /** Aborted when the try has to stop: a timeout, a clear, a shutdown. */
  readonly signal: AbortSignal;
  readonly xcom: XCom;
  readonly variables: Variables;
  readonly connections: Connections;
  readonly macros: Macros;
  /**
   * Ends this piece of the try, which holds no process until what it waits for has come; then `task[resume](context, event)` goes on.
   * Never returns: it throws a signal, which a `catch` around it has to throw again.
   *
   * Nothing came within `timeout`: the task goes on with a DeferralTimeout thrown in the place of the method; the trigger failed: with a
   * TriggerFailed. An operator that wants to handle them has a method `onDeferralError(context, error)`, which takes their place.
   */
  defer(trigger: Trigger | BuiltInWait, options: DeferOptions): never;
  /** For operators that trigger runs or look at those of other DAGs, and for sensors. Absent where there is no engine behind the context. */
  readonly '~engine'?: EngineAccess;
  /** For operators that start processes. Absent where nothing keeps track of them. */
  readonly '~host'?: OperatorHost;
}

export interface DeferOptions {
  /** Name of the operator's method that goes on: `method(context, event)`, with the event's payload. */
  readonly resume: string;
  /** The longest that it may take. @default for ever */
  readonly timeout?: DurationInput;
}

export interface TaskInstanceInfo {
  readonly dagId: string;
  readonly taskId: string;
  readonly runId: string;
  readonly mapIndex: number;
  readonly tryNumber: number;
  /** tryNumber of the last try that is allowed at present. */
  readonly maxTries: number;
  /** When the try began; one that was rescheduled or deferred goes on with it. */
  readonly startDate: DateTime<true>;
}

/**
 * What callbacks of a DAG get, and the part that a Notifier can rely on: the context of the run. `onExecute` runs inside the try, all
 * others after the fact in a process of their own, at least once.
 */
export interface CallbackContext extends Pick<
  TaskContext,
  | 'dag'
  | 'dagRun'
  | 'runId'
  | 'runType'
  | 'logicalDate'
  | 'dataIntervalStart'
  | 'dataIntervalEnd'
  | 'ds'
  | 'dsNodash'
  | 'ts'
  | 'tsNodash'
  | 'prevDataIntervalStartSuccess'
  | 'prevDataIntervalEndSuccess'
  | 'prevStartDateSuccess'
  | 'prevEndDateSuccess'
  | 'params'
  | 'conf'
  | 'log'
  | 'signal'
  | 'variables'
  | 'connections'
  | 'macros'
> {
  readonly event: TaskEvent | RunEvent | 'deadline';
  /** Of `onMissed`: which deadline of the DAG, and when it was. */
  readonly deadline: { readonly name: string | null; readonly at: DateTime<true> } | null;
  /** Why it failed or was skipped, in a word or a sentence. 'executed': the task itself came to it. */
  readonly reason: string | null;
  /** What the task threw, taken apart. */
  readonly exception: CallbackError | null;
  /** Reads outputs of the run; a callback pushes none. */
  readonly xcom: Pick<XCom, 'pull'>;
  /** Of a task's callback; null: the DAG's. */
  readonly task: BaseOperator<unknown, object, string> | null;
  readonly ti: TaskInstanceInfo | null;
}

export interface TaskCallbackContext extends CallbackContext {
  readonly event: TaskEvent;
  readonly task: BaseOperator<unknown, object, string>;
  readonly ti: TaskInstanceInfo;
  readonly tryNumber: number;
  readonly mapIndex: number;
  readonly inlets: readonly JsonValue[];
  readonly outlets: readonly JsonValue[];
}

export interface CallbackError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

export interface DagRunInfo {
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: DateTime<true> | null;
  readonly dataIntervalStart: DateTime<true> | null;
  readonly dataIntervalEnd: DateTime<true> | null;
  readonly runAfter: DateTime<true>;
  readonly startDate: DateTime<true> | null;
  readonly conf: JsonObject;
}

/** Each call is a line; values that are no text are shown as `console.log` would. */
export type TaskLog = Readonly<Record<LogLevel, (...values: unknown[]) => void>>;

export interface XCom {
  /** @throws when `value` is not JSON (the path is named) or larger than THENCE_MAX_XCOM_BYTES */
  push(key: string, value: unknown): Promise<void>;
  /**
   * One task id: its value, or undefined. A list: a list. None: this task's own.
   * `key` is 'return_value' by default; `runId` names another run of the same DAG.
   */
  pull(taskIds?: string | readonly string[] | null, options?: XComPullOptions): Promise<unknown>;
}
export interface XComPullOptions {
  key?: string;
  mapIndexes?: number | readonly number[];
  runId?: string;
}

export interface Variables {
  /** @throws when there is no such variable and no `fallback` is given */
  get(key: string): Promise<string>;
  get<Fallback>(key: string, fallback: Fallback): Promise<string | Fallback>;
}

export interface Connections {
  /** @throws when there is no such connection */
  get(id: string): Promise<ConnectionInfo>;
}

/** Between thence's own operators and the runner; not for DAG files. See ExecutionApi. */
export interface EngineAccess {
  /** Counts pieces of the try: 0, then 1 after a reschedule or deferral … */
  readonly piece: number;
  /** The clock of a test, which nobody has to wait for. Absent: the time that it is. */
  readonly now?: () => Instant;
  triggerRun(request: RunRequest): Promise<RequestedRun>;
  getRunState(run: { readonly dagId: string; readonly runId: string }): Promise<RunState | null>;
  getExternalRuns(query: ExternalQuery): Promise<readonly ExternalRun[]>;
  getDagTasks(dagId: string): Promise<DagTasks | null>;
}

/** Between thence's own operators and the runner; not for DAG files. */
export interface OperatorHost {
  /** The whole group is killed when the attempt ends in any way. Returns the function that forgets it. */
  registerProcessGroup(pgid: number): () => void;
  /** One line that a child process printed, into the task's log in the order of the calls. */
  writeLine(source: 'stdout' | 'stderr', line: string): void;
}
