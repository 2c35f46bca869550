import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';
import type { RunState, RunType } from '../../core/states';
import { Where, orderSql, type Order, type Page, type Range } from './sql';

export interface RunRow {
  readonly dag_id: string;
  readonly run_id: string;
  readonly run_type: RunType;
  readonly state: RunState;
  readonly logical_date: Date | null;
  readonly interval_start: Date | null;
  readonly interval_end: Date | null;
  readonly run_after: Date;
  readonly queued_at: Date;
  readonly start_date: Date | null;
  readonly end_date: Date | null;
  readonly conf: JsonObject;
  readonly triggered_by: string;
  readonly triggering_user: string | null;
  readonly note: string | null;
  /** Null until the run starts. */
  readonly version_id: string | null;
  readonly version_number: number | null;
  readonly version_created_at: Date | null;
}

export interface RunFilter {
  /** undefined: of all DAGs */
  readonly dagId?: string;
  readonly dagIds?: readonly string[];
  readonly dagIdPattern?: string;
  readonly runIdPattern?: string;
  readonly userPattern?: string;
  readonly confContains?: string;
  readonly states?: readonly string[];
  readonly runTypes?: readonly string[];
  readonly versions?: readonly number[];
  /** Asks for what no run has. */
  readonly nothing?: boolean;
  readonly runAfter: Range<Date>;
  readonly logicalDate: Range<Date>;
  readonly startDate: Range<Date>;
  readonly endDate: Range<Date>;
  readonly updatedAt: Range<Date>;
  /** Seconds. */
  readonly duration: Range<number>;
}

const columns = `r.dag_id, r.run_id, r.run_type, r.state, r.logical_date, r.interval_start, r.interval_end, r.run_after, r.queued_at, r.start_date, r.end_date,
  r.conf, r.triggered_by, r.triggering_user, r.note, v.id AS version_id, v.number AS version_number, v.created_at AS version_created_at`;
const from = 'FROM dag_run r LEFT JOIN dag_version v ON v.id = r.version';
const updatedAt = 'coalesce(r.end_date, r.start_date, r.queued_at)';
const duration = 'extract(epoch FROM r.end_date - r.start_date)';

const orderColumns = {
  id: 'r.pk',
  state: 'r.state',
  dag_id: 'r.dag_id',
  run_id: 'r.run_id',
  dag_run_id: 'r.run_id',
  logical_date: 'r.logical_date',
  run_after: 'r.run_after',
  start_date: 'r.start_date',
  end_date: 'r.end_date',
  updated_at: updatedAt,
  conf: 'r.conf::text',
  duration,
};
export const runOrder = Object.keys(orderColumns);

export async function listRuns(
  pool: Pool,
  filter: RunFilter,
  order: readonly Order[],
  page: Page,
): Promise<{ runs: RunRow[]; total: number }> {
  const where = new Where()
    .and('r.dag_id = ?', filter.dagId)
    .and('r.dag_id = ANY (?)', filter.dagIds)
    .like('r.dag_id', filter.dagIdPattern)
    .like('r.run_id', filter.runIdPattern)
    .like('r.triggering_user', filter.userPattern)
    .like('r.conf::text', filter.confContains)
    .and('r.state = ANY (?)', filter.states)
    .and('r.run_type = ANY (?)', filter.runTypes)
    .and('v.number = ANY (?)', filter.versions)
    .and('NOT ?::boolean', filter.nothing)
    .range('r.run_after', filter.runAfter)
    .range('r.logical_date', filter.logicalDate)
    .range('r.start_date', filter.startDate)
    .range('r.end_date', filter.endDate)
    .range(updatedAt, filter.updatedAt)
    .range(duration, filter.duration);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<RunRow>(
      `SELECT ${columns} ${from} ${where.sql} ${orderSql(order, orderColumns, 'r.pk')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n ${from} ${where.sql}`, where.values),
  ]);
  return { runs: rows, total: counted[0]!.n };
}

export async function getRun(pool: Pool, dagId: string, runId: string): Promise<RunRow | null> {
  const { rows } = await pool.query<RunRow>(`SELECT ${columns} ${from} WHERE r.dag_id = $1 AND r.run_id = $2`, [dagId, runId]);
  return rows[0] ?? null;
}

/** JSON texts of what tasks returned, those of a mapped task by map index; a task without one is left out. */
export async function getResults(
  pool: Pool,
  dagId: string,
  runId: string,
  taskIds: readonly string[],
): Promise<readonly { readonly task_id: string; readonly map_index: number; readonly value: string }[]> {
  const { rows } = await pool.query<{ task_id: string; map_index: number; value: string }>(
    `SELECT x.task_id, x.map_index, x.value FROM xcom x JOIN dag_run r ON r.pk = x.run
     WHERE r.dag_id = $1 AND r.run_id = $2 AND x.task_id = ANY ($3) AND x.key = 'return_value' ORDER BY x.task_id, x.map_index`,
    [dagId, runId, taskIds],
  );
  return rows;
}
