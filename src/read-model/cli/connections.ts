/** All connections as they are stored; what is secret in them is opened by whoever shows it. */
import type { Database } from '../../db/database';
import { connectionColumns, type SealedConnection } from '../../secrets/stored';

export interface ListedConnection extends SealedConnection {
  readonly description: string | null;
}

export async function listConnections({ pool }: Database, id: string | null = null): Promise<ListedConnection[]> {
  const { rows } = await pool.query<ListedConnection>(
    `SELECT ${connectionColumns} FROM connection WHERE $1::text IS NULL OR conn_id = $1 ORDER BY conn_id`,
    [id],
  );
  return rows;
}
