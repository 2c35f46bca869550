/**
 * The Ledger: the only thing that changes runs, task instances and attempts.
 *
 * Two implementations pass one conformance suite (test/ledger/conformance.ts): `PostgresLedger`, the product's, and `MemoryLedger`,
 * on which `dags test` runs the very same engine. Authority and failure:
 * - Whoever changes task instances of a run first locks the run's row, in a statement before it reads their states.
 *   The one exception is the claim: it turns admissible tasks of any run into running ones, under the lock of their pool.
 * - Every transition is fenced (attempt id, expected state); callers act on what is returned and on nothing else.
 * - A cause and its `run_wake` are committed together; a wake is deleted only under its run's lock. NOTIFY only makes it quick.
 * - Only the database's clock decides leases.
 */
import type { Change, Resolution, RunView } from '../core/run-view';
import type { RunState, RunType, TaskReason, TaskState, TriggeredBy } from '../core/states';
import type { AttemptOutcome, ResumeInfo } from '../core/workload';
import type { DataInterval, Instant } from '../core/time';
import type { JsonObject } from '../core/json';
import type { CompiledDag } from '../dag-spec/compiled-dag';

export type { Change, Resolution, RunView, TaskSnapshot, Tally, Transition } from '../core/run-view';

export type RunPk = number;
export type TaskPk = number;
/** uuid */
export type AttemptId = string;
/** uuid */
export type SessionId = string;
/** uuid of a dag_version row */
export type VersionId = string;

export interface NewRun {
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: Instant | null;
  readonly interval: DataInterval | null;
  readonly runAfter: Instant;
  readonly conf: JsonObject;
  readonly triggeredBy: TriggeredBy;
  readonly triggeringUser: string | null;
  readonly note: string | null;
  readonly backfill: { readonly id: number; readonly ordinal: number } | null;
}

/** `exists`: a run with this logical date or run id is already there (I4: one run per dag and logical date, whatever races). */
export type CreateRunResult =
  | { readonly created: true; readonly run: RunPk }
  | { readonly created: false; readonly run: RunPk; readonly clash: 'run_id' | 'logical_date' };

/** A run under its lock, as `decide` sees it. */
export interface LockedRun {
  readonly pk: RunPk;
  readonly dagId: string;
  readonly dag: CompiledDag;
  readonly state: RunState;
  readonly isPaused: boolean;
  readonly runType: RunType;
  readonly view: Omit<RunView, 'held'>;
  /** What changed in this hop or since the last resolution; `null`: unknown, look at all. */
  readonly changed: readonly Change[] | null;
}

/** What `decide` (engine + core, pure) wants done to one run. Applied only where what it expects still holds. */
export interface RunDecision extends Resolution {
  readonly run: RunPk;
}
export type Decide = (runs: readonly LockedRun[], now: Instant) => readonly RunDecision[];

/** User code of a claimed attempt began, at this place. */
export interface StartedAttempt {
  readonly attemptId: AttemptId;
  readonly host: string;
  readonly pid: number | null;
}

