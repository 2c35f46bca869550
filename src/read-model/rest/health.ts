import type { Pool } from 'pg';

export interface Heartbeat {
  readonly latest: Date;
  /** Its lease runs. */
  readonly alive: boolean;
}

/** The newest sign of life of each kind of process; absent: there has never been one. */
export async function getHeartbeats(pool: Pool): Promise<ReadonlyMap<string, Heartbeat>> {
  const { rows } = await pool.query<{ kind: string; latest: Date; alive: boolean }>(
    `SELECT kind, max(renewed_at) AS latest, bool_or(state IN ('alive', 'draining') AND lease_until > clock_timestamp()) AS alive
     FROM session GROUP BY kind`,
  );
  return new Map(rows.map(({ kind, latest, alive }) => [kind, { latest, alive }]));
}
