/**
 * The one legal cache: the task states of a run, valid while `dag_run.seq`, read under the run's lock, is the one they were read at.
 *
 * It holds because everyone who changes task instances under the lock raises `seq`. The claim alone does not (it has no run lock): a
 * cached `scheduled, admissible` may be `running` by now. Both count alike for every rule and limit, and a transition that expects
 * the older one is refused by its fence, whereupon the run is forgotten here.
 */
import type { PoolClient } from 'pg';
import type { TaskSnapshot } from '../../core/resolve';
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
  readonly tasks: Map<string, CachedTask>;
}

/** Task instances kept in memory, over all runs: about 50 MB. */
const KEPT_TASKS = 200_000;

interface TaskRow {
  pk: number;
  run: number;
  task_id: string;
  state: TaskState;
  reason: TaskReason | null;
  admissible: boolean;
  due_at: Instant | null;
  branch: string[] | null;
  try_number: number;
  piece: number;
}

const readTasks = prepared<TaskRow>(
  'read_tasks',
  `SELECT pk, run, task_id, state, reason, admissible, due_at, branch, try_number, piece
   FROM task_instance WHERE run = ANY($1::bigint[]) AND map_index = -1`,
);

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

  /** Reads the tasks of runs that the caller has locked. */
  async read(client: PoolClient, locked: readonly { pk: RunPk; seq: number; version: VersionId }[]): Promise<Map<RunPk, CachedRun>> {
    const read = new Map<RunPk, CachedRun>();
    if (locked.length === 0) return read;
    for (const { pk, seq, version } of locked) read.set(pk, { seq, version, tasks: new Map() });
    const { rows } = await readTasks(
      client,
      locked.map((run) => run.pk),
    );
    for (const row of rows) {
      read.get(row.run)!.tasks.set(row.task_id, {
        pk: row.pk,
        state: row.state,
        reason: row.reason,
        admissible: row.admissible,
        dueAt: row.due_at,
        branch: row.branch,
        tryNumber: row.try_number,
        piece: row.piece,
      });
    }
    return read;
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
