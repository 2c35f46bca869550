/** What every page shows around its content: who is alive, and whether files fail to load. */
import type { Pool } from 'pg';

export interface Shell {
  readonly schedulers: number;
  readonly dagProcessors: number;
  readonly importErrors: number;
  readonly running: number;
}

export async function readShell(pool: Pool): Promise<Shell> {
  const { rows } = await pool.query<Shell>({
    name: 'ui-shell',
    text: `
      SELECT count(*) FILTER (WHERE kind = 'scheduler')::int AS "schedulers",
             count(*) FILTER (WHERE kind = 'dag-processor')::int AS "dagProcessors",
             (SELECT count(*)::int FROM import_error) AS "importErrors",
             (SELECT count(*)::int FROM dag_run WHERE state = 'running') AS "running"
      FROM session WHERE state IN ('alive','draining') AND lease_until > clock_timestamp()`,
  });
  return rows[0]!;
}
