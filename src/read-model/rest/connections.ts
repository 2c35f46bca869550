/** Connections, opened. What of them may be shown is decided where they are shown. */
import type { Pool } from 'pg';
import type { ConnectionRow } from '../../db/entities/connection';
import type { ConnectionInfo } from '../../execution-api/execution-api';
import type { Cipher } from '../../secrets/cipher';
import { connectionColumns, openConnection } from '../../secrets/stored';
import { Where, orderSql, type Order, type Page } from './sql';

export interface StoredConnection extends ConnectionInfo {
  readonly description: string | null;
}

const orderColumns = {
  conn_id: 'conn_id',
  connection_id: 'conn_id',
  id: 'conn_id',
  conn_type: 'conn_type',
  description: 'description',
  host: 'host',
  port: 'port',
};
export const connectionOrder = Object.keys(orderColumns);

/** @throws CONFIG for one that cannot be decrypted */
export async function listConnections(
  pool: Pool,
  cipher: Cipher,
  filter: { readonly idPattern?: string },
  order: readonly Order[],
  page: Page,
): Promise<{ connections: StoredConnection[]; total: number }> {
  const where = new Where().like('conn_id', filter.idPattern);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<ConnectionRow>(
      `SELECT ${connectionColumns} FROM connection ${where.sql} ${orderSql(order, orderColumns, 'conn_id')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM connection ${where.sql}`, where.values),
  ]);
  return { connections: rows.map((row) => opened(cipher, row)), total: counted[0]!.n };
}

/** @throws CONFIG when it cannot be decrypted */
export async function getConnection(pool: Pool, cipher: Cipher, id: string): Promise<StoredConnection | null> {
  const { rows } = await pool.query<ConnectionRow>(`SELECT ${connectionColumns} FROM connection WHERE conn_id = $1`, [id]);
  return rows[0] ? opened(cipher, rows[0]) : null;
}

const opened = (cipher: Cipher, row: ConnectionRow): StoredConnection => ({ ...openConnection(cipher, row), description: row.description });
