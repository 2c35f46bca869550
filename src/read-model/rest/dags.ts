import type { Pool } from 'pg';
import type { RunState } from '../../core/states';
import type { DagSpec } from '../../dag-spec/spec';
import { Where, orderSql, type Order, type Page, type Range } from './sql';

export interface DagRow {
  readonly dag_id: string;
  readonly file_path: string;
  readonly is_active: boolean;
  readonly is_paused: boolean;
  readonly description: string | null;
  readonly owner: string | null;
  readonly tags: readonly string[];
  readonly timetable_summary: string | null;
  readonly timetable_description: string | null;
  readonly max_active_runs: number;
  readonly max_active_tasks: number;
  readonly next_run_after: Date | null;
  readonly next_logical_date: Date | null;
  readonly next_interval_start: Date | null;
  readonly next_interval_end: Date | null;
  readonly last_parsed_at: Date | null;
  readonly last_parse_ms: number | null;
  readonly has_import_errors: boolean;
  readonly max_consecutive_failed_runs: number | null;
  /** A task has a limit of its own. */
  readonly has_task_limits: boolean;
}

export interface DagFilter {
  /** User names. */
  readonly favoriteOf?: string;
  readonly noFavoriteOf?: string;
  readonly tags?: readonly string[];
  readonly tagsMatch?: 'any' | 'all';
  readonly owners?: readonly string[];
  readonly idPattern?: string;
  readonly displayNamePattern?: string;
  readonly activeOnly?: boolean;
  readonly paused?: boolean;
  readonly hasImportErrors?: boolean;
  readonly lastRunState?: RunState;
  /** There is one run to which all three apply. */
  readonly runStates?: readonly string[];
  readonly runStartDate: Range<Date>;
  readonly runEndDate: Range<Date>;
  /** Asks for what no DAG has. */
  readonly nothing?: boolean;
}

const columns = `d.dag_id, d.file_path, d.is_active, d.is_paused, d.description, d.owner, d.tags, d.timetable_summary, d.timetable_description,
  d.max_active_runs, d.max_active_tasks, d.next_run_after, d.next_logical_date, d.next_interval_start,
  d.next_interval_end, d.last_parsed_at, d.last_parse_ms, EXISTS (SELECT FROM import_error e WHERE e.file_path = d.file_path) AS has_import_errors,
  c.max_consecutive_failed_runs, coalesce(c.has_task_limits, false) AS has_task_limits`;
/** Looked for in the text of the spec: its tasks can be many. */
const current = `LEFT JOIN LATERAL (SELECT (v.spec->>'maxConsecutiveFailedRuns')::int AS max_consecutive_failed_runs,
  v.spec::text ~ '[{,]"maxActiveTisPerDag(Run)?":' AS has_task_limits FROM dag_version v WHERE v.id = d.current_version) c ON true`;

const lastRun = `LEFT JOIN LATERAL (SELECT state, start_date FROM dag_run r WHERE r.dag_id = d.dag_id ORDER BY run_after DESC, pk DESC LIMIT 1) l ON true`;

const orderColumns = {
  dag_id: 'd.dag_id',
  dag_display_name: 'd.dag_id',
  next_dagrun: 'd.next_run_after',
  state: 'l.state',
  start_date: 'l.start_date',
  last_run_state: 'l.state',
  last_run_start_date: 'l.start_date',
};
export const dagOrder = Object.keys(orderColumns);

export async function listDags(
  pool: Pool,
  filter: DagFilter,
  order: readonly Order[],
  page: Page,
): Promise<{ dags: DagRow[]; total: number }> {
  const where = new Where()
    .and(filter.tagsMatch === 'all' ? 'd.tags @> ?' : 'd.tags && ?', filter.tags)
    .and('d.owner = ANY (?)', filter.owners)
    .like('d.dag_id', filter.idPattern)
    .like('d.dag_id', filter.displayNamePattern)
    .and('d.is_active = ?', filter.activeOnly ? true : undefined)
    .and('d.is_paused = ?', filter.paused)
    .and('EXISTS (SELECT FROM import_error e WHERE e.file_path = d.file_path) = ?', filter.hasImportErrors)
    .and('l.state = ?', filter.lastRunState)
    .and(`EXISTS (SELECT FROM dag_favorite f WHERE f.dag_id = d.dag_id AND f.username = ?)`, filter.favoriteOf)
    .and(`NOT EXISTS (SELECT FROM dag_favorite f WHERE f.dag_id = d.dag_id AND f.username = ?)`, filter.noFavoriteOf)
    .and('NOT ?::boolean', filter.nothing)
    .exists('dag_run r WHERE r.dag_id = d.dag_id', (run) =>
      run.and('r.state = ANY (?)', filter.runStates).range('r.start_date', filter.runStartDate).range('r.end_date', filter.runEndDate),
    );
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<DagRow>(
      `SELECT ${columns} FROM dag d ${lastRun} ${current} ${where.sql} ${orderSql(order, orderColumns, 'd.dag_id')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n FROM dag d ${filter.lastRunState ? lastRun : ''} ${where.sql}`, where.values),
  ]);
  return { dags: rows, total: counted[0]!.n };
}

export async function getDag(pool: Pool, dagId: string): Promise<DagRow | null> {
  const { rows } = await pool.query<DagRow>(`SELECT ${columns} FROM dag d ${current} WHERE d.dag_id = $1`, [dagId]);
  return rows[0] ?? null;
}

export async function dagExists(pool: Pool, dagId: string): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT FROM dag WHERE dag_id = $1', [dagId]);
  return rowCount === 1;
}

export interface DagVersionRow {
  readonly version_id: string;
  readonly version_number: number;
  readonly version_created_at: Date;
}

export interface CurrentVersionRow extends DagVersionRow {
  readonly spec: DagSpec;
  readonly active_runs: number;
}

/** The newest version of a DAG with its spec. Null where the DAG or its version is missing. */
export async function getCurrentVersion(pool: Pool, dagId: string): Promise<CurrentVersionRow | null> {
  const { rows } = await pool.query<CurrentVersionRow>(
    `SELECT v.id AS version_id, v.number AS version_number, v.created_at AS version_created_at, v.spec,
       (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state = 'running') AS active_runs
     FROM dag d JOIN dag_version v ON v.id = d.current_version WHERE d.dag_id = $1`,
    [dagId],
  );
  return rows[0] ?? null;
}

export async function isFavorite(pool: Pool, dagId: string, username: string): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT FROM dag_favorite WHERE username = $1 AND dag_id = $2', [username, dagId]);
  return rowCount === 1;
}
