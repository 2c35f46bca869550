import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';
import type { TaskState } from '../../core/states';
import { Where, orderSql, patternsOf, type Order, type Page, type Range } from './sql';

export interface TaskInstanceRow {
  readonly pk: number;
  readonly dag_id: string;
  readonly run_id: string;
  readonly task_id: string;
  readonly map_index: number;
  readonly state: TaskState;
  readonly logical_date: Date | null;
  readonly run_after: Date;
  readonly pool: string;
  readonly pool_slots: number;
  readonly priority: number;
  readonly try_number: number;
  readonly retries_used: number;
  readonly scheduled_at: Date | null;
  readonly start_date: Date | null;
  readonly end_date: Date | null;
  readonly claimed_at: Date | null;
  readonly host: string | null;
  readonly pid: number | null;
  readonly note: string | null;
  readonly rendered: JsonObject | null;
  readonly version_id: string | null;
  readonly version_number: number | null;
  readonly version_created_at: Date | null;
  /** From the spec of its version; null when the task is not in it any more. */
  readonly spec: { readonly operator: string; readonly queue: string; readonly executor: string | null; readonly retries: number } | null;
}

export interface TaskInstanceFilter {
  /** undefined: of all DAGs, or of all runs */
  readonly dagId?: string;
  readonly runId?: string;
  readonly taskId?: string;
  readonly mapIndexes?: readonly number[];
  readonly taskIdPattern?: string;
  readonly dagIdPattern?: string;
  readonly runIdPattern?: string;
  readonly poolPattern?: string;
  readonly queuePattern?: string;
  readonly operatorPattern?: string;
  readonly group?: string;
  /** 'none' stands for no state. */
  readonly states?: readonly string[];
  readonly pools?: readonly string[];
  readonly queues?: readonly string[];
  readonly executors?: readonly string[];
  readonly operators?: readonly string[];
  readonly versions?: readonly number[];
  readonly tryNumbers?: readonly number[];
  readonly runAfter: Range<Date>;
  readonly logicalDate: Range<Date>;
  readonly startDate: Range<Date>;
  readonly endDate: Range<Date>;
  readonly updatedAt: Range<Date>;
  /** Seconds. */
  readonly duration: Range<number>;
}

const columns = `t.pk, r.dag_id, r.run_id, t.task_id, t.map_index, t.state, r.logical_date, r.run_after, t.pool, t.pool_slots, t.priority, t.try_number,
  t.retries_used, t.scheduled_at, t.start_date, t.end_date, a.claimed_at, a.host, a.pid, d.note, d.rendered,
  v.id AS version_id, v.number AS version_number, v.created_at AS version_created_at`;
const from = `FROM task_instance t JOIN dag_run r ON r.pk = t.run LEFT JOIN attempt a ON a.id = t.attempt
  LEFT JOIN dag_version v ON v.id = coalesce(a.version, r.version) LEFT JOIN ti_detail d ON d.ti = t.pk`;
const updatedAt = 'coalesce(t.end_date, t.start_date, t.scheduled_at)';
const duration = 'extract(epoch FROM t.end_date - t.start_date)';
/** A condition on the task's spec. */
const ofSpec = (condition: string) =>
  `EXISTS (SELECT FROM json_array_elements(v.spec->'tasks') s WHERE s->>'id' = t.task_id AND ${condition})`;

const orderColumns = {
  id: 't.pk',
  state: 't.state',
  duration,
  start_date: 't.start_date',
  end_date: 't.end_date',
  map_index: 't.map_index',
  try_number: 't.try_number',
  logical_date: 'r.logical_date',
  run_after: 'r.run_after',
  data_interval_start: 'r.interval_start',
  data_interval_end: 'r.interval_end',
  task_id: 't.task_id',
  dag_id: 'r.dag_id',
  run_id: 'r.run_id',
};
export const taskInstanceOrder = Object.keys(orderColumns);

