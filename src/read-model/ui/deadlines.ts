/** The deadlines of runs: which are to come, and which were missed. */
import type { Pool } from 'pg';

export interface RunDeadline {
  /** Its place among the DAG's deadlines. */
  readonly number: number;
  /** Null: met, there is none for this run, or it is told only when the run has started. */
  readonly dueAt: Date | null;
  readonly isSettled: boolean;
  readonly missedAt: Date | null;
}

export async function readDeadlines(pool: Pool, run: number): Promise<RunDeadline[]> {
  const { rows } = await pool.query<RunDeadline>(
    `SELECT number, due_at AS "dueAt", settled AS "isSettled", missed_at AS "missedAt" FROM deadline WHERE run = $1 ORDER BY number`,
    [run],
  );
  return rows;
}

export interface LateRun {
  readonly runId: string;
  readonly dueAt: Date;
}

/** Runs of a DAG that are still under way although a deadline has passed, those that are latest first. */
export async function readLateRuns(pool: Pool, dagId: string): Promise<LateRun[]> {
  const { rows } = await pool.query<LateRun>(
    `SELECT r.run_id AS "runId", min(e.due_at) AS "dueAt" FROM dag_run r JOIN deadline e ON e.run = r.pk AND e.missed_at IS NOT NULL
     WHERE r.dag_id = $1 AND r.state IN ('queued', 'running') GROUP BY r.pk ORDER BY 2 LIMIT 20`,
    [dagId],
  );
  return rows;
}
