/** What people stored with the command line, the API or the pages. */
import type { Pool } from 'pg';
import { whileAway } from '../execution-api/while-away';
import type { Cipher } from './cipher';
import type { SecretsBackend } from './secrets';
import { connectionColumns, openConnection, openVariable, type SealedConnection, type SealedVariable } from './stored';

/** Its questions wait for a database that is away. */
export function databaseSecrets({ pool, cipher }: { readonly pool: Pool; readonly cipher: Cipher }): SecretsBackend {
  return {
    async getVariable(key) {
      if (key.includes('\0')) return null; // Postgres has no such text
      const { rows } = await whileAway(() => pool.query<SealedVariable>('SELECT key, value FROM variable WHERE key = $1', [key]));
      return rows[0] ? openVariable(cipher, rows[0]) : null;
    },
    async getConnection(id) {
      if (id.includes('\0')) return null;
      const { rows } = await whileAway(() =>
        pool.query<SealedConnection>(`SELECT ${connectionColumns} FROM connection WHERE conn_id = $1`, [id]),
      );
      return rows[0] ? openConnection(cipher, rows[0]) : null;
    },
  };
}
