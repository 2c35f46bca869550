/** Variables as a page may show them. One that cannot be decrypted says why, and does not keep the others from being shown. */
import type { Pool } from 'pg';
import { ThenceError } from '../../core/errors';
import { showVariable } from '../../core/sensitive';
import type { Cipher } from '../../secrets/cipher';
import { openVariable } from '../../secrets/stored';

export interface ShownVariable {
  readonly key: string;
  /** With secrets as `***`; null when it cannot be decrypted. */
  readonly value: string | null;
  readonly problem: string | null;
  readonly description: string | null;
  readonly updatedAt: Date;
}

interface Row {
  readonly key: string;
  readonly value: string;
  readonly description: string | null;
  readonly updatedAt: Date;
}

const columns = 'key, value, description, updated_at AS "updatedAt"';

export interface ListQuery {
  /** Part of the key or the description; '' for all. */
  readonly search: string;
  readonly limit: number;
  readonly offset: number;
}

export async function readVariables(
  pool: Pool,
  cipher: Cipher,
  { search, limit, offset }: ListQuery,
): Promise<{ rows: ShownVariable[]; total: number }> {
  const where = `WHERE $1 = '' OR strpos(lower(key), lower($1)) > 0 OR strpos(lower(description), lower($1)) > 0`;
  const [page, total] = await Promise.all([
    pool.query<Row>(`SELECT ${columns} FROM variable ${where} ORDER BY key LIMIT $2 OFFSET $3`, [search, limit, offset]),
    pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM variable ${where}`, [search]),
  ]);
  return { rows: page.rows.map((row) => shown(cipher, row)), total: total.rows[0]!.n };
}

export async function readVariable(pool: Pool, cipher: Cipher, key: string): Promise<ShownVariable | null> {
  const { rows } = await pool.query<Row>(`SELECT ${columns} FROM variable WHERE key = $1`, [key]);
  return rows[0] ? shown(cipher, rows[0]) : null;
}

function shown(cipher: Cipher, row: Row): ShownVariable {
  try {
    return { ...row, value: showVariable(row.key, openVariable(cipher, row)), problem: null };
  } catch (error) {
    if (!(error instanceof ThenceError)) throw error;
    return { ...row, value: null, problem: error.message };
  }
}
