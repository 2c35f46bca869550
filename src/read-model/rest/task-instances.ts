import type { Pool } from 'pg';
import type { JsonObject, JsonValue } from '../../core/json';
import type { TaskState } from '../../core/states';
import { getJobs, type JobRow } from './jobs';
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
  /** What `mapIndexTemplate` gave. */
  readonly map_label: string | null;
  readonly version_id: string | null;
  readonly version_number: number | null;
  readonly version_created_at: Date | null;
  /** From the spec of its version; null when the task is not in it any more. */
  readonly spec: { readonly operator: string; readonly queue: string; readonly executor: string | null; readonly retries: number } | null;
  /** What a deferred one waits for. */
  readonly wait: TaskWait | null;
}

export interface TaskWait {
  readonly kind: string;
  /** Class of the user's; null for the kinds that any triggerer looks at. */
  readonly trigger: string | null;
  readonly args: JsonValue;
  readonly created_at: Date;
  /** Which is watching it at this moment. */
  readonly triggerer: JobRow | null;
}
/** As it is in the tables. */
type StoredRow = Omit<TaskInstanceRow, 'spec' | 'wait'>;

export interface TaskInstanceFilter {
  /** undefined: of all DAGs, or of all runs */
  readonly dagId?: string;
  readonly runId?: string;
  readonly dagIds?: readonly string[];
  readonly runIds?: readonly string[];
  readonly taskId?: string;
  readonly taskIds?: readonly string[];
  /** Instances that a mapped task was expanded to. */
  readonly mapped?: boolean;
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
  t.retries_used, t.scheduled_at, t.start_date, t.end_date, a.claimed_at, a.host, a.pid, d.note, d.rendered, d.map_label,
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
    .and('r.dag_id = ANY (?)', filter.dagIds)
    .and('r.run_id = ANY (?)', filter.runIds)
    .and('t.task_id = ?', filter.taskId)
    .and('t.task_id = ANY (?)', filter.taskIds)
    .and('(t.map_index >= 0) = ?', filter.mapped)
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
    pool.query<StoredRow>(
      `SELECT ${columns} ${from} ${where.sql} ${orderSql(order, orderColumns, 't.pk')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n ${from} ${where.sql}`, where.values),
  ]);
  return { taskInstances: await complete(pool, rows), total: counted[0]!.n };
}

export async function getTaskInstance(
  pool: Pool,
  dagId: string,
  runId: string,
  taskId: string,
  mapIndex = -1,
): Promise<TaskInstanceRow | null> {
  const { rows } = await pool.query<StoredRow>(
    `SELECT ${columns} ${from} WHERE r.dag_id = $1 AND r.run_id = $2 AND t.task_id = $3 AND t.map_index = $4`,
    [dagId, runId, taskId, mapIndex],
  );
  return (await complete(pool, rows))[0] ?? null;
}

/** Those of a DAG that are named, in that order; what is not there is left out. */
export async function getTaskInstances(
  pool: Pool,
  dagId: string,
  named: readonly { readonly runId: string; readonly taskId: string; readonly mapIndex: number }[],
): Promise<TaskInstanceRow[]> {
  const { rows } = await pool.query<StoredRow>(
    `SELECT ${columns} ${from} JOIN unnest($2::text[], $3::text[], $4::int[]) WITH ORDINALITY AS n(run_id, task_id, map_index, place)
       ON n.run_id = r.run_id AND n.task_id = t.task_id AND n.map_index = t.map_index
     WHERE r.dag_id = $1 ORDER BY n.place`,
    [dagId, named.map(({ runId }) => runId), named.map(({ taskId }) => taskId), named.map(({ mapIndex }) => mapIndex)],
  );
  return complete(pool, rows);
}

/** All instances of one task in a run, by map index. */
export async function getInstancesOfTask(pool: Pool, dagId: string, runId: string, taskId: string): Promise<TaskInstanceRow[]> {
  const { rows } = await pool.query<StoredRow>(
    `SELECT ${columns} ${from} WHERE r.dag_id = $1 AND r.run_id = $2 AND t.task_id = $3 ORDER BY t.map_index`,
    [dagId, runId, taskId],
  );
  return complete(pool, rows);
}

