/** DAG runs and their task instances as the command line shows them. */
import type { RunState, RunType, TaskState } from '../../core/states';
import { ThenceError } from '../../core/errors';
import type { Instant } from '../../core/time';
import type { JsonObject } from '../../core/json';
import type { Database } from '../../db/database';

export interface ListedRun {
  readonly pk: number;
  readonly dag_id: string;
  readonly run_id: string;
  readonly run_type: RunType;
  readonly state: RunState;
  readonly logical_date: Date | null;
  readonly run_after: Date;
  readonly start_date: Date | null;
  readonly end_date: Date | null;
  readonly conf: JsonObject;
}

export interface RunFilter {
  readonly dagId: string;
  readonly state?: string;
  /** Without those of backfills. */
  readonly noBackfill?: boolean;
  /** On the logical date, or run_after where there is none; inclusive. */
  readonly from?: Instant;
  readonly to?: Instant;
  readonly limit?: number;
}

const columns = 'pk, dag_id, run_id, run_type, state, logical_date, run_after, start_date, end_date, conf';

/** Newest first. */
export async function listRuns({ pool }: Database, { dagId, state, noBackfill, from, to, limit }: RunFilter): Promise<ListedRun[]> {
  const { rows } = await pool.query<ListedRun>(
    `SELECT ${columns} FROM dag_run
      WHERE dag_id = $1 AND ($2::text IS NULL OR state = $2) AND NOT ($3 AND run_type = 'backfill')
        AND ($4::timestamptz IS NULL OR coalesce(logical_date, run_after) >= $4) AND ($5::timestamptz IS NULL OR coalesce(logical_date, run_after) <= $5)
      ORDER BY run_after DESC, pk DESC LIMIT $6`,
    [dagId, state ?? null, noBackfill ?? false, toDate(from), toDate(to), limit ?? null],
  );
  return rows;
}

/** By run id, or the first with a logical date in a range, scheduled ones before others. @throws ThenceError (NOT_FOUND) */
export async function findRun(
  { pool }: Database,
  dagId: string,
  by: { readonly runId: string; readonly logicalDate: { readonly from: Instant; readonly to: Instant } | null },
): Promise<ListedRun> {
  const { rows } = await pool.query<ListedRun>(
    `SELECT ${columns} FROM dag_run
      WHERE dag_id = $1 AND (run_id = $2 OR logical_date BETWEEN $3::timestamptz AND $4::timestamptz)
      ORDER BY run_id = $2 DESC, run_type = 'scheduled' DESC, logical_date LIMIT 1`,
    [dagId, by.runId, toDate(by.logicalDate?.from), toDate(by.logicalDate?.to)],
  );
  if (!rows[0])
    throw new ThenceError('NOT_FOUND', `DAG "${dagId}" has no run "${by.runId}"; "thence dags list-runs ${dagId}" shows its runs`);
  return rows[0];
}

export interface ListedTaskInstance {
  readonly task_id: string;
  readonly map_index: number;
  readonly state: TaskState;
  readonly try_number: number;
  readonly start_date: Date | null;
  readonly end_date: Date | null;
}

/** In the order in which the file made them, instances of one task by their map indexes. */
export async function listTaskInstances({ pool }: Database, run: number): Promise<ListedTaskInstance[]> {
  const { rows } = await pool.query<ListedTaskInstance>(
    'SELECT task_id, map_index, state, try_number, start_date, end_date FROM task_instance WHERE run = $1 ORDER BY min(pk) OVER (PARTITION BY task_id), map_index',
    [run],
  );
  return rows;
}

export interface FollowedTask {
  readonly run_state: RunState;
  /** The run has this task instance. */
  readonly exists: boolean;
  readonly state: TaskState;
  readonly try_number: number;
}

/** @throws ThenceError (NOT_FOUND) when the run is gone */
export async function readFollowedTask(
  { pool }: Database,
  {
    dagId,
    runId,
    taskId,
    mapIndex,
  }: { readonly dagId: string; readonly runId: string; readonly taskId: string; readonly mapIndex: number },
): Promise<FollowedTask> {
  const { rows } = await pool.query<FollowedTask>(
    `SELECT r.state AS run_state, t.pk IS NOT NULL AS exists, t.state, coalesce(t.try_number, 0) AS try_number
       FROM dag_run r LEFT JOIN task_instance t ON t.run = r.pk AND t.task_id = $3 AND t.map_index = $4 WHERE r.dag_id = $1 AND r.run_id = $2`,
    [dagId, runId, taskId, mapIndex],
  );
  if (!rows[0]) throw new ThenceError('NOT_FOUND', `run "${runId}" of DAG "${dagId}" was deleted meanwhile`);
  return rows[0];
}

function toDate(instant: Instant | null | undefined): Date | null {
  return instant === null || instant === undefined ? null : new Date(instant);
}
