/**
 * What a person may do. The command line, the REST API and the web UI call these and write nothing by themselves.
 *
 * Each command checks what it was given, changes the state through the Ledger, and leaves a line in `audit_log` in the same
 * transaction. What it refuses is a `ThenceError` whose sentence can be shown as it is; `status` and `exitCode` go with it.
 */
import type { RunState, TaskState } from '../core/states';
import type { DataInterval, Instant } from '../core/time';
import type { JsonObject, JsonValue } from '../core/json';
import type { RunPk } from '../ledger/ledger';

/** Who does it, and from where. */
export interface Actor {
  readonly user: string;
  readonly via: 'cli' | 'rest_api' | 'ui' | 'operator';
  /** Of a task: the attempt that acts. What it does is refused (`AttemptGone`) when that has ended. */
  readonly attemptId?: string;
}

/** Milliseconds, or ISO 8601. Text without an offset ('2026-01-01', '2026-01-01T06:00') is wall-clock time in the DAG's timezone. */
export type DateInput = Instant | string;

export interface TriggerRequest {
  readonly dagId: string;
  /** Default: `manual__<ISO>_<random>`. Letters, digits and `_.~:+-`, at most 250. */
  readonly runId?: string | null;
  /** Left out: the moment of triggering. null: a run without a logical date (and without `ds`, `ts`). */
  readonly logicalDate?: DateInput | null;
  /** Not before this; default now. */
  readonly runAfter?: DateInput | null;
  /** Default: the last complete interval before the logical date; none without a logical date. */
  readonly dataInterval?: { readonly start: DateInput; readonly end: DateInput } | null;
  /** A JSON object; the DAG's params give its defaults and check it. */
  readonly conf?: JsonValue;
  readonly note?: string | null;
}

export interface TriggeredRun {
  readonly run: RunPk;
  readonly dagId: string;
  readonly runId: string;
  readonly logicalDate: Instant | null;
  readonly interval: DataInterval | null;
  readonly runAfter: Instant;
  readonly conf: JsonObject;
  /** A queued run of a paused DAG starts when the DAG is unpaused. */
  readonly isPaused: boolean;
}

export const REPROCESS_BEHAVIORS = ['none', 'failed', 'completed'] as const;
export type ReprocessBehavior = (typeof REPROCESS_BEHAVIORS)[number];

export interface BackfillRequest {
  readonly dagId: string;
  /** First and last logical date, both inclusive. */
  readonly from: DateInput;
  readonly to: DateInput;
  /** Which existing runs start again: none (default), the failed ones, or all that have ended. */
  readonly reprocessBehavior?: ReprocessBehavior | null;
  /** At once, counted apart from the DAG's own maxActiveRuns. Default 10. */
  readonly maxActiveRuns?: number | null;
  /** Newest first. Default false; refused for a DAG with tasks that wait for the run before. */
  readonly runBackwards?: boolean | null;
  readonly conf?: JsonValue;
  /**
   * Only these tasks (or those whose id the regular expression matches), with what stands above or below when asked for, and the setups
   * and teardowns that they need. Default: all. A run that is made has no others; in one that is there already only these are cleared.
   */
  readonly tasks?: readonly string[] | null;
  readonly taskPattern?: string | null;
  readonly upstream?: boolean;
  readonly downstream?: boolean;
  /** Whether runs that start again do so on the newest code; otherwise on their own. Default true. */
  readonly runOnLatestVersion?: boolean | null;
}

export interface BackfillPlan {
  readonly dagId: string;
  /** The timetable's own zone: what the `local` texts are in. */
  readonly timezone: string;
  /** The only tasks that will run; null: all. */
  readonly tasks: readonly string[] | null;
  /** In the order in which they will run. */
  readonly items: readonly BackfillPlanItem[];
}

export interface BackfillPlanItem {
  readonly logicalDate: Instant;
  readonly interval: DataInterval;
  /** The interval in the timetable's own zone, ISO 8601 with its offset: shows what a change of the clocks does to it. */
  readonly local: { readonly start: string; readonly end: string };
  /** The run that has this logical date already. */
  readonly existing: { readonly runId: string; readonly state: RunState } | null;
  readonly action: 'create' | 'clear' | 'skip';
}

