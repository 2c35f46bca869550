/** The audit log, under Airflow's names. */
import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';
import { Where, orderSql, type Order, type Page } from './sql';

export interface EventLogRow {
  readonly id: number;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly dag_id: string | null;
  readonly run_id: string | null;
  readonly task_id: string | null;
  readonly map_index: number | null;
  readonly logical_date: Date | null;
  readonly details: JsonObject;
}

export interface EventLogFilter {
  readonly dagId?: string;
  readonly runId?: string;
  readonly taskId?: string;
  readonly mapIndex?: number;
  readonly nothing?: boolean;
  readonly actor?: string;
  readonly action?: string;
  readonly excluded?: readonly string[];
  readonly included?: readonly string[];
  readonly before?: Date;
  readonly after?: Date;
  readonly dagIdPattern?: string;
  readonly runIdPattern?: string;
  readonly taskIdPattern?: string;
  readonly actorPattern?: string;
  readonly actionPattern?: string;
}

const from = 'audit_log l LEFT JOIN dag_run r ON r.dag_id = l.dag_id AND r.run_id = l.run_id';
const columns = 'l.id, l.at, l.actor, l.action, l.dag_id, l.run_id, l.task_id, l.map_index, r.logical_date, l.details';
const orderColumns = {
  id: 'l.id',
  event_log_id: 'l.id',
  dttm: 'l.at',
  when: 'l.at',
  dag_id: 'l.dag_id',
  task_id: 'l.task_id',
  run_id: 'l.run_id',
  event: 'l.action',
  logical_date: 'r.logical_date',
  owner: 'l.actor',
  extra: 'l.details::text',
};
export const eventLogOrder = Object.keys(orderColumns);

export async function listEventLogs(
  pool: Pool,
  filter: EventLogFilter,
  order: readonly Order[],
  page: Page,
): Promise<{ eventLogs: EventLogRow[]; total: number }> {
  const where = new Where()
    .and('l.dag_id = ?', filter.dagId)
    .and('l.run_id = ?', filter.runId)
    .and('l.task_id = ?', filter.taskId)
    .and('l.map_index = ?', filter.mapIndex)
    .and('NOT ?::boolean', filter.nothing)
    .and('l.actor = ?', filter.actor)
    .and('l.action = ?', filter.action)
    .and('l.action <> ALL (?::text[])', filter.excluded)
    .and('l.action = ANY (?::text[])', filter.included)
    .and('l.at <= ?', filter.before)
    .and('l.at >= ?', filter.after)
    .like('l.dag_id', filter.dagIdPattern)
    .like('l.run_id', filter.runIdPattern)
    .like('l.task_id', filter.taskIdPattern)
    .like('l.actor', filter.actorPattern)
    .like('l.action', filter.actionPattern);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<EventLogRow>(
      `SELECT ${columns} FROM ${from} ${where.sql} ${orderSql(order, orderColumns, 'l.id')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM audit_log l ${where.sql}`, where.values),
  ]);
  return { eventLogs: rows, total: counted[0]!.n };
}

export async function getEventLog(pool: Pool, id: number): Promise<EventLogRow | null> {
  const { rows } = await pool.query<EventLogRow>(`SELECT ${columns} FROM ${from} WHERE l.id = $1`, [id]);
  return rows[0] ?? null;
}
