import type { Pool, PoolClient } from 'pg';
import type { LastRun } from '../timetables/timetable';

/** `audit_log.action` of a scheduled run that was left out since too many were active. */
export const SKIPPED_RUN = 'skip_run';

/**
 * How far each DAG's schedule has come: its newest scheduled run, made or left out. A scheduled run that a backfill
 * has taken over counts as well. DAGs that have none are not in the map.
 */
export async function newestScheduledRuns(client: Pool | PoolClient, dagIds: readonly string[]): Promise<Map<string, LastRun>> {
  if (dagIds.length === 0) return new Map();
  const { rows } = await client.query<{ dag_id: string; logical_date: Date; starts: Date; ends: Date }>(
    `SELECT DISTINCT ON (dag_id) dag_id, logical_date, starts, ends FROM (
       SELECT dag_id, logical_date, interval_start AS starts, interval_end AS ends FROM dag_run
        WHERE dag_id = ANY($1) AND (run_type = 'scheduled' OR starts_with(run_id, 'scheduled__')) AND interval_start IS NOT NULL
       UNION ALL
       SELECT dag_id, (details->>'logical_date')::timestamptz, (details->>'data_interval_start')::timestamptz, (details->>'data_interval_end')::timestamptz
         FROM audit_log JOIN dag USING (dag_id) WHERE dag_id = ANY($1) AND action = $2 AND at >= created_at) runs
     ORDER BY dag_id, logical_date DESC`,
    [dagIds, SKIPPED_RUN],
  );
  return new Map(
    rows.map((row) => [row.dag_id, { start: row.starts.getTime(), end: row.ends.getTime(), logicalDate: row.logical_date.getTime() }]),
  );
}
