/** The rows of the memory ledger: what the tables hold in Postgres. */
import type { TaskReason, TaskState, RunState, AttemptState } from '../../core/states';
import type { Instant } from '../../core/time';
import { TALLY_COUNTS, tallyCountOf } from '../../core/run-view';
import type { Change, Tally, TallyCount } from '../../core/run-view';
import type { ErrorInfo, ResumeInfo, WaitSpec } from '../../core/workload';
import type { JsonObject } from '../../core/json';
import type { CompiledDag, CompiledTask } from '../../dag-spec/compiled-dag';
import type { DagSpec, RunEvent, TaskEvent } from '../../dag-spec/spec';
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
  /** Runs that ended before (by `MemoryRun.ended`) do not count for maxConsecutiveFailedRuns. */
  unpaused: number;
}

export interface MemoryRun {
  readonly pk: RunPk;
  readonly new: NewRun;
  state: RunState;
  version: VersionId | null;
  startDate: Instant | null;
  endDate: Instant | null;
  /** By dagrunTimeout. */
  deadlineAt: Instant | null;
  endReason: 'timeout' | 'fail_fast' | 'marked' | null;
  /** In which order runs ended by themselves: more exact than the clock. */
  ended: number;
  /** Of the whole run, since it was last started by anybody else. */
  retriesUsed: number;
  /** When it starts again by itself. */
  retryAt: Instant | null;
  /** All that is left of it waits for an earlier run. */
  waitsForPast: boolean;
  /** By id: tasks that are not mapped, and mapped ones that are not expanded. */
  readonly tasks: Map<string, MemoryTask>;
  /** By id and map index: of mapped tasks, whatever became of them. */
  readonly instances: Map<string, Map<number, MemoryTask>>;
  /** By id: how many instances an expanded task has, and how many elements each key. */
  readonly expanded: Map<string, { readonly length: number; readonly lengths: readonly number[] }>;
  /** Mapped tasks and groups (by id) that wait for their instances. */
  readonly expanding: Set<string>;
  /** Since the last resolution; null: look at all. */
  changed: Change[] | null;
  woken: boolean;
  /** It was cleared to run on its own version again. */
  keepVersion: boolean;
  /** Its conf, which a clear may have edited. */
  conf: JsonObject;
}

export interface MemoryTask {
  readonly pk: TaskPk;
  readonly id: string;
  /** -1: not mapped, or not expanded. */
  readonly mapIndex: number;
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
  /** Why it failed, where no attempt could say so. */
  error: string | null;
  /** What it is deferred for. */
  wait: MemoryWait | null;
  /** How its next piece goes on. */
  resume: ResumeInfo | null;
  readonly xcoms: Map<string, string>;
  // What the claim ranks by.
  lane: string;
  pool: string;
  slots: number;
  readonly rankClass: number;
  priority: number;
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

export interface MemoryWait {
  /** uuid */
  readonly id: string;
  readonly generation: number;
  readonly spec: WaitSpec;
  readonly task: MemoryTask;
  readonly since: Instant;
}

/** A callback that is owed. */
export interface MemoryCallback {
  readonly run: MemoryRun;
  /** null: the run's own. */
  readonly task: MemoryTask | null;
  readonly event: TaskEvent | RunEvent;
  readonly tryNumber: number;
  readonly reason: string | null;
  readonly error: ErrorInfo | null;
}

export function newTask(pk: TaskPk, compiled: CompiledTask, run: MemoryRun, mapIndex = -1): MemoryTask {
  return {
    pk,
    id: compiled.spec.id,
    mapIndex,
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
    error: null,
    wait: null,
    resume: null,
    xcoms: new Map(),
    ...claimOptions(compiled),
    rankClass: run.new.runType === 'backfill' ? 1 : 0,
    runAfter: run.new.runAfter,
  };
}

/** What a task instance takes over when its run changes the version. */
export function claimOptions({ spec, priority }: CompiledTask) {
  return { lane: spec.executor ?? 'default', pool: spec.pool, slots: spec.poolSlots, priority };
}

/** In topological order by the version that the run began with; the instances of a task by map index. */
export function* everyTask(run: MemoryRun): Iterable<MemoryTask> {
  yield* run.tasks.values();
  for (const instances of run.instances.values()) yield* instances.values();
}

/** One task instance. */
export function taskAt(run: MemoryRun, taskId: string, mapIndex: number): MemoryTask | undefined {
  return mapIndex < 0 ? run.tasks.get(taskId) : run.instances.get(taskId)?.get(mapIndex);
}

export function tallyOf(run: MemoryRun, taskId: string): Tally {
  const counts = Object.fromEntries(TALLY_COUNTS.map((name) => [name, 0])) as Record<TallyCount, number>;
  for (const task of run.instances.get(taskId)!.values()) {
    const count = tallyCountOf(task);
    if (count) counts[count]++;
  }
  return { length: run.expanded.get(taskId)!.length, ...counts };
}
