import type { Pool } from 'pg';
import { Where, orderSql, type Order, type Page } from './sql';

export interface PoolRow {
  readonly name: string;
  /** -1: no limit */
  readonly slots: number;
  readonly description: string | null;
  readonly include_deferred: boolean;
  /** Slots that are taken: by live attempts, and by deferred ones that keep theirs. */
  readonly occupied: number;
  /** Slots of live attempts. */
  readonly running: number;
  /** Slots that admissible task instances wait for. */
  readonly queued: number;
  /** Slots of task instances that wait for a limit of their run. */
  readonly scheduled: number;
  /** Slots of deferred task instances, whether they keep them or not. */
  readonly deferred: number;
}

const select = `SELECT p.name, p.slots, p.description, p.include_deferred,
    u.occupied, u.running,
    coalesce((SELECT sum(t.pool_slots) FROM task_instance t WHERE t.pool = p.name AND t.admissible), 0)::int AS queued,
    coalesce((SELECT sum(t.pool_slots) FROM task_instance t JOIN dag_run r ON r.pk = t.run AND r.state = 'running'
              WHERE t.pool = p.name AND t.state = 'scheduled' AND NOT t.admissible), 0)::int AS scheduled,
    coalesce((SELECT sum(t.pool_slots) FROM task_instance t WHERE t.pool = p.name AND t.state = 'deferred'), 0)::int AS deferred
  FROM pool p CROSS JOIN LATERAL (
    SELECT coalesce(sum(a.slots), 0)::int AS occupied, coalesce(sum(a.slots) FILTER (WHERE a.state <> 'parked'), 0)::int AS running
    FROM attempt a WHERE a.pool = p.name AND a.state <> 'ended' AND a.slots > 0) u`;
const orderColumns = { id: 'p.name', pool: 'p.name', name: 'p.name' };
export const poolOrder = Object.keys(orderColumns);

export async function listPools(
  pool: Pool,
  filter: { readonly namePattern?: string },
  order: readonly Order[],
  page: Page,
): Promise<{ pools: PoolRow[]; total: number }> {
  const where = new Where().like('p.name', filter.namePattern);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<PoolRow>(
      `${select} ${where.sql} ${orderSql(order, orderColumns, 'p.name')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM pool p ${where.sql}`, where.values),
  ]);
  return { pools: rows, total: counted[0]!.n };
}

export async function getPool(pool: Pool, name: string): Promise<PoolRow | null> {
  const { rows } = await pool.query<PoolRow>(`${select} WHERE p.name = $1`, [name]);
  return rows[0] ?? null;
}