export interface HopRequest {
  readonly session: SessionId;
  /** Recorded before the outcomes, so that a start needs no transaction of its own. */
  readonly started: readonly StartedAttempt[];
  /** Ended attempts: recorded first, in the same transaction. */
  readonly outcomes: readonly AttemptOutcome[];
  /** Runs to resolve because of wakes or due times (those of `outcomes` are found by the ledger). */
  readonly runs: readonly RunPk[];
  /** Free executor slots by lane; nothing is claimed for a lane that is absent. */
  readonly capacity: ReadonlyMap<string, number>;
  /** Most claims in all lanes together; lanes are served in the order of `capacity`. Left out: as many as the lanes take. */
  readonly limit?: number;
}
export interface HopResult {
  /** Attempts to hand to the executor: exactly these, nothing else. */
  readonly claimed: readonly ClaimedAttempt[];
  /** Outcomes that changed no task: their attempt had been stopped, cleared, replaced or had ended before. Its slot is free now. */
  readonly refused: readonly AttemptId[];
  /** Runs that ended. */
  readonly ended: readonly EndedRun[];
  /** Tasks that ended, by their code or by a rule. Not those that were ended in one go: instances swept by a rule, the tasks of a run that ended early. */
  readonly finished: readonly TaskNow[];
  /** Tasks whose try, or piece of it, ended and that have not ended themselves: `up_for_retry`, `up_for_reschedule`, `deferred`; null: cleared. */
  readonly suspended: readonly TaskNow[];
  /** Until the first retry or reschedule that this hop made due; null: none. */
  readonly nextDueInMs: number | null;
  /** Admissible work may be left that only capacity kept back: other schedulers should look. */
  readonly starving: boolean;
  /** Tasks or groups can be expanded: `expandTasks` has something to do. */
  readonly expanding: boolean;
  /** Tasks began to wait: a triggerer has something to look at. */
  readonly deferred: boolean;
  /** A run began to wait for an earlier one, or a run that failed is to start again at once: `startQueuedRuns` or `retryRuns` may have something to do. */
  readonly makesRoom: boolean;
  /** Callbacks are to be run. */
  readonly callbacks: boolean;
}

export interface EndedRun {
  readonly run: RunPk;
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: Instant | null;
  readonly state: 'success' | 'failed';
  /** null: by its tasks. */
  readonly reason: 'fail_fast' | 'timeout' | 'marked' | null;
  readonly startDate: Instant | null;
  readonly endDate: Instant;
}

/** A task instance as a hop left it. */
export interface TaskNow {
  readonly run: RunPk;
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: Instant | null;
  readonly taskId: string;
  /** -1: not mapped, or not expanded. */
  readonly mapIndex: number;
  /** 0: it never began. */
  readonly tryNumber: number;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly startDate: Instant | null;
  readonly endDate: Instant | null;
  /** The version that it ran, or was decided by. */
  readonly dag: CompiledDag;
}

/** A claimed attempt with all that a RunTask workload needs. */
export interface ClaimedAttempt {
  readonly attemptId: AttemptId;
  readonly run: RunPk;
  readonly version: VersionId;
  readonly lane: string;
  readonly taskId: string;
  readonly mapIndex: number;
  readonly tryNumber: number;
  readonly piece: number;
  readonly maxTries: number;
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: Instant | null;
  readonly interval: DataInterval | null;
  readonly runAfter: Instant;
  readonly runStart: Instant | null;
  readonly conf: JsonObject;
  readonly bundleHash: string;
  readonly filePath: string;
  /** See RunTask. */
  readonly mapLengths: readonly number[] | null;
  readonly resume: ResumeInfo | null;
  readonly tryStartedAt: Instant | null;
  /** The version that it runs: `dag.tasks.get(taskId)!.spec` has the task's options. */
  readonly dag: CompiledDag;
}

export interface SessionInfo {
  readonly kind: 'scheduler' | 'webserver' | 'dag-processor' | 'triggerer' | 'worker' | 'test';
  readonly host: string;
  readonly bootId: string;
  readonly pid: number;
  readonly version: string;
  readonly lanes: readonly string[];
  readonly capacity: number;
  readonly leaseMs: number;
}

export interface Attention {
  /** Runs with a wake or a due task. */
  readonly runs: readonly RunPk[];
  /** When the next waiting task is due (from now, by the database's clock), or null. */
  readonly nextDueInMs: number | null;
  /** Attempts of this session that have to be stopped, and why. They stay in this list until they have ended. */
  readonly cancels: readonly { readonly attemptId: AttemptId; readonly why: 'cleared' | 'marked' | 'run-ended' }[];
  /** Tasks are admissible in one of the lanes: a hop without anything else may claim. */
  readonly work: boolean;
}

