/**
 * What `resolve` is given and what it answers: plain values, the same for every ledger.
 *
 * A task has one instance (map index -1), or, once it is expanded, one per element (0, 1, …). Of an expanded task only a tally is
 * known here, so that a run of 100,000 instances costs as much to look at as one of ten; the instances themselves are told apart only
 * inside mapped groups, where an instance depends on those of its own index, and there only the ones that a change concerns.
 * Instances in state `removed` are in no tally: they count nowhere.
 */
import type { TaskReason, TaskState } from './states';
import type { Instant } from './time';

export interface TaskSnapshot {
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  /** Scheduled and through the gate: it waits for its pool and an executor only. */
  readonly admissible: boolean;
  /** When an up_for_retry or up_for_reschedule task may go on. */
  readonly dueAt: Instant | null;
  /** Task or group ids that a branch has chosen; null: it has not decided. A short circuit that closed has chosen none. */
  readonly branch: readonly string[] | null;
}

/** Instances of an expanded task, by what they are doing. Their sum is below `length` while the expansion goes on. */
export interface Tally {
  /** How many there will be in the end. */
  readonly length: number;
  /** Nothing decided yet. */
  readonly none: number;
  /** Scheduled, before the gate. */
  readonly waiting: number;
  /** Through the gate: admissible, queued, running or restarting. They use up `maxActiveTasks`. */
  readonly active: number;
  /** up_for_retry, up_for_reschedule or deferred. */
  readonly sleeping: number;
  readonly success: number;
  readonly failed: number;
  readonly skipped: number;
  readonly upstreamFailed: number;
}
export const TALLY_COUNTS = ['none', 'waiting', 'active', 'sleeping', 'success', 'failed', 'skipped', 'upstreamFailed'] as const;
export type TallyCount = (typeof TALLY_COUNTS)[number];

/** The count that an instance belongs to; null: `removed`, in none. */
export function tallyCountOf({ state, admissible }: Pick<TaskSnapshot, 'state' | 'admissible'>): TallyCount | null {
  switch (state) {
    case null:
      return 'none';
    case 'scheduled':
      return admissible ? 'active' : 'waiting';
    case 'queued':
    case 'running':
    case 'restarting':
      return 'active';
    case 'up_for_retry':
    case 'up_for_reschedule':
    case 'deferred':
      return 'sleeping';
    case 'upstream_failed':
      return 'upstreamFailed';
    case 'removed':
      return null;
    case 'success':
    case 'failed':
    case 'skipped':
      return state;
  }
}

/** A task instance whose state changed. */
export interface Change {
  readonly taskId: string;
  /** -1: not mapped, or not expanded yet. */
  readonly mapIndex: number;
}

export interface RunView {
  /** By task id: tasks that are not mapped, and mapped ones that are not expanded. */
  readonly tasks: ReadonlyMap<string, TaskSnapshot>;
  /** By task id: expanded tasks. A task stands in `tasks` or here, never in both. */
  readonly mapped: ReadonlyMap<string, Tally>;
  /**
   * Instances of expanded tasks inside mapped groups: task id → map index → instance. Holds at least every task of the group at each
   * index that `changed` names, and all of them when `changed` is null. Where more are needed (something outside of the group lets
   * all of its instances go on), the answer says so: `Resolution.wants`.
   */
  readonly instances: ReadonlyMap<string, ReadonlyMap<number, TaskSnapshot>>;
  /** Tasks or groups whose expansion is under way. */
  readonly expanding: ReadonlySet<string>;
  /** Nothing may be admitted (the DAG is paused); what is running goes on. */
  readonly held: boolean;
  /** Tasks with dependsOnPast or waitForDownstream whose earlier run is not far enough. */
  readonly waitsForPast: ReadonlySet<string>;
  /** What DAG-wide limits leave room for, when the DAG has any: counted under the lock of the DAG's row. */
  readonly dagRoom: { readonly tasks: number; readonly byTask: ReadonlyMap<string, number> } | null;
}

/** Applied only where the task instance is still in state `expected`. */
export interface Transition {
  readonly taskId: string;
  /** -1: not mapped, or not expanded. */
  readonly mapIndex: number;
  readonly expected: TaskState;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
}

/** All instances of an expanded task that are undecided (state null): of a mapped task, or of the first tasks of a mapped group. */
export interface Sweep {
  readonly taskId: string;
  readonly state: 'scheduled' | 'skipped' | 'upstream_failed';
  readonly reason: TaskReason | null;
}

/** So many waiting instances of an expanded task pass the gate, the lowest map index first. */
export interface Gate {
  readonly taskId: string;
  readonly count: number;
}

export interface Resolution {
  /** At most one per task instance, in topological order. */
  readonly transitions: readonly Transition[];
  readonly sweeps: readonly Sweep[];
  readonly gates: readonly Gate[];
  /** Expanded tasks of a held run: instances that have passed the gate and have not begun go back before it. Applied before `gates`. */
  readonly withdraw: readonly string[];
  /** Mapped tasks and groups (by id) that can be expanded now: what they map over is complete. */
  readonly expand: readonly string[];
  /**
   * A task of a failFast DAG failed: what runs (or sleeps) is stopped and fails, what has not begun is skipped, both with the reason
   * `fail_fast`; teardowns go on. Nothing else is decided by this answer: the run has to be looked at again (`changed` null) after it.
   */
  readonly failFast: boolean;
  /**
   * Mapped groups (by id) of which every instance is needed and the view holds only some. Nothing else of this answer counts: ask again
   * with all instances of these groups, before anything is applied.
   */
  readonly wants: readonly string[];
  /** All that is left of the run waits for an earlier run: it keeps nobody out of maxActiveRuns. */
  readonly waitsForPast: boolean;
  /** Nothing is left to do: the state that the run ends in. */
  readonly ends: 'success' | 'failed' | null;
}
