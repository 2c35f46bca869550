/** Backfills as the command line shows them. */
import { ThenceError } from '../../core/errors';
import type { Database } from '../../db/database';

export interface ListedBackfill {
  readonly id: number;
  readonly dag_id: string;
  readonly state: 'running' | 'paused' | 'completed' | 'cancelled';
  readonly from_date: Date;
  readonly to_date: Date;
  readonly max_active_runs: number;
  readonly reprocess_behavior: string;
  readonly total: number;
  readonly success: number;
  readonly failed: number;
  readonly running: number;
  /** Made, and waiting for their turn. */
  readonly queued: number;
  /** Not run because a run with that date was there already. */
  readonly skipped: number;
  /** The only tasks that it runs; null: all. */
  readonly task_ids: readonly string[] | null;
  readonly created_at: Date;
  readonly completed_at: Date | null;
  /** How long it will still take at the pace so far; null: not known, or it does not go on. */
  readonly eta_ms: number | null;
}

const select = `
  SELECT b.id, b.dag_id,
         CASE WHEN b.cancelled THEN 'cancelled' WHEN b.completed_at IS NOT NULL THEN 'completed' WHEN b.is_paused THEN 'paused' ELSE 'running' END AS state,
         b.from_date, b.to_date, b.max_active_runs, b.reprocess_behavior, b.task_ids, n.total, n.success, n.failed, n.running, n.queued, n.skipped, b.created_at, b.completed_at,
         CASE WHEN b.completed_at IS NULL AND NOT b.is_paused AND n.success + n.failed > 0
           THEN (extract(epoch FROM clock_timestamp() - n.since) * 1000 * (n.total - n.success - n.failed - n.skipped) / (n.success + n.failed))::float8 END AS eta_ms
    FROM backfill b CROSS JOIN LATERAL (
      SELECT count(*)::int AS total, min(r.start_date) FILTER (WHERE ours) AS since,
             (count(*) FILTER (WHERE ours AND r.state = 'success'))::int AS success,
             (count(*) FILTER (WHERE ours AND r.state = 'failed'))::int AS failed,
             (count(*) FILTER (WHERE ours AND r.state = 'running'))::int AS running,
             (count(*) FILTER (WHERE ours AND r.state = 'queued'))::int AS queued,
             (count(*) FILTER (WHERE i.outcome IN ('already exists', 'in flight')))::int AS skipped
        FROM backfill_run i LEFT JOIN dag_run r ON r.pk = i.run CROSS JOIN LATERAL (SELECT i.outcome IN ('created', 'cleared') AS ours) o
       WHERE i.backfill_id = b.id) n`;

/** Newest first. */
export async function listBackfills({ pool }: Pick<Database, 'pool'>, dagId: string | null): Promise<ListedBackfill[]> {
  const { rows } = await pool.query<ListedBackfill>(`${select} WHERE $1::text IS NULL OR b.dag_id = $1 ORDER BY b.id DESC`, [dagId]);
  return rows;
}

/** @throws ThenceError (NOT_FOUND) */
export async function findBackfill({ pool }: Pick<Database, 'pool'>, id: number): Promise<ListedBackfill> {
  const { rows } = await pool.query<ListedBackfill>(`${select} WHERE b.id = $1`, [id]);
  if (!rows[0]) throw new ThenceError('NOT_FOUND', `there is no backfill ${id}; "thence backfill list" shows all`);
  return rows[0];
}