export interface CreatedBackfill {
  readonly id: number;
  readonly dagId: string;
  /** Intervals in the range, whatever becomes of each. */
  readonly total: number;
}

/** What to do with names that are there already, and with those that are not. */
export interface StoreOptions {
  /** Default 'overwrite'. 'fail': nothing of the list is stored. */
  readonly ifExists?: 'fail' | 'skip' | 'overwrite';
  /** Default 'create'. 'fail': nothing of the list is stored. */
  readonly ifMissing?: 'create' | 'fail' | 'skip';
}
export interface DeleteOptions {
  /** Default 'fail': nothing of the list is deleted. */
  readonly ifMissing?: 'fail' | 'skip';
}

/** Names, in the order in which they were given. */
export interface Stored {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly skipped: readonly string[];
}

/** What is left out of a variable, connection or pool that exists stays as it is. */
export interface VariableInput {
  /** 1 to 250 characters. */
  readonly key: string;
  /** Needed by a new one. `***`, alone or inside JSON, stands for what is stored. */
  readonly value?: string;
  readonly description?: string | null;
}

export interface ConnectionInput {
  /** `[A-Za-z0-9_.-]{1,200}` */
  readonly id: string;
  /** Needed by a new one. */
  readonly type?: string;
  readonly description?: string | null;
  readonly host?: string | null;
  readonly port?: number | null;
  readonly login?: string | null;
  /** `***` stands for the stored one. */
  readonly password?: string | null;
  readonly schema?: string | null;
  /** `***` in it stands for what is stored there. */
  readonly extra?: JsonObject | null;
}

export interface PoolInput {
  /** 1 to 256 characters. */
  readonly name: string;
  /** -1: without a limit. Needed by a new one. */
  readonly slots?: number;
  readonly description?: string | null;
  /** Whether deferred tasks keep their slots. Default false. */
  readonly includeDeferred?: boolean;
}

/** A task id, or one mapped instance of it (-1: all). */
export type TaskPick = string | readonly [taskId: string, mapIndex: number];

/** Which task instances somebody means. */
export interface TaskScope {
  readonly dagId: string;
  /** Left out: all runs that have begun, by their logical dates. */
  readonly runId?: string | null;
  /** Logical dates, both inclusive. Without `runId` only. */
  readonly from?: DateInput | null;
  readonly to?: DateInput | null;
  /** With `runId`: also the runs before (after) it, by logical date. */
  readonly past?: boolean;
  readonly future?: boolean;
  /** Left out, with `taskPattern`: all tasks. */
  readonly tasks?: readonly TaskPick[] | null;
  /** A regular expression: all tasks whose id it matches somewhere. */
  readonly taskPattern?: string | null;
  /** Also what stands above (below) these tasks, at any distance. */
  readonly upstream?: boolean;
  readonly downstream?: boolean;
}

export interface ClearTasksRequest extends TaskScope {
  /** Only failed and upstream_failed ones. Together with `onlyRunning`: both kinds. Default false. */
  readonly onlyFailed?: boolean;
  readonly onlyRunning?: boolean;
  /** Runs that have ended start again; otherwise what is cleared waits in them. Default true. */
  readonly resetDagRuns?: boolean;
  /** Which code the runs go on with; left out: as the DAG's `rerunWithLatestVersion` says. */
  readonly version?: 'latest' | 'own' | null;
  /** Takes the place of each run's conf. */
  readonly conf?: JsonValue;
  /** On each task instance that is cleared. */
  readonly note?: string | null;
  /** Refuse when one of the task instances runs. Default false: it is stopped and starts again. */
  readonly preventRunningTask?: boolean;
}

/** One task instance, on its own. */
export interface RunTaskRequest {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  /** Also one that has succeeded or was skipped, and one that waits in the middle of a try. Default false. */
  readonly force?: boolean;
}

export interface RunTaskStarted {
  /** Its state before; of a run that has not started: null. */
  readonly was: TaskState;
  /** Number of its last try before; 0: there was none. What it runs now are those behind it. */
  readonly lastTry: number;
}

export interface MarkTasksRequest extends TaskScope {
  readonly state: 'success' | 'failed' | 'skipped';
  /** On each task instance that is marked. */
  readonly note?: string | null;
}

