import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';
import { orderSql, type Order, type Page } from './sql';

export interface BackfillRow {
  readonly id: number;
  readonly dag_id: string;
  readonly from_date: Date;
  readonly to_date: Date;
  readonly max_active_runs: number;
  readonly reprocess_behavior: 'none' | 'failed' | 'completed';
  readonly is_paused: boolean;
  readonly conf: JsonObject;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly completed_at: Date | null;
  readonly run_backwards: boolean;
  readonly cancelled: boolean;
  /** Null: all. */
  readonly task_ids: readonly string[] | null;
}

const columns = `id, dag_id, from_date, to_date, max_active_runs, reprocess_behavior, is_paused, conf, created_at, updated_at, completed_at, run_backwards, cancelled,
  task_ids`;
const orderColumns = { id: 'id' };
export const backfillOrder = Object.keys(orderColumns);

export async function listBackfills(
  pool: Pool,
  dagId: string,
  order: readonly Order[],
  page: Page,
): Promise<{ backfills: BackfillRow[]; total: number }> {
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<BackfillRow>(
      `SELECT ${columns} FROM backfill WHERE dag_id = $1 ${orderSql(order, orderColumns, 'id')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      [dagId],
    ),
    pool.query<{ n: number }>('SELECT count(*) AS n FROM backfill WHERE dag_id = $1', [dagId]),
  ]);
  return { backfills: rows, total: counted[0]!.n };
}

export async function getBackfill(pool: Pool, id: number): Promise<BackfillRow | null> {
  const { rows } = await pool.query<BackfillRow>(`SELECT ${columns} FROM backfill WHERE id = $1`, [id]);
  return rows[0] ?? null;
}