export async function listTaskInstances(
  pool: Pool,
  filter: TaskInstanceFilter,
  order: readonly Order[],
  page: Page,
): Promise<{ taskInstances: TaskInstanceRow[]; total: number }> {
  const where = new Where()
    .and('r.dag_id = ?', filter.dagId)
    .and('r.run_id = ?', filter.runId)
    .and('t.task_id = ?', filter.taskId)
    .and('t.map_index = ANY (?)', filter.mapIndexes)
    .like('t.task_id', filter.taskIdPattern)
    .like('r.dag_id', filter.dagIdPattern)
    .like('r.run_id', filter.runIdPattern)
    .like('t.pool', filter.poolPattern)
    .and(ofSpec(`(s->>'group' = ? OR starts_with(s->>'group', ? || '.'))`), filter.group)
    .and(`coalesce(t.state, 'none') = ANY (?)`, filter.states)
    .and('t.pool = ANY (?)', filter.pools)
    .and(ofSpec(`s->>'queue' = ANY (?)`), filter.queues)
    .and(ofSpec(`s->>'queue' ILIKE ANY (?::text[])`), patternsOf(filter.queuePattern))
    .and(ofSpec(`s->>'executor' = ANY (?)`), filter.executors)
    .and(ofSpec(`s->>'operator' = ANY (?)`), filter.operators)
    .and(ofSpec(`s->>'operator' ILIKE ANY (?::text[])`), patternsOf(filter.operatorPattern))
    .and('v.number = ANY (?)', filter.versions)
    .and('t.try_number = ANY (?)', filter.tryNumbers)
    .range('r.run_after', filter.runAfter)
    .range('r.logical_date', filter.logicalDate)
    .range('t.start_date', filter.startDate)
    .range('t.end_date', filter.endDate)
    .range(updatedAt, filter.updatedAt)
    .range(duration, filter.duration);
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<Omit<TaskInstanceRow, 'spec'>>(
      `SELECT ${columns} ${from} ${where.sql} ${orderSql(order, orderColumns, 't.pk')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n ${from} ${where.sql}`, where.values),
  ]);
  return { taskInstances: await withSpecs(pool, rows), total: counted[0]!.n };
}

export async function getTaskInstance(
  pool: Pool,
  dagId: string,
  runId: string,
  taskId: string,
  mapIndex = -1,
): Promise<TaskInstanceRow | null> {
  const { rows } = await pool.query<Omit<TaskInstanceRow, 'spec'>>(
    `SELECT ${columns} ${from} WHERE r.dag_id = $1 AND r.run_id = $2 AND t.task_id = $3 AND t.map_index = $4`,
    [dagId, runId, taskId, mapIndex],
  );
  return (await withSpecs(pool, rows))[0] ?? null;
}

/** Those of a DAG that are named, in that order; what is not there is left out. */
export async function getTaskInstances(
  pool: Pool,
  dagId: string,
  named: readonly { readonly runId: string; readonly taskId: string; readonly mapIndex: number }[],
): Promise<TaskInstanceRow[]> {
  const { rows } = await pool.query<Omit<TaskInstanceRow, 'spec'>>(
    `SELECT ${columns} ${from} JOIN unnest($2::text[], $3::text[], $4::int[]) WITH ORDINALITY AS n(run_id, task_id, map_index, place)
       ON n.run_id = r.run_id AND n.task_id = t.task_id AND n.map_index = t.map_index
     WHERE r.dag_id = $1 ORDER BY n.place`,
    [dagId, named.map(({ runId }) => runId), named.map(({ taskId }) => taskId), named.map(({ mapIndex }) => mapIndex)],
  );
  return withSpecs(pool, rows);
}

/** All instances of one task in a run, by map index. */
export async function getInstancesOfTask(pool: Pool, dagId: string, runId: string, taskId: string): Promise<TaskInstanceRow[]> {
  const { rows } = await pool.query<Omit<TaskInstanceRow, 'spec'>>(
    `SELECT ${columns} ${from} WHERE r.dag_id = $1 AND r.run_id = $2 AND t.task_id = $3 ORDER BY t.map_index`,
    [dagId, runId, taskId],
  );
  return withSpecs(pool, rows);
}

/** Only the few fields that are needed, once per version and task: specs can be large. */
async function withSpecs(pool: Pool, rows: readonly Omit<TaskInstanceRow, 'spec'>[]): Promise<TaskInstanceRow[]> {
  const versions = [...new Set(rows.flatMap((row) => row.version_id ?? []))];
  const { rows: found } = await pool.query<{ version: string; id: string } & NonNullable<TaskInstanceRow['spec']>>(
    `SELECT v.id AS version, s->>'id' AS id, s->>'operator' AS operator, s->>'queue' AS queue, s->>'executor' AS executor, (s->>'retries')::int AS retries
     FROM dag_version v, json_array_elements(v.spec->'tasks') s WHERE v.id = ANY ($1) AND s->>'id' = ANY ($2)`,
    [versions, [...new Set(rows.map((row) => row.task_id))]],
  );
  const specs = new Map(found.map(({ version, id, ...spec }) => [`${version} ${id}`, spec]));
  return rows.map((row) => ({ ...row, spec: specs.get(`${row.version_id} ${row.task_id}`) ?? null }));
}

/** Whether a try is over, so that its log grows no more. Null when there was no such try. */
export async function tryHasEnded(pool: Pool, taskInstance: number, tryNumber: number): Promise<boolean | null> {
  const { rows } = await pool.query<{ ended: boolean | null }>(
    "SELECT bool_and(state = 'ended') AS ended FROM attempt WHERE ti = $1 AND try_number = $2",
    [taskInstance, tryNumber],
  );
  return rows[0]!.ended;
}
