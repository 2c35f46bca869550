import type { Database } from '../../db/database';

export interface ListedUser {
  readonly username: string;
  readonly role: string;
  readonly created_at: Date;
}

export async function listUsers({ pool }: Database): Promise<ListedUser[]> {
  const { rows } = await pool.query<ListedUser>('SELECT username, role, created_at FROM app_user ORDER BY username');
  return rows;
}
