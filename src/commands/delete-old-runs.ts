import type { Instant } from '../core/time';
import type { Database } from '../db/database';

export interface OldRuns {
  /** Runs that ended before this. */
  readonly before: Instant;
  /** null: of all DAGs. */
  readonly dagIds: readonly string[] | null;
}

export interface DeletedRun {
  readonly dag_id: string;
  readonly run_id: string;
}

/** A run whose last attempt has not been heard of keeps its slot, and so its rows. */
const isOld = `
  r.end_date < $1 AND ($2::text[] IS NULL OR r.dag_id = ANY($2)) AND NOT EXISTS (
    SELECT FROM task_instance t JOIN attempt a ON a.ti = t.pk WHERE t.run = r.pk AND a.state <> 'ended')`;

export async function countOldRuns({ pool }: Database, { before, dagIds }: OldRuns): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM dag_run r WHERE ${isOld}`, [new Date(before), dagIds]);
  return rows[0]!.n;
}

/** One batch with its task instances, attempts and XComs, the oldest first; what is locked is left for the next time. Returns what is gone. */
export async function deleteOldRuns({ pool }: Database, { before, dagIds }: OldRuns, limit = 200): Promise<DeletedRun[]> {
  const { rows } = await pool.query<DeletedRun>(
    `DELETE FROM dag_run WHERE pk = ANY(ARRAY(
       SELECT r.pk FROM dag_run r WHERE ${isOld} ORDER BY r.end_date LIMIT $3 FOR UPDATE SKIP LOCKED)) RETURNING dag_id, run_id`,
    [new Date(before), dagIds, limit],
  );
  return rows;
}