async function complete(pool: Pool, rows: readonly StoredRow[]): Promise<TaskInstanceRow[]> {
  const [specs, waits] = await Promise.all([readSpecs(pool, rows), readWaits(pool, rows)]);
  return rows.map((row) => ({
    ...row,
    spec: specs.get(`${row.version_id} ${row.task_id}`) ?? null,
    wait: waits.get(row.pk) ?? null,
  }));
}

export async function hasTask(pool: Pool, dagId: string, runId: string, taskId: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    'SELECT FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE r.dag_id = $1 AND r.run_id = $2 AND t.task_id = $3 LIMIT 1',
    [dagId, runId, taskId],
  );
  return rowCount === 1;
}

/** Only the few fields that are needed, once per version and task: specs can be large. */
async function readSpecs(pool: Pool, rows: readonly StoredRow[]) {
  const versions = [...new Set(rows.flatMap((row) => row.version_id ?? []))];
  const { rows: found } = await pool.query<{ version: string; id: string } & NonNullable<TaskInstanceRow['spec']>>(
    `SELECT v.id AS version, s->>'id' AS id, s->>'operator' AS operator, s->>'queue' AS queue, s->>'executor' AS executor, (s->>'retries')::int AS retries
     FROM dag_version v, json_array_elements(v.spec->'tasks') s WHERE v.id = ANY ($1) AND s->>'id' = ANY ($2)`,
    [versions, [...new Set(rows.map((row) => row.task_id))]],
  );
  return new Map(found.map(({ version, id, ...spec }) => [`${version} ${id}`, spec]));
}

async function readWaits(pool: Pool, rows: readonly StoredRow[]): Promise<ReadonlyMap<number, TaskWait>> {
  const deferred = rows.filter((row) => row.state === 'deferred').map((row) => row.pk);
  if (deferred.length === 0) return new Map();
  const { rows: found } = await pool.query<Omit<TaskWait, 'triggerer'> & { ti: number; session: string | null }>(
    'SELECT ti, kind, trigger, args, created_at, session FROM wait WHERE ti = ANY ($1)',
    [deferred],
  );
  const jobs = await getJobs(
    pool,
    found.flatMap(({ session }) => session ?? []),
  );
  return new Map(found.map(({ ti, session, ...wait }) => [ti, { ...wait, triggerer: (session && jobs.get(session)) || null }]));
}

/** Whether a try is over, so that its log grows no more. Null when there was no such try. */
export async function tryHasEnded(pool: Pool, taskInstance: number, tryNumber: number): Promise<boolean | null> {
  const { rows } = await pool.query<{ ended: boolean | null }>(
    "SELECT bool_and(state = 'ended') AS ended FROM attempt WHERE ti = $1 AND try_number = $2",
    [taskInstance, tryNumber],
  );
  return rows[0]!.ended;
}

export interface TryRow {
  readonly try_number: number;
  readonly claimed_at: Date;
  readonly started_at: Date | null;
  /** Null while one of its pieces is not over. */
  readonly ended_at: Date | null;
  /** Of the last piece. */
  readonly end_state: TaskState;
  readonly host: string | null;
  readonly pid: number | null;
  readonly pool: string;
  readonly slots: number;
  readonly version_id: string;
  readonly version_number: number;
  readonly version_created_at: Date;
}

/** The tries of a task instance, the first one first; a try that deferred or was rescheduled counts once. */
export async function listTries(pool: Pool, taskInstance: number): Promise<TryRow[]> {
  const { rows } = await pool.query<TryRow>(
    `SELECT l.*, f.claimed_at, f.started_at, v.number AS version_number, v.created_at AS version_created_at
     FROM (SELECT DISTINCT ON (try_number) ti, try_number, ended_at, end_state, host, pid, pool, slots, version AS version_id
           FROM attempt WHERE ti = $1 ORDER BY try_number, piece DESC) l
       JOIN LATERAL (SELECT claimed_at, started_at FROM attempt f WHERE f.ti = l.ti AND f.try_number = l.try_number ORDER BY piece LIMIT 1) f ON true
       JOIN dag_version v ON v.id = l.version_id
     ORDER BY l.try_number`,
    [taskInstance],
  );
  return rows;
}
