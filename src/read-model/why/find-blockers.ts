/** Why a task instance, or a run, does not go on, found by the names that people know. For REST and the command line. */
import type { Pool } from 'pg';
import { readCompiledDag } from '../ui/dag-page';
import { readRunBlockers } from './run-blockers';
import type { WhyRun } from './run-blockers';
import { readBlockers } from './task-blockers';
import type { Blocker, WhyTask } from './task-blockers';

export interface FoundTask {
  readonly state: WhyTask['state'];
  /** What it failed with, if it did. */
  readonly error: string | null;
  readonly blockers: readonly Blocker[];
}

/** Null: there is no such task instance. */
export async function findTaskBlockers(
  pool: Pool,
  of: { readonly dagId: string; readonly runId: string; readonly taskId: string; readonly mapIndex: number },
): Promise<FoundTask | null> {
  const run = await findRun(pool, of.dagId, of.runId);
  if (!run) return null;
  const { rows } = await pool.query<WhyTask & { error: string | null }>(
    `SELECT pk, task_id AS "taskId", map_index AS "mapIndex", state, reason, admissible, pool, lane, due_at AS "dueAt",
            CASE WHEN state = 'failed' THEN coalesce(
              (SELECT a.error ->> 'message' FROM attempt a WHERE a.id = attempt), (SELECT d.error ->> 'message' FROM ti_detail d WHERE d.ti = pk)) END AS error
     FROM task_instance WHERE run = $1 AND task_id = $2 AND map_index = $3`,
    [run.pk, of.taskId, of.mapIndex],
  );
  const task = rows[0];
  // A run that has not started has no task instances yet: what keeps it keeps them.
  if (!task)
    return of.mapIndex < 0 && (await willMake(pool, run, of.taskId))
      ? { state: null, error: null, blockers: await readRunBlockers(pool, run) }
      : null;
  const dag = run.version === null ? null : await readCompiledDag(pool, run.version);
  return { state: task.state, error: task.error, blockers: await readBlockers(pool, run, task, dag) };
}

/** Null: there is no such run. */
export async function findRunBlockers(pool: Pool, dagId: string, runId: string): Promise<readonly Blocker[] | null> {
  const run = await findRun(pool, dagId, runId);
  return run && readRunBlockers(pool, run);
}

interface FoundRun extends WhyRun {
  /** Null: it has never started. */
  readonly version: string | null;
  /** The version that it starts with if it is queued; null: there is none. */
  readonly next: string | null;
  /** Null: all. */
  readonly onlyTasks: readonly string[] | null;
}

/** A queued run makes this task when it starts. */
async function willMake(pool: Pool, { state, next, onlyTasks }: FoundRun, taskId: string): Promise<boolean> {
  if (state !== 'queued' || next === null || onlyTasks?.includes(taskId) === false) return false;
  return (await readCompiledDag(pool, next)).tasks.has(taskId);
}

async function findRun(pool: Pool, dagId: string, runId: string): Promise<FoundRun | null> {
  const { rows } = await pool.query<FoundRun>(
    `SELECT r.pk, r.dag_id AS "dagId", r.state, r.backfill_id AS "backfillId", r.version, r.only_tasks AS "onlyTasks",
            CASE WHEN r.keep_version THEN coalesce(r.version, d.current_version) ELSE d.current_version END AS next
     FROM dag_run r JOIN dag d ON d.dag_id = r.dag_id WHERE r.dag_id = $1 AND r.run_id = $2`,
    [dagId, runId],
  );
  return rows[0] ?? null;
}
