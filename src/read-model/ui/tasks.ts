/** How the tasks of a DAG did lately: their states and median duration over the newest finished runs; of a mapped task, its first 100 instances in each. */
import type { Pool } from 'pg';

export interface TaskStats {
  readonly taskId: string;
  readonly success: number;
  readonly failed: number;
  readonly medianMs: number | null;
}

export async function readTaskStats(pool: Pool, dagId: string, runs: number): Promise<Map<string, TaskStats>> {
  const { rows } = await pool.query<TaskStats>(
    `SELECT t.task_id AS "taskId", count(*) FILTER (WHERE t.state = 'success')::int AS success, count(*) FILTER (WHERE t.state = 'failed')::int AS failed,
            (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.end_date - t.start_date) * 1000) FILTER (WHERE t.state = 'success' AND t.start_date IS NOT NULL))::float8 AS "medianMs"
     FROM task_instance t
     WHERE t.run IN (SELECT pk FROM dag_run WHERE dag_id = $1 AND state IN ('success','failed') ORDER BY run_after DESC, pk DESC LIMIT $2)
       AND t.map_index < 100
     GROUP BY t.task_id`,
    [dagId, runs],
  );
  return new Map(rows.map((row) => [row.taskId, row]));
}
