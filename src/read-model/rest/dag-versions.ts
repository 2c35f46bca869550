import type { Pool } from 'pg';
import type { DagVersionRow } from './dags';
import { Where, orderSql, type Order, type Page } from './sql';

export interface VersionRow extends DagVersionRow {
  readonly dag_id: string;
}

const columns = 'dag_id, id AS version_id, number AS version_number, created_at AS version_created_at';
// All versions are of one bundle without versions of its own.
const orderColumns = { id: 'created_at', version_number: 'number', bundle_name: 'dag_id', bundle_version: 'dag_id' };
export const versionOrder = Object.keys(orderColumns);

export async function listVersions(
  pool: Pool,
  filter: { readonly dagId?: string; readonly number?: number; readonly nothing?: boolean },
  order: readonly Order[],
  page: Page,
): Promise<{ versions: VersionRow[]; total: number }> {
  const where = new Where().and('dag_id = ?', filter.dagId).and('number = ?', filter.number).and('NOT ?::boolean', filter.nothing);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<VersionRow>(
      `SELECT ${columns} FROM dag_version ${where.sql} ${orderSql(order, orderColumns, 'id')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM dag_version ${where.sql}`, where.values),
  ]);
  return { versions: rows, total: counted[0]!.n };
}

export async function getVersion(pool: Pool, dagId: string, number: number): Promise<VersionRow | null> {
  const { rows } = await pool.query<VersionRow>(`SELECT ${columns} FROM dag_version WHERE dag_id = $1 AND number = $2`, [dagId, number]);
  return rows[0] ?? null;
}
