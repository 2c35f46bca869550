/** Pools with what takes their slots and what waits for them. */
import type { Pool } from 'pg';

export interface PoolRow {
  readonly name: string;
  /** -1: without a limit. */
  readonly slots: number;
  readonly description: string | null;
  readonly running: number;
  readonly claimed: number;
  readonly waiting: number;
  /** Slots of deferred tasks. */
  readonly deferred: number;
  /** Those of them that are still taken. */
  readonly held: number;
}

export async function readPools(pool: Pool): Promise<PoolRow[]> {
  const { rows } = await pool.query<PoolRow>(
    `SELECT p.name, p.slots, p.description, coalesce(a.running, 0)::int AS running, coalesce(a.claimed, 0)::int AS claimed, coalesce(w.waiting, 0)::int AS waiting,
            coalesce(d.deferred, 0)::int AS deferred, coalesce(a.held, 0)::int AS held
     FROM pool p
     LEFT JOIN (SELECT pool, sum(slots) FILTER (WHERE state IN ('running', 'ending')) AS running, sum(slots) FILTER (WHERE state = 'claimed') AS claimed,
                       sum(slots) FILTER (WHERE state = 'parked') AS held
                FROM attempt WHERE state <> 'ended' AND slots > 0 GROUP BY pool) a ON a.pool = p.name
     LEFT JOIN (SELECT pool, sum(pool_slots) AS waiting FROM task_instance WHERE admissible GROUP BY pool) w ON w.pool = p.name
     LEFT JOIN (SELECT pool, sum(pool_slots) AS deferred FROM task_instance WHERE state = 'deferred' GROUP BY pool) d ON d.pool = p.name
     ORDER BY p.name <> 'default_pool', p.name`,
  );
  return rows;
}
