/** Pools and how full they are. */
import type { Database } from '../../db/database';

export interface ListedPool {
  readonly name: string;
  /** -1: without limit. */
  readonly slots: number;
  readonly occupied_slots: number;
  readonly include_deferred: boolean;
  readonly description: string | null;
}

export async function listPools({ pool }: Database): Promise<ListedPool[]> {
  const { rows } = await pool.query<ListedPool>(
    `SELECT p.name, p.slots, coalesce((SELECT sum(a.slots) FROM attempt a WHERE a.pool = p.name AND a.state <> 'ended'), 0)::int AS occupied_slots,
            p.include_deferred, p.description
       FROM pool p ORDER BY p.name`,
  );
  return rows;
}
