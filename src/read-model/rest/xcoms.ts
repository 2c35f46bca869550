import type { Pool } from 'pg';
import { Where, type Page, type Range } from './sql';

export interface XcomRow {
  readonly dag_id: string;
  readonly run_id: string;
  readonly task_id: string;
  readonly map_index: number;
  readonly key: string;
  readonly at: Date;
  readonly logical_date: Date | null;
  readonly run_after: Date;
}

export interface XcomFilter {
  /** undefined: of all */
  readonly dagId?: string;
  readonly runId?: string;
  readonly taskId?: string;
  readonly key?: string;
  readonly mapIndex?: number;
  readonly keyPattern?: string;
  readonly dagIdPattern?: string;
  readonly runIdPattern?: string;
  readonly taskIdPattern?: string;
  readonly logicalDate: Range<Date>;
  readonly runAfter: Range<Date>;
}

const columns = 'r.dag_id, r.run_id, x.task_id, x.map_index, x.key, x.at, r.logical_date, r.run_after';
const from = 'FROM xcom x JOIN dag_run r ON r.pk = x.run';

export async function listXcoms(pool: Pool, filter: XcomFilter, page: Page): Promise<{ xcoms: XcomRow[]; total: number }> {
  const where = new Where()
    .and('r.dag_id = ?', filter.dagId)
    .and('r.run_id = ?', filter.runId)
    .and('x.task_id = ?', filter.taskId)
    .and('x.key = ?', filter.key)
    .and('x.map_index = ?', filter.mapIndex)
    .like('x.key', filter.keyPattern)
    .like('r.dag_id', filter.dagIdPattern)
    .like('r.run_id', filter.runIdPattern)
    .like('x.task_id', filter.taskIdPattern)
    .range('r.logical_date', filter.logicalDate)
    .range('r.run_after', filter.runAfter);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<XcomRow>(
      `SELECT ${columns} ${from} ${where.sql} ORDER BY r.dag_id, x.task_id, r.pk, x.map_index, x.key LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n ${from} ${where.sql}`, where.values),
  ]);
  return { xcoms: rows, total: counted[0]!.n };
}

/** `value` is JSON text. */
export async function getXcom(
  pool: Pool,
  at: { dagId: string; runId: string; taskId: string; mapIndex: number; key: string },
): Promise<(XcomRow & { readonly value: string }) | null> {
  const { rows } = await pool.query<XcomRow & { value: string }>(
    `SELECT ${columns}, x.value ${from} WHERE r.dag_id = $1 AND r.run_id = $2 AND x.task_id = $3 AND x.map_index = $4 AND x.key = $5`,
    [at.dagId, at.runId, at.taskId, at.mapIndex, at.key],
  );
  return rows[0] ?? null;
}