/** What such a request changes (dry run) or has changed: exactly these. */
export interface TaskPlan {
  readonly dagId: string;
  /** In the order of their logical dates, those without one last. Only runs in which something changes. */
  readonly runs: readonly PlannedRun[];
  readonly items: readonly TaskPlanItem[];
}

export interface PlannedRun {
  readonly run: RunPk;
  readonly runId: string;
  readonly logicalDate: Instant | null;
  readonly from: RunState;
  readonly to: RunState;
  /** Number of the version that it goes on with; null: the newest when it starts. */
  readonly version: number | null;
}

export interface TaskPlanItem {
  readonly runId: string;
  readonly taskId: string;
  /** -1: not mapped, or not expanded. */
  readonly mapIndex: number;
  /** Its state before. */
  readonly state: TaskState;
  /**
   * clear, mark: what was asked for (with setups and teardowns) · decide: below, decided anew by its trigger rule ·
   * add: the version has it and the run does not yet.
   */
  readonly action: 'clear' | 'mark' | 'decide' | 'add';
  /** Number of the version that it will run on. */
  readonly version: number | null;
}

export interface ClearRunRequest extends Pick<ClearTasksRequest, 'onlyFailed' | 'version' | 'conf' | 'note'> {
  readonly dagId: string;
  readonly runId: string;
}

export interface NoteRequest {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** Default -1: not mapped. */
  readonly mapIndex?: number;
  readonly note: string | null;
}

/** One XCom of a task instance. */
export interface XComPlace {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** Default -1: not mapped. */
  readonly mapIndex?: number;
  /** 1 to 512 characters. */
  readonly key: string;
}
export interface XComInput extends XComPlace {
  readonly value: JsonValue;
  /** More bytes of JSON than this are refused. */
  readonly maxBytes: number;
}

/** Of one file (relative to the dags folder), of these DAGs, or, with neither, of all files that make DAGs or cannot be loaded. */
export interface ParseRequest {
  readonly filePath?: string;
  readonly dagIds?: readonly string[];
}

