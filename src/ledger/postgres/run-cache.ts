/**
 * The one legal cache: the task states of a run, valid while `dag_run.seq`, read under the run's lock, is the one they were read at.
 *
 * It holds because everyone who changes task instances under the lock raises `seq`. The claim alone does not (it has no run lock): a
 * cached `scheduled, admissible` may be `running` by now. Both count alike for every rule and limit, and a transition that expects
 * the older one is refused by its fence, whereupon the run is forgotten here.
 *
 * Of expanded tasks it holds the tallies; their instances, of which there may be many, are read when they are needed and not kept.
 */
import type { PoolClient } from 'pg';
import type { TaskSnapshot, Tally } from '../../core/run-view';
import type { TaskReason, TaskState } from '../../core/states';
import type { Instant } from '../../core/time';
import type { RunPk, TaskPk, VersionId } from '../ledger';
import { prepared } from './connections';

export interface CachedTask extends TaskSnapshot {
  readonly pk: TaskPk;
  readonly tryNumber: number;
  readonly piece: number;
}

export interface CachedRun {
  seq: number;
  readonly version: VersionId;
  /** Not mapped, or not expanded. */
  readonly tasks: Map<string, CachedTask>;
  readonly tallies: Map<string, Tally>;
  /** Owners of expansions that are under way. */
  readonly expanding: Set<string>;
}

/** Task instances kept in memory, over all runs: about 50 MB. */
const KEPT_TASKS = 200_000;

export interface TaskRow {
  pk: number;
  run: number;
  task_id: string;
  map_index: number;
  state: TaskState;
  reason: TaskReason | null;
  admissible: boolean;
  due_at: Instant | null;
  branch: string[] | null;
  try_number: number;
  piece: number;
}

const COLUMNS = 't.pk, t.run, t.task_id, t.map_index, t.state, t.reason, t.admissible, t.due_at, t.branch, t.try_number, t.piece';

const readTasksOf = prepared<TaskRow>(
  'read_tasks',
  `SELECT ${COLUMNS} FROM task_instance t WHERE run = ANY($1::bigint[]) AND map_index = -1`,
);

const readInstancesAt = prepared<TaskRow>(
  'read_instances_at',
  `SELECT ${COLUMNS} FROM unnest($1::bigint[], $2::text[], $3::int[]) AS n(run, task_id, map_index)
     JOIN task_instance t ON t.run = n.run AND t.task_id = n.task_id AND t.map_index = n.map_index AND t.state IS DISTINCT FROM 'removed'`,
);
const readInstancesOf = prepared<TaskRow>(
  'read_instances_of',
  `SELECT ${COLUMNS} FROM unnest($1::bigint[], $2::text[]) AS n(run, task_id)
     JOIN task_instance t ON t.run = n.run AND t.task_id = n.task_id AND t.map_index >= 0 AND t.state IS DISTINCT FROM 'removed'`,
);

export function readTasks(client: PoolClient, runs: readonly RunPk[]) {
  return runs.length > 0 ? readTasksOf(client, runs) : null;
}

export interface InstanceKey {
  readonly run: RunPk;
  readonly taskId: string;
  readonly mapIndex: number;
}

/** Instances at these places. */
export function readInstances(client: PoolClient, keys: readonly InstanceKey[]) {
  if (keys.length === 0) return null;
  return readInstancesAt(
    client,
    keys.map(({ run }) => run),
    keys.map(({ taskId }) => taskId),
    keys.map(({ mapIndex }) => mapIndex),
  );
}

/** All instances of these tasks. */
export function readAllInstances(client: PoolClient, tasks: readonly Omit<InstanceKey, 'mapIndex'>[]) {
  if (tasks.length === 0) return null;
  return readInstancesOf(
    client,
    tasks.map(({ run }) => run),
    tasks.map(({ taskId }) => taskId),
  );
}

export function toCachedTask(row: Omit<TaskRow, 'admissible'> & { admissible?: boolean }): CachedTask {
  return {
    pk: row.pk,
    state: row.state,
    reason: row.reason,
    admissible: row.admissible ?? false,
    dueAt: row.due_at,
    branch: row.branch,
    tryNumber: row.try_number,
    piece: row.piece,
  };
}

export class RunCache {
  private readonly runs = new Map<RunPk, CachedRun>();
  private size = 0;

  /** The run's tasks if they are still as they were at `seq`. */
  valid(run: RunPk, seq: number, version: VersionId): CachedRun | null {
    const found = this.runs.get(run);
    if (found?.seq === seq && found.version === version) return found;
    this.forget(run);
    return null;
  }

  /** Only what has been committed. */
  keep(run: RunPk, state: CachedRun): void {
    this.forget(run);
    this.runs.set(run, state);
    this.size += state.tasks.size;
    for (const oldest of this.runs.keys()) {
      if (this.size <= KEPT_TASKS || oldest === run) return;
      this.forget(oldest);
    }
  }

  forget(run: RunPk): void {
    this.size -= this.runs.get(run)?.tasks.size ?? 0;
    this.runs.delete(run);
  }
}
