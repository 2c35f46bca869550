/** The processes that have registered: who is alive by the database's clock. */
import type { Database } from '../../db/database';

export interface ListedSession {
  readonly kind: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: string;
  /** Its lease has not run out. */
  readonly alive: boolean;
  readonly started_at: Date;
  readonly renewed_at: Date;
}

/** Newest first. */
export async function listSessions(
  { pool }: Database,
  filter: { readonly kind?: string; readonly host?: string; readonly limit?: number } = {},
): Promise<ListedSession[]> {
  const { rows } = await pool.query<ListedSession>(
    `SELECT kind, host, pid, version, state, state IN ('alive','draining') AND lease_until > clock_timestamp() AS alive, started_at, renewed_at
       FROM session WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR host = $2) ORDER BY alive DESC, started_at DESC LIMIT $3`,
    [filter.kind ?? null, filter.host ?? null, filter.limit ?? 100],
  );
  return rows;
}

export async function isSchedulerAlive(db: Database): Promise<boolean> {
  return (await listSessions(db, { kind: 'scheduler', limit: 1 })).some(({ alive }) => alive);
}