export interface Commands {
  /** @throws NOT_FOUND unknown DAG (with close names) · INVALID_VALUE · ALREADY_EXISTS run id or logical date */
  triggerRun(request: TriggerRequest, actor: Actor): Promise<TriggeredRun>;
  /** `changed` false: it was so already. */
  setPaused(dagId: string, paused: boolean, actor: Actor): Promise<{ readonly changed: boolean }>;
  /** `queued` is a clear. @throws NOT_FOUND · CONFLICT */
  markRun(
    request: { readonly dagId: string; readonly runId: string; readonly state: 'success' | 'failed' | 'queued' },
    actor: Actor,
  ): Promise<void>;
  setRunNote(request: { readonly dagId: string; readonly runId: string; readonly note: string | null }, actor: Actor): Promise<void>;
  /** Among the actor's own favorites. @throws NOT_FOUND · CONFLICT when it is none that could be taken away */
  setFavorite(dagId: string, favorite: boolean, actor: Actor): Promise<void>;
  /** @throws NOT_FOUND */
  setTaskNote(request: NoteRequest, actor: Actor): Promise<void>;
  /** @throws NOT_FOUND · ALREADY_EXISTS · INVALID_VALUE too large */
  createXCom(request: XComInput, actor: Actor): Promise<void>;
  /** @throws NOT_FOUND also when there is none of that key · INVALID_VALUE too large */
  updateXCom(request: XComInput, actor: Actor): Promise<void>;
  /** @throws NOT_FOUND */
  deleteXCom(request: XComPlace, actor: Actor): Promise<void>;
  /** Its task instances start again: all, as a new start of the run, or only the failed ones. @throws NOT_FOUND · INVALID_VALUE (conf) */
  clearRun(request: ClearRunRequest, actor: Actor): Promise<TaskPlan>;
  planClearRun(request: ClearRunRequest): Promise<TaskPlan>;
  /** Each run in a transaction of its own. @throws NOT_FOUND · INVALID_VALUE · CONFLICT a task runs and `preventRunningTask` */
  clearTasks(request: ClearTasksRequest, actor: Actor): Promise<TaskPlan>;
  /** What `clearTasks` would do at this moment. Writes nothing. */
  planClear(request: ClearTasksRequest): Promise<TaskPlan>;
  /**
   * Clears this task instance (with its setups and teardowns), so that the scheduler runs it. @throws NOT_FOUND · INVALID_VALUE a mapped task
   * without an index · CONFLICT it runs, or its state needs `force`
   */
  runTask(request: RunTaskRequest, actor: Actor): Promise<RunTaskStarted>;
  /** Clears a task and all below it; `conf` gives the run other params from there on. */
  rerunFrom(
    request: {
      readonly dagId: string;
      readonly runId: string;
      readonly task: TaskPick;
      readonly conf?: JsonValue;
      readonly version?: 'latest' | 'own' | null;
    },
    actor: Actor,
  ): Promise<TaskPlan>;
  /** Task instances that are in that state already stay as they are. @throws NOT_FOUND · INVALID_VALUE */
  markTasks(request: MarkTasksRequest, actor: Actor): Promise<TaskPlan>;
  planMark(request: MarkTasksRequest): Promise<TaskPlan>;
  /** With its task instances, values and logs. @throws NOT_FOUND · CONFLICT it runs, or its last tasks are still being stopped */
  deleteRun(request: { readonly dagId: string; readonly runId: string }, actor: Actor): Promise<void>;
  /** Of a run that is not running; a clear of the run makes it anew. @throws NOT_FOUND · CONFLICT */
  deleteTask(request: Omit<NoteRequest, 'note'>, actor: Actor): Promise<void>;
  /** With its runs, versions, backfills and logs. While its file is there it comes back, empty, when that is read again. @throws NOT_FOUND · CONFLICT */
  deleteDag(dagId: string, actor: Actor): Promise<{ readonly runs: number; readonly filePath: string }>;
  /** The DAG processor evaluates these files again at its next look, whether they changed or not. @throws NOT_FOUND */
  parseFiles(request: ParseRequest, actor: Actor): Promise<{ readonly files: readonly string[] }>;
  /** Writes nothing. */
  dryRunBackfill(request: BackfillRequest): Promise<BackfillPlan>;
  /** The scheduler carries it out, also while the DAG is paused. @throws CONFLICT the DAG has an unfinished backfill */
  createBackfill(request: BackfillRequest, actor: Actor): Promise<CreatedBackfill>;
  /** Nothing more is started; its queued runs are marked failed, running ones too with `stopRunning`, and go on to their end otherwise. @throws CONFLICT already complete */
  cancelBackfill(id: number, actor: Actor, options?: { readonly stopRunning?: boolean }): Promise<void>;
  pauseBackfill(id: number, actor: Actor): Promise<void>;
  unpauseBackfill(id: number, actor: Actor): Promise<void>;
  /** All or nothing. @throws INVALID_VALUE · ALREADY_EXISTS or NOT_FOUND naming all keys, as the options say · CONFIG the secret key is another */
  storeVariables(variables: readonly VariableInput[], options: StoreOptions, actor: Actor): Promise<Stored>;
  deleteVariables(keys: readonly string[], options: DeleteOptions, actor: Actor): Promise<{ readonly deleted: readonly string[] }>;
  storeConnections(connections: readonly ConnectionInput[], options: StoreOptions, actor: Actor): Promise<Stored>;
  deleteConnections(ids: readonly string[], options: DeleteOptions, actor: Actor): Promise<{ readonly deleted: readonly string[] }>;
  /** A pool may become smaller than what its running tasks hold: nothing starts in it until enough have ended. */
  storePools(pools: readonly PoolInput[], options: StoreOptions, actor: Actor): Promise<Stored>;
  /** Tasks of a pool that is gone do not start. @throws INVALID_VALUE for default_pool */
  deletePools(names: readonly string[], options: DeleteOptions, actor: Actor): Promise<{ readonly deleted: readonly string[] }>;
  /** Encrypts all that is stored anew with the current key. */
  reencryptSecrets(actor: Actor): Promise<{ readonly variables: number; readonly connections: number }>;
  /** @throws ALREADY_EXISTS · INVALID_VALUE */
  createUser(user: { readonly username: string; readonly password: string; readonly role?: string }, actor: Actor): Promise<void>;
  /** Signs the user out. @throws NOT_FOUND · CONFLICT the last one */
  deleteUser(username: string, actor: Actor): Promise<void>;
  /** Ends the user's sessions in browsers. @throws NOT_FOUND · INVALID_VALUE */
  setPassword(user: { readonly username: string; readonly password: string }, actor: Actor): Promise<void>;
}
