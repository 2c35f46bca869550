/** Backfills of a DAG with their progress, newest first. */
import type { Pool } from 'pg';

export interface BackfillRow {
  readonly id: number;
  readonly fromDate: Date;
  readonly toDate: Date;
  readonly maxActiveRuns: number;
  readonly reprocessBehavior: string;
  readonly runBackwards: boolean;
  readonly isPaused: boolean;
  /** Only these; null: all. */
  readonly taskIds: readonly string[] | null;
  readonly cancelled: boolean;
  readonly createdBy: string | null;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
  /** Intervals in its range. */
  readonly total: number;
  /** By what became of each: states of its runs, 'skipped' for those left alone, 'none' for those not yet looked at. */
  readonly progress: Readonly<Record<string, number>>;
}

export async function readBackfills(pool: Pool, dagId: string): Promise<BackfillRow[]> {
  const { rows } = await pool.query<BackfillRow>(
    `SELECT b.id::int AS id, b.from_date AS "fromDate", b.to_date AS "toDate", b.max_active_runs AS "maxActiveRuns", b.reprocess_behavior AS "reprocessBehavior",
            b.run_backwards AS "runBackwards", b.is_paused AS "isPaused", b.task_ids AS "taskIds", b.cancelled, b.created_by AS "createdBy", b.created_at AS "createdAt",
            b.completed_at AS "completedAt", coalesce(p.total, 0)::int AS total, coalesce(p.progress, '{}') AS progress
     FROM (SELECT * FROM backfill WHERE dag_id = $1 ORDER BY id DESC LIMIT 20) b
     LEFT JOIN LATERAL (
       SELECT sum(n) AS total, jsonb_object_agg(state, n) AS progress FROM (
         SELECT CASE WHEN br.outcome IS NULL THEN 'none' WHEN br.outcome IN ('created','cleared') THEN coalesce(r.state, 'removed') ELSE 'skipped' END AS state,
                count(*)::int AS n
         FROM backfill_run br LEFT JOIN dag_run r ON r.pk = br.run WHERE br.backfill_id = b.id GROUP BY 1) counts) p ON true
     ORDER BY b.id DESC`,
    [dagId],
  );
  return rows;
}
