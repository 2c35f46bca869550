/** Variables, opened. What of a value may be shown is decided where it is shown. */
import type { Pool } from 'pg';
import type { Cipher } from '../../secrets/cipher';
import { openVariable } from '../../secrets/stored';
import { Where, orderSql, type Order, type Page } from './sql';

export interface Variable {
  readonly key: string;
  readonly value: string;
  readonly description: string | null;
}

const orderColumns = { key: 'key', id: 'key', _val: 'value', description: 'description', is_encrypted: 'key_id' };
export const variableOrder = Object.keys(orderColumns);

/** @throws CONFIG for one that cannot be decrypted */
export async function listVariables(
  pool: Pool,
  cipher: Cipher,
  filter: { readonly keyPattern?: string },
  order: readonly Order[],
  page: Page,
): Promise<{ variables: Variable[]; total: number }> {
  const where = new Where().like('key', filter.keyPattern);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<Variable>(
      `SELECT key, value, description FROM variable ${where.sql} ${orderSql(order, orderColumns, 'key')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM variable ${where.sql}`, where.values),
  ]);
  return { variables: rows.map((row) => ({ ...row, value: openVariable(cipher, row) })), total: counted[0]!.n };
}

/** @throws CONFIG when it cannot be decrypted */
export async function getVariable(pool: Pool, cipher: Cipher, key: string): Promise<Variable | null> {
  const { rows } = await pool.query<Variable>('SELECT key, value, description FROM variable WHERE key = $1', [key]);
  return rows[0] ? { ...rows[0], value: openVariable(cipher, rows[0]) } : null;
}
