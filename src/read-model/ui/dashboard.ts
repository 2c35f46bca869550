/** The overview: processes, the last 24 hours, what runs, what failed, what comes next. */
import type { Pool } from 'pg';
import type { RunState, RunType } from '../../core/states';
import { RUN_COUNTS } from './task-summaries';

export interface Dashboard {
  readonly processes: readonly ProcessHealth[];
  /** Runs that ended or are open, by state, over the last 24 hours. */
  readonly counts: Readonly<Record<RunState, number>>;
  /** 24 hours, oldest first. */
  readonly hours: readonly { readonly at: Date; readonly success: number; readonly failed: number; readonly open: number }[];
  readonly running: readonly RunningRun[];
  readonly failures: readonly RecentFailure[];
  readonly upcoming: readonly { readonly dagId: string; readonly at: Date; readonly schedule: string | null }[];
  readonly dags: { readonly total: number; readonly active: number; readonly paused: number };
}
export interface ProcessHealth {
  readonly kind: 'scheduler' | 'dag-processor' | 'triggerer';
  readonly alive: number;
  readonly renewedAt: Date | null;
  readonly host: string | null;
}
export interface RunningRun {
  readonly pk: number;
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: Date | null;
  readonly startDate: Date | null;
  readonly tasks: Readonly<Record<string, number>>;
}
export interface RecentFailure {
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: Date | null;
  readonly endDate: Date;
  /** First failed task, when a task failed. */
  readonly taskId: string | null;
  readonly mapIndex: number | null;
  readonly error: string | null;
}

export async function readDashboard(pool: Pool): Promise<Dashboard> {
  const [processes, counts, hours, running, failures, upcoming, dags] = await Promise.all([
    readProcesses(pool),
    readCounts(pool),
    readHours(pool),
    readRunning(pool),
    readFailures(pool),
    readUpcoming(pool),
    readDagCounts(pool),
  ]);
  return { processes, counts, hours, running, failures, upcoming, dags };
}

async function readProcesses(pool: Pool): Promise<ProcessHealth[]> {
  const { rows } = await pool.query<ProcessHealth>(
    `SELECT k.kind, count(s.id) FILTER (WHERE s.state IN ('alive','draining') AND s.lease_until > clock_timestamp())::int AS alive,
            max(s.renewed_at) AS "renewedAt", (array_agg(s.host ORDER BY s.renewed_at DESC))[1] AS host
     FROM (VALUES ('scheduler', 1), ('dag-processor', 2), ('triggerer', 3)) AS k (kind, ordinal) LEFT JOIN session s ON s.kind = k.kind
     GROUP BY k.kind, k.ordinal ORDER BY k.ordinal`,
  );
  // The moment of the last renewal changes each second while all is well: only a dead process shows it.
  return rows.map((row) => (row.alive > 0 ? { ...row, renewedAt: null } : row));
}

async function readCounts(pool: Pool): Promise<Record<RunState, number>> {
  const { rows } = await pool.query<Record<RunState, number>>(
    `SELECT (SELECT count(*)::int FROM dag_run WHERE state = 'queued') AS queued,
            (SELECT count(*)::int FROM dag_run WHERE state = 'running') AS running,
            count(*) FILTER (WHERE state = 'success')::int AS success, count(*) FILTER (WHERE state = 'failed')::int AS failed
     FROM dag_run WHERE end_date > statement_timestamp() - interval '24 hours'`,
  );
  return rows[0]!;
}

async function readHours(pool: Pool): Promise<Dashboard['hours'][number][]> {
  const { rows } = await pool.query<Dashboard['hours'][number]>(
    `WITH hour AS (SELECT generate_series(date_trunc('hour', clock_timestamp()) - interval '23 hours', date_trunc('hour', clock_timestamp()), '1 hour') AS at),
     ended AS (SELECT date_trunc('hour', end_date) AS at, state, count(*)::int AS n FROM dag_run
               WHERE end_date >= date_trunc('hour', statement_timestamp()) - interval '23 hours' GROUP BY 1, 2
               UNION ALL SELECT date_trunc('hour', start_date), state, count(*)::int FROM dag_run WHERE state = 'running' GROUP BY 1, 2)
     SELECT hour.at, coalesce(sum(n) FILTER (WHERE state = 'success'), 0)::int AS success,
            coalesce(sum(n) FILTER (WHERE state = 'failed'), 0)::int AS failed,
            coalesce(sum(n) FILTER (WHERE state = 'running'), 0)::int AS open
     FROM hour LEFT JOIN ended USING (at) GROUP BY hour.at ORDER BY hour.at`,
  );
  return rows;
}

async function readRunning(pool: Pool): Promise<RunningRun[]> {
  const { rows } = await pool.query<RunningRun>(
    `SELECT r.pk, r.dag_id AS "dagId", r.run_id AS "runId", r.run_type AS "runType", r.logical_date AS "logicalDate", r.start_date AS "startDate",
            ${RUN_COUNTS} AS tasks
     FROM dag_run r WHERE r.state = 'running' ORDER BY r.start_date DESC, r.pk DESC LIMIT 12`,
  );
  return rows;
}

async function readFailures(pool: Pool): Promise<RecentFailure[]> {
  const { rows } = await pool.query<RecentFailure>(
    `SELECT r.dag_id AS "dagId", r.run_id AS "runId", r.run_type AS "runType", r.logical_date AS "logicalDate", r.end_date AS "endDate",
            t.task_id AS "taskId", nullif(t.map_index, -1) AS "mapIndex", left(t.message, 300) AS error
     FROM (SELECT * FROM dag_run WHERE state = 'failed' AND end_date > statement_timestamp() - interval '7 days' ORDER BY end_date DESC LIMIT 10) r
     LEFT JOIN LATERAL (
       SELECT ti.task_id, ti.map_index, coalesce(a.error ->> 'message', d.error ->> 'message') AS message FROM (
         SELECT pk, task_id, map_index, end_date FROM task_instance WHERE run = r.pk AND map_index = -1 AND state = 'failed'
         UNION ALL SELECT i.* FROM task_tally y, LATERAL (SELECT pk, task_id, map_index, end_date FROM task_instance WHERE run = y.run AND task_id = y.task_id
           AND map_index >= 0 AND state = 'failed' ORDER BY map_index LIMIT 1) i WHERE y.run = r.pk AND y.failed > 0) ti
       LEFT JOIN LATERAL (SELECT error FROM attempt WHERE attempt.ti = ti.pk ORDER BY try_number DESC, piece DESC LIMIT 1) a ON true
       LEFT JOIN ti_detail d ON d.ti = ti.pk ORDER BY ti.end_date, ti.pk LIMIT 1) t ON true
     ORDER BY r.end_date DESC`,
  );
  return rows;
}

async function readUpcoming(pool: Pool): Promise<Dashboard['upcoming'][number][]> {
  const { rows } = await pool.query<Dashboard['upcoming'][number]>(
    `SELECT dag_id AS "dagId", next_run_after AS at, timetable_summary AS schedule FROM dag
     WHERE is_active AND NOT is_paused AND next_run_after IS NOT NULL ORDER BY next_run_after, dag_id LIMIT 8`,
  );
  return rows;
}

async function readDagCounts(pool: Pool): Promise<Dashboard['dags']> {
  const { rows } = await pool.query<Dashboard['dags']>(
    `SELECT count(*)::int AS total, count(*) FILTER (WHERE NOT is_paused)::int AS active, count(*) FILTER (WHERE is_paused)::int AS paused
     FROM dag WHERE is_active`,
  );
  return rows[0]!;
}
