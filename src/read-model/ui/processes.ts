/** Processes that are or were part of this installation, the living first. */
import type { Pool } from 'pg';

export interface ProcessRow {
  readonly id: string;
  readonly kind: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly lanes: readonly string[];
  readonly capacity: number;
  readonly state: string;
  readonly startedAt: Date;
  readonly renewedAt: Date;
  readonly endedAt: Date | null;
  readonly isAlive: boolean;
  /** Live attempts; of a triggerer the triggers that it runs. */
  readonly attempts: number;
}

export async function readProcesses(pool: Pool): Promise<ProcessRow[]> {
  const { rows } = await pool.query<ProcessRow>(
    `SELECT s.id, s.kind, s.host, s.pid, s.version, s.lanes, s.capacity, s.state, s.started_at AS "startedAt", s.renewed_at AS "renewedAt",
            s.ended_at AS "endedAt", (s.state IN ('alive','draining') AND s.lease_until > clock_timestamp()) AS "isAlive",
            CASE WHEN s.kind = 'triggerer' THEN (SELECT count(*)::int FROM wait w WHERE w.kind = 'custom' AND w.session = s.id)
            ELSE (SELECT count(*)::int FROM attempt a WHERE a.session = s.id AND a.state NOT IN ('ended', 'parked')) END AS attempts
     FROM session s ORDER BY 12 DESC, s.renewed_at DESC LIMIT 100`,
  );
  return rows;
}
