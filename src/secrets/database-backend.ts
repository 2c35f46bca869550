/** What people stored with the command line, the API or the pages. */
import type { Pool } from 'pg';
import { batched } from '../execution-api/batch';
import { whileAway } from '../execution-api/while-away';
import type { Cipher } from './cipher';
import type { SecretsBackend } from './secrets';
import { connectionColumns, openConnection, openVariable, type SealedConnection, type SealedVariable } from './stored';

/** One statement for all that is asked at a moment: hundreds of tasks may begin with the same question. They wait for a database that is away. */
export function databaseSecrets({ pool, cipher }: { readonly pool: Pool; readonly cipher: Cipher }): SecretsBackend {
  const variable = batched((keys: readonly string[]) =>
    read<SealedVariable>(pool, 'SELECT key, value FROM variable WHERE key = ANY($1)', keys, ({ key }) => key),
  );
  const connection = batched((ids: readonly string[]) =>
    read<SealedConnection>(pool, `SELECT ${connectionColumns} FROM connection WHERE conn_id = ANY($1)`, ids, (row) => row.conn_id),
  );
  return {
    async getVariable(key) {
      const row = await variable(key);
      return row && openVariable(cipher, row);
    },
    async getConnection(id) {
      const row = await connection(id);
      return row && openConnection(cipher, row);
    },
  };
}

async function read<Row extends object>(
  pool: Pool,
  sql: string,
  names: readonly string[],
  nameOf: (row: Row) => string,
): Promise<readonly (Row | null)[]> {
  // Postgres has no text with NUL: there is nothing of such a name.
  const known = [...new Set(names)].filter((name) => !name.includes('\0'));
  const { rows } = await whileAway(() => pool.query<Row>(sql, [known]));
  const byName = new Map(rows.map((row) => [nameOf(row), row]));
  return names.map((name) => byName.get(name) ?? null);
}
