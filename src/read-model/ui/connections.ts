/** Connections as a page may show them, with `***` for each secret. One that cannot be decrypted says why. */
import type { Pool } from 'pg';
import { ThenceError } from '../../core/errors';
import { HIDDEN, hideSensitive } from '../../core/sensitive';
import type { ConnectionRow } from '../../db/entities/connection';
import type { Cipher } from '../../secrets/cipher';
import { connectionColumns, openConnection } from '../../secrets/stored';
import type { ListQuery } from './variables';

export interface ShownConnection {
  readonly id: string;
  readonly type: string;
  readonly description: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly login: string | null;
  readonly schema: string | null;
  /** `***`, or null when there is none. */
  readonly password: string | null;
  /** JSON; '' when there is nothing in it, or it cannot be decrypted. */
  readonly extra: string;
  readonly problem: string | null;
}

export async function readConnections(
  pool: Pool,
  cipher: Cipher,
  { search, limit, offset }: ListQuery,
): Promise<{ rows: ShownConnection[]; total: number }> {
  const where = `WHERE $1 = '' OR strpos(lower(concat_ws(' ', conn_id, conn_type, host, description)), lower($1)) > 0`;
  const [page, total] = await Promise.all([
    pool.query<ConnectionRow>(`SELECT ${connectionColumns} FROM connection ${where} ORDER BY conn_id LIMIT $2 OFFSET $3`, [
      search,
      limit,
      offset,
    ]),
    pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM connection ${where}`, [search]),
  ]);
  return { rows: page.rows.map((row) => shown(cipher, row)), total: total.rows[0]!.n };
}

export async function readConnection(pool: Pool, cipher: Cipher, id: string): Promise<ShownConnection | null> {
  const { rows } = await pool.query<ConnectionRow>(`SELECT ${connectionColumns} FROM connection WHERE conn_id = $1`, [id]);
  return rows[0] ? shown(cipher, rows[0]) : null;
}

function shown(cipher: Cipher, row: ConnectionRow): ShownConnection {
  const { conn_id: id, conn_type: type, description, host, port, login, schema } = row;
  const open = { id, type, description, host, port, login, schema, password: row.password === null ? null : HIDDEN };
  try {
    const { extra } = openConnection(cipher, row);
    const isEmpty = Object.keys(extra).length === 0;
    return { ...open, extra: isEmpty ? '' : JSON.stringify(hideSensitive(extra), null, 2), problem: null };
  } catch (error) {
    if (!(error instanceof ThenceError)) throw error;
    return { ...open, extra: '', problem: error.message };
  }
}
