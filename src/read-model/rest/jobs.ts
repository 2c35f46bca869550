/** Processes that are or were part of this installation: sessions, under Airflow's names. */
import type { Pool } from 'pg';
import { Where, orderSql, type Order, type Page, type Range } from './sql';

export interface JobRow {
  readonly id: number;
  readonly job_type: string;
  readonly state: 'running' | 'success' | 'failed';
  readonly host: string;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly renewed_at: Date;
}

export interface JobFilter {
  readonly isAlive?: boolean;
  readonly state?: string;
  readonly type?: string;
  readonly host?: string;
  /** True: nothing has it. */
  readonly nothing: boolean;
  readonly startDate: Range<Date>;
  readonly endDate: Range<Date>;
}

/** Airflow's name of each kind of process. */
const jobType = `(CASE kind WHEN 'scheduler' THEN 'SchedulerJob' WHEN 'triggerer' THEN 'TriggererJob' WHEN 'dag-processor' THEN 'DagProcessorJob'
  WHEN 'webserver' THEN 'WebserverJob' WHEN 'worker' THEN 'WorkerJob' ELSE kind END)`;
const jobState = `(CASE state WHEN 'ended' THEN 'success' WHEN 'lost' THEN 'failed' ELSE 'running' END)`;
const isAlive = `(state IN ('alive', 'draining') AND lease_until > clock_timestamp())`;

const columns = `number AS id, ${jobType} AS job_type, ${jobState} AS state, host, started_at, ended_at, renewed_at`;
const orderColumns = {
  id: 'number',
  state: jobState,
  job_type: jobType,
  start_date: 'started_at',
  end_date: 'ended_at',
  latest_heartbeat: 'renewed_at',
  hostname: 'host',
};
export const jobOrder = Object.keys(orderColumns);

export async function listJobs(
  pool: Pool,
  filter: JobFilter,
  order: readonly Order[],
  page: Page,
): Promise<{ jobs: JobRow[]; total: number }> {
  const where = new Where()
    .and(`${isAlive} = ?`, filter.isAlive)
    .and(`${jobState} = ?`, filter.state)
    .and(`${jobType} = ?`, filter.type)
    .and('host = ?', filter.host)
    .and('NOT ?', filter.nothing || undefined)
    .range('started_at', filter.startDate)
    .range('ended_at', filter.endDate);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<JobRow>(
      `SELECT ${columns} FROM session
       ${where.sql} ${orderSql(order, orderColumns, 'number')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM session ${where.sql}`, where.values),
  ]);
  return { jobs: rows, total: counted[0]!.n };
}

export async function getJobs(pool: Pool, sessions: readonly string[]): Promise<ReadonlyMap<string, JobRow>> {
  const { rows } = await pool.query<JobRow & { session: string }>(`SELECT id AS session, ${columns} FROM session WHERE id = ANY ($1)`, [
    sessions,
  ]);
  return new Map(rows.map(({ session, ...job }) => [session, job]));
}
