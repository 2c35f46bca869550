/** The rows of the memory ledger: what the tables hold in Postgres. */
import type { TaskReason, TaskState, RunState, AttemptState } from '../../core/states';
import type { JsonObject } from '../../core/json';
import type { Instant } from '../../core/time';
import type { Change } from '../../core/run-view';
import type { CompiledDag, CompiledTask } from '../../dag-spec/compiled-dag';
import type { DagSpec } from '../../dag-spec/spec';
import type { AttemptId, NewRun, RunPk, SessionId, TaskPk, VersionId } from '../ledger';

export interface MemoryDagInput {
  readonly spec: DagSpec;
  readonly bundleHash?: string;
  readonly filePath?: string;
  readonly isPaused?: boolean;
}

export interface MemoryDag {
  readonly version: VersionId;
  readonly dag: CompiledDag;
  readonly bundleHash: string;
  readonly filePath: string;
  isPaused: boolean;
}

export interface MemoryRun {
  readonly pk: RunPk;
  readonly new: NewRun;
  state: RunState;
  version: VersionId | null;
  startDate: Instant | null;
  endDate: Instant | null;
  readonly tasks: Map<string, MemoryTask>;
  /** Since the last resolution; null: look at all. */
  changed: Change[] | null;
  woken: boolean;
  /** It was cleared to start on its own version again. */
  keepVersion: boolean;
  conf: JsonObject;
}

export interface MemoryTask {
  readonly pk: TaskPk;
  readonly id: string;
  readonly run: MemoryRun;
  compiled: CompiledTask;
  state: TaskState;
  reason: TaskReason | null;
  admissible: boolean;
  tryNumber: number;
  retriesUsed: number;
  lostInARow: number;
  piece: number;
  attempt: AttemptId | null;
  branch: readonly string[] | null;
  dueAt: Instant | null;
  startDate: Instant | null;
  endDate: Instant | null;
  readonly xcoms: Map<string, string>;
  // What the claim ranks by.
  readonly lane: string;
  readonly pool: string;
  readonly slots: number;
  readonly rankClass: number;
  readonly priority: number;
  readonly runAfter: Instant;
}

export interface MemoryAttempt {
  readonly id: AttemptId;
  readonly task: MemoryTask;
  readonly compiled: CompiledTask;
  readonly session: SessionId;
  readonly tryNumber: number;
  state: AttemptState;
}

export interface MemorySession {
  state: 'alive' | 'ended' | 'lost';
  leaseUntil: Instant;
}

export function newTask(pk: TaskPk, compiled: CompiledTask, run: MemoryRun): MemoryTask {
  const { spec, priority } = compiled;
  return {
    pk,
    id: spec.id,
    run,
    compiled,
    state: null,
    reason: null,
    admissible: false,
    tryNumber: 0,
    retriesUsed: 0,
    lostInARow: 0,
    piece: 0,
    attempt: null,
    branch: null,
    dueAt: null,
    startDate: null,
    endDate: null,
    xcoms: new Map(),
    lane: spec.executor ?? 'default',
    pool: spec.pool,
    slots: spec.poolSlots,
    rankClass: run.new.runType === 'backfill' ? 1 : 0,
    priority,
    runAfter: run.new.runAfter,
  };
}
