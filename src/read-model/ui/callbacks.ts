/** The callbacks of a run and its tasks: what was to be told, and what came of it. */
import type { Pool } from 'pg';

export interface ShownCallback {
  readonly id: string;
  readonly event: 'success' | 'failure' | 'retry' | 'skipped' | 'deadline';
  /** Null: of the DAG. */
  readonly taskId: string | null;
  /** -1: not mapped. */
  readonly mapIndex: number;
  readonly at: Date;
  readonly endedAt: Date | null;
  /** How often it was begun. */
  readonly tries: number;
  /** failed: it threw, hung or ended its process · lost: its process was lost, too often */
  readonly state: 'waiting' | 'running' | 'success' | 'failed' | 'lost';
}

const MOST = 200;

/** The newest, at most 200. @param ti only of this task instance */
export async function readCallbacks(pool: Pool, run: number, ti: number | null = null): Promise<ShownCallback[]> {
  const { rows } = await pool.query<ShownCallback>(
    `SELECT c.id, c.event, t.task_id AS "taskId", coalesce(t.map_index, -1) AS "mapIndex", c.created_at AS at, c.done_at AS "endedAt", c.tries,
       CASE WHEN c.done_at IS NULL THEN CASE WHEN c.session IS NULL THEN 'waiting' ELSE 'running' END
         WHEN c.outcome IN ('success', 'failed') THEN c.outcome ELSE 'lost' END AS state
     FROM callback c LEFT JOIN task_instance t ON t.pk = c.ti WHERE ${ti === null ? 'c.run = $1' : 'c.ti = $1'}
     ORDER BY c.created_at DESC, c.id LIMIT $2`,
    [ti ?? run, MOST],
  );
  return rows;
}
