import type { Pool } from 'pg';
import { Where, orderSql, type Order, type Page } from './sql';

export interface ImportErrorRow {
  readonly id: number;
  readonly file_path: string;
  readonly message: string;
  readonly stack_trace: string;
  /** The lines around, with the place marked. */
  readonly frame: string | null;
  readonly at: Date;
}

const columns = 'id, file_path, message, stack_trace, frame, at';
const orderColumns = { id: 'id', import_error_id: 'id', timestamp: 'at', filename: 'file_path', stacktrace: 'stack_trace' };
export const importErrorOrder = Object.keys(orderColumns);

export async function listImportErrors(
  pool: Pool,
  filter: { readonly filePattern?: string },
  order: readonly Order[],
  page: Page,
): Promise<{ importErrors: ImportErrorRow[]; total: number }> {
  const where = new Where().like('file_path', filter.filePattern);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<ImportErrorRow>(
      `SELECT ${columns} FROM import_error ${where.sql} ${orderSql(order, orderColumns, 'id')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM import_error ${where.sql}`, where.values),
  ]);
  return { importErrors: rows, total: counted[0]!.n };
}

export async function getImportError(pool: Pool, id: number): Promise<ImportErrorRow | null> {
  const { rows } = await pool.query<ImportErrorRow>(`SELECT ${columns} FROM import_error WHERE id = $1`, [id]);
  return rows[0] ?? null;
}