export interface ReapRequest {
  /** Never reaped. */
  readonly own: SessionId;
  readonly host: string;
  readonly bootId: string;
  /** Of a process of this host. */
  readonly isAlive: (pid: number) => boolean;
  /** How far in the past a lease must have ended. */
  readonly marginMs: number;
  /** How often this process reaps. After a gap of more than two of these it first waits one full lease (`leaseMs`). */
  readonly intervalMs: number;
  readonly leaseMs: number;
}

/** A connection inside a transaction, as far as another part's statements need it. On the ledger's own, `timestamptz` comes as epoch milliseconds. */
export interface Transaction {
  query<Row extends object>(sql: string, parameters?: unknown[]): Promise<{ rows: Row[]; rowCount: number | null }>;
}

/**
 * What has to be committed in the same transaction (a line of the audit log, the next run of a DAG), called after the change with
 * what came of it. Throwing rolls everything back and rejects with the same error. The memory ledger never calls it.
 */
export type AlsoCommit<Result> = (transaction: Transaction, result: Result) => Promise<void>;

/** Which task instances of one run a person means. */
export interface TaskSelection {
  readonly taskId: string;
  /** null: all of them. A mapped task that is selected as a whole is expanded anew when it is cleared. */
  readonly mapIndexes: readonly number[] | null;
}

export interface ClearRequest {
  readonly run: RunPk;
  /** null: the whole run. Without `onlyStates` that is a new start of it: also a running one is queued. */
  readonly tasks: readonly TaskSelection[] | null;
  /** Only task instances in one of these states (null: undecided), looked at under the run's lock. Left out: all. */
  readonly onlyStates?: readonly TaskState[];
  /** latest: the DAG's newest version (live attempts keep theirs) · own: the one that the run has. */
  readonly version: 'latest' | 'own';
  /** Takes the place of the run's conf; null: as it is. */
  readonly conf: JsonObject | null;
  /** Start again as a retry of the whole run: counts against `runRetries`. */
  readonly runRetry?: boolean;
  /** A run that has ended stays so: its cleared tasks wait until it is started again. */
  readonly keepRunState?: boolean;
}

export interface MarkRequest {
  readonly run: RunPk;
  readonly tasks: readonly TaskSelection[];
  readonly state: 'success' | 'failed' | 'skipped';
}

export interface ChangedTask {
  readonly taskId: string;
  /** -1: not mapped, or not expanded. */
  readonly mapIndex: number;
  /** Its state before. */
  readonly was: TaskState;
}

/** What a verdict on tasks did to a run. */
export interface TaskVerdict {
  readonly run: RunPk;
  /** The task instances that were asked for and changed. */
  readonly tasks: readonly ChangedTask[];
  /** Further down, what rules had decided (or had scheduled and has not begun): undecided now, so that the run decides it anew. */
  readonly below: readonly ChangedTask[];
  /** Tasks of the version that the run did not have until now. */
  readonly added: readonly string[];
  /** The version that the run goes on with; null: the newest when it starts. */
  readonly version: VersionId | null;
  /** Of the run, before and after. */
  readonly from: RunState;
  readonly to: RunState;
}

/** `live`: attempts have not ended; they keep their slots, and so their rows. */
export type DeleteResult = 'deleted' | 'missing' | 'live';

/** What a wait came to. Refused when the wait is gone or its generation rose. */
export interface WaitEvent {
  /** uuid of the wait row */
  readonly wait: string;
  readonly generation: number;
  readonly event: ResumeInfo['event'];
}

