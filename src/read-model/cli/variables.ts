/** All variables as they are stored; what they hold is opened by whoever shows it. */
import type { Database } from '../../db/database';
import type { SealedVariable } from '../../secrets/stored';

export interface ListedVariable extends SealedVariable {
  readonly description: string | null;
}

export async function listVariables({ pool }: Database): Promise<ListedVariable[]> {
  const { rows } = await pool.query<ListedVariable>('SELECT key, value, description FROM variable ORDER BY key');
  return rows;
}
