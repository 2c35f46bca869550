/**
 * The Ledger: the only thing that changes runs, task instances and attempts.
 *
 * Two implementations pass one conformance suite (test/ledger/conformance.ts): `PostgresLedger`, the product's, and `MemoryLedger`,
 * on which `dags test` runs the very same engine. Authority and failure:
 * - Whoever changes task instances of a run first locks the run's row, in a statement before it reads their states.
 * - Every transition is fenced (attempt id, expected state); callers act on what is returned and on nothing else.
 * - A cause and its `run_wake` are committed together; a wake is deleted only under its run's lock. NOTIFY only makes it quick.
 * - Only the database's clock decides leases.
 */
import type { RunState, RunType, TaskReason, TaskState, TriggeredBy } from '../core/states';
import type { AttemptOutcome } from '../core/workload';
import type { DataInterval, Instant } from '../core/time';
import type { JsonObject } from '../core/json';
import type { CompiledDag } from '../dag-spec/compiled-dag';

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
  readonly runAfter: Instant;
  /** By task id (mapped instances come with issue B's tally). */
  readonly tasks: ReadonlyMap<string, TaskSnapshot>;
  /** Task ids whose state changed in this hop or since the last resolution; `null`: unknown, look at all. */
  readonly changed: readonly string[] | null;
}

export interface TaskSnapshot {
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
  readonly tryNumber: number;
  readonly retriesUsed: number;
  readonly dueAt: Instant | null;
  /** A branch's chosen task or group ids, when it has run. */
  readonly branch: readonly string[] | null;
}

/** What `decide` (engine + core, pure) wants done to one run. Applied only where `expected` still holds. */
export interface RunDecision {
  readonly run: RunPk;
  readonly transitions: readonly Transition[];
  /** The run ends, or null. */
  readonly ends: 'success' | 'failed' | null;
}
export interface Transition {
  readonly taskId: string;
  readonly expected: TaskState;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
}
export type Decide = (runs: readonly LockedRun[], now: Instant) => readonly RunDecision[];

export interface HopRequest {
  readonly session: SessionId;
  /** Ended attempts: recorded first, in the same transaction. */
  readonly outcomes: readonly AttemptOutcome[];
  /** Runs to resolve because of wakes or due times (those of `outcomes` are found by the ledger). */
  readonly runs: readonly RunPk[];
  /** Free executor slots by lane; nothing is claimed for a lane that is absent. */
  readonly capacity: ReadonlyMap<string, number>;
}
export interface HopResult {
  /** Attempts to hand to the executor: exactly these, nothing else. */
  readonly claimed: readonly ClaimedAttempt[];
  /** Outcomes that the fence refused (their attempt had already ended or been replaced). */
  readonly refused: readonly AttemptId[];
  readonly ended: readonly {
    readonly run: RunPk;
    readonly dagId: string;
    readonly runId: string;
    readonly state: 'success' | 'failed';
    readonly startDate: Instant | null;
    readonly endDate: Instant;
  }[];
  readonly finished: readonly {
    readonly dagId: string;
    readonly taskId: string;
    readonly state: TaskState;
    readonly startDate: Instant | null;
    readonly endDate: Instant | null;
  }[];
  /** Admissible work is left that only capacity kept back. */
  readonly starving: boolean;
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
  /** When the next task or run deadline is due (database time expressed as ms from now), or null. */
  readonly nextDueInMs: number | null;
  /** Attempts of this session that have to be stopped (marked, cleared, run ended). */
  readonly cancels: readonly AttemptId[];
}

/**
 * What has to be committed in the same transaction (a line of the audit log, the next run of a DAG), called after the change with
 * what came of it. Throwing rolls everything back and rejects with the same error. The memory ledger never calls it.
 */
export type AlsoCommit<Result> = (
  transaction: { query(sql: string, parameters?: unknown[]): Promise<{ rows: any[]; rowCount: number | null }> },
  result: Result,
) => Promise<void>;

export interface Ledger {
  /** In the order of `runs`. Does not start them. */
  createRuns(runs: readonly NewRun[], also?: AlsoCommit<readonly CreateRunResult[]>): Promise<readonly CreateRunResult[]>;
  /**
   * queued → running for runs that may start (DAG not paused or the run is a backfill's; maxActiveRuns of the DAG, or of the
   * backfill; oldest run_after first), pins each to the newest version, makes its task instances, wakes it.
   */
  startQueuedRuns(limit: number): Promise<readonly RunPk[]>;
  /** One transaction, two flushes: record outcomes → `decide` → apply → admit and claim. See docs/protocol in ARCHITECTURE.md. */
  hop(request: HopRequest, decide: Decide): Promise<HopResult>;
  attention(session: SessionId, limit: number): Promise<Attention>;
  /** claimed → running, with the place it runs at. Batched; late or unknown ids are ignored. */
  markStarted(started: readonly { readonly attemptId: AttemptId; readonly host: string; readonly pid: number | null }[]): Promise<void>;
  /** Inserts a wake for each run (a writer that does not resolve). */
  wake(runs: readonly RunPk[], cause: string): Promise<void>;

  openSession(info: SessionInfo): Promise<SessionId>;
  /** False: the lease had run out or was taken; the process must stop its attempts and open a new session. */
  renewSession(session: SessionId, leaseMs: number, details: JsonObject): Promise<boolean>;
  closeSession(session: SessionId): Promise<void>;
  /**
   * Ends the attempts of sessions whose lease ended more than `marginMs` ago, and at once those of sessions on this host and
   * boot whose pid is not in `alivePids`; their runs are woken. Returns how many attempts were lost.
   */
  reapSessions(
    own: SessionId,
    host: { host: string; bootId: string; isAlive: (pid: number) => boolean },
    marginMs: number,
  ): Promise<number>;

  /** A person's verdict on a run: unfinished task instances are skipped (success) or failed; live attempts become `ending`. */
  markRun(run: RunPk, state: 'success' | 'failed', also?: AlsoCommit<boolean>): Promise<boolean>;
  /** Back to `queued`, all task instances to none, pinned to the newest version when it starts again. */
  clearRun(run: RunPk, also?: AlsoCommit<boolean>): Promise<boolean>;
}