export interface Ledger {
  /** In the order of `runs`. Does not start them. */
  createRuns(runs: readonly NewRun[], also?: AlsoCommit<readonly CreateRunResult[]>): Promise<readonly CreateRunResult[]>;
  /**
   * queued → running for runs that may start (DAG not paused or the run is a backfill's; maxActiveRuns of the DAG, or of the
   * backfill; run_after has passed; oldest run_after first, a backfill's by its ordinals), pins each to the newest version, makes
   * its task instances, wakes it. Returns the started runs: hand them to the engine.
   */
  startQueuedRuns(limit: number): Promise<readonly RunPk[]>;
  /** One transaction, two flushes: record outcomes → `decide` → apply → admit and claim. */
  hop(request: HopRequest, decide: Decide): Promise<HopResult>;
  attention(session: SessionId, lanes: readonly string[], limit: number): Promise<Attention>;
  /**
   * Makes the instances of mapped tasks and groups that hops found ready: for each of at most `limit` of them one chunk, in a transaction
   * of its own. Returns the runs that got on, so that the engine looks at them; call it again until there is none.
   */
  expandTasks(limit: number): Promise<readonly RunPk[]>;
  /** Ends waits: the deferred try goes on with its next piece when there is room for it. Returns how many did; the others were refused. */
  fireWaits(events: readonly WaitEvent[]): Promise<number>;
  /** Ends runs whose dagrunTimeout is over as failed: what runs is stopped and fails, what has not begun is skipped. */
  timeOutRuns(limit: number): Promise<readonly EndedRun[]>;
  /** Queues runs that failed, have `runRetries` left and whose delay is over, with their failed tasks cleared. */
  retryRuns(limit: number): Promise<readonly RunPk[]>;
  /** Inserts a wake for each run (a writer that does not resolve). */
  wake(runs: readonly RunPk[], cause: string): Promise<void>;

  openSession(info: SessionInfo): Promise<SessionId>;
  /**
   * False: the session was declared lost; the process must stop its attempts and open a new one. A lease that ran out while nobody
   * reaped (the database was away) is renewed.
   */
  renewSession(session: SessionId, leaseMs: number, details: JsonObject): Promise<boolean>;
  /** Its attempts that have not ended are lost. */
  closeSession(session: SessionId): Promise<void>;
  /**
   * Declares sessions lost whose lease ended more than `marginMs` ago, and at once those of this host and boot whose process is
   * dead; then ends every attempt of a lost or ended session and wakes its run. Returns how many attempts were lost.
   */
  reapSessions(request: ReapRequest): Promise<number>;

  /**
   * A person's verdict on a run, as in Airflow. success: every task instance becomes success. failed: what runs becomes failed, what
   * has not begun skipped. Live attempts become `ending` and keep their slots until they have ended. False: there is no such run.
   */
  markRun(run: RunPk, state: 'success' | 'failed', also?: AlsoCommit<boolean>): Promise<boolean>;
  /** Back to `queued` with all task instances undecided; try numbers go on. False: there is no such run. */
  clearRun(run: RunPk, also?: AlsoCommit<boolean>): Promise<boolean>;
  /**
   * Undecides task instances, so that they run again as further tries: what runs is stopped first (`restarting`), what is deferred waits
   * no more, a mapped task is expanded anew. A run that has ended is queued. Null: there is no such run.
   */
  clearTasks(request: ClearRequest, also?: AlsoCommit<TaskVerdict | null>): Promise<TaskVerdict | null>;
  /**
   * Task instances become `state`, whatever they are; their live attempts are stopped. A run that has ended goes on if something is left
   * to do now, and ends anew otherwise. Null: there is no such run.
   */
  markTasks(request: MarkRequest, also?: AlsoCommit<TaskVerdict | null>): Promise<TaskVerdict | null>;
  /** With everything that belongs to it. Its state is the caller's to judge. */
  deleteRun(run: RunPk, also?: AlsoCommit<DeleteResult>): Promise<DeleteResult>;
  /** One task instance with its attempts and values; of a run that is not running. Map index -1: not mapped. */
  deleteTask(run: RunPk, taskId: string, mapIndex: number, also?: AlsoCommit<DeleteResult>): Promise<DeleteResult>;
  /** With its runs, versions and backfills, the runs in batches. It comes back, without them, when its file is read again. */
  deleteDag(dagId: string, also?: AlsoCommit<DeleteResult>): Promise<DeleteResult>;
}
