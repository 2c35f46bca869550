/** One page of the DAG list, with the numbers beside its filters. */
import type { Pool } from 'pg';
import type { RunState, RunType } from '../../core/states';

export const DAG_FILTERS = ['all', 'active', 'paused', 'running', 'failed', 'favorites'] as const;
export type DagFilter = (typeof DAG_FILTERS)[number];

export interface DagListQuery {
  /** Whose favorites are meant. */
  readonly username: string;
  readonly search: string;
  readonly filter: DagFilter;
  readonly tags: readonly string[];
  readonly limit: number;
  readonly offset: number;
}

export interface DagListPage {
  readonly dags: readonly DagListRow[];
  /** Of the chosen filter. */
  readonly total: number;
  /** For every filter, under the same search and tags. */
  readonly counts: Readonly<Record<DagFilter, number>>;
  readonly tags: readonly { readonly name: string; readonly dags: number }[];
}

export interface DagListRow {
  readonly dagId: string;
  readonly filePath: string;
  readonly description: string | null;
  readonly owner: string | null;
  readonly tags: readonly string[];
  readonly isPaused: boolean;
  readonly isFavorite: boolean;
  readonly schedule: string | null;
  readonly scheduleDescription: string | null;
  readonly nextRunAfter: Date | null;
  readonly hasParams: boolean;
  readonly hasImportError: boolean;
  readonly warnings: number;
  /** Begun ones, oldest first, at most RECENT_RUNS: the queued runs of a backfill would hide all that happened. */
  readonly recent: readonly RecentRun[];
  readonly counts: Readonly<Record<RunState, number>>;
}

/** `seconds`: null while it waits. `start` and `end` are ISO 8601. */
export interface RecentRun {
  readonly runId: string;
  readonly state: RunState;
  readonly runType: RunType;
  readonly start: string | null;
  readonly end: string | null;
  readonly logical: string | null;
}

export const RECENT_RUNS = 14;

const favorite = 'EXISTS (SELECT FROM dag_favorite f WHERE f.dag_id = d.dag_id AND f.username = $3)';

/** Kept in one place, so that the numbers beside the filters are those of the lists behind them. */
const filterSql: Record<DagFilter, string> = {
  all: 'true',
  active: 'NOT d.is_paused',
  paused: 'd.is_paused',
  running: `EXISTS (SELECT FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state = 'running')`,
  failed: `(SELECT r.state FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state IN ('success','failed') ORDER BY r.run_after DESC, r.pk DESC LIMIT 1) = 'failed'`,
  favorites: favorite,
};
const searched = `d.is_active AND ($1 = '' OR d.dag_id ILIKE $1 OR d.description ILIKE $1 OR d.owner ILIKE $1) AND d.tags @> $2::text[]`;

export async function readDagList(pool: Pool, query: DagListQuery): Promise<DagListPage> {
  const pattern = query.search === '' ? '' : `%${query.search.replace(/[\\%_]/g, '\\$&')}%`;
  const [counts, dags, tags] = await Promise.all([
    pool.query<Record<DagFilter, number>>(
      `SELECT ${DAG_FILTERS.map((filter) => `count(*) FILTER (WHERE ${filterSql[filter]})::int AS "${filter}"`).join(', ')}
       FROM dag d WHERE ${searched}`,
      [pattern, query.tags, query.username],
    ),
    pool.query<DagListRow>(pageSql(query.filter), [pattern, query.tags, query.username, query.limit, query.offset]),
    pool.query<DagListPage['tags'][number]>(
      `SELECT name, count(*)::int AS dags FROM dag, unnest(tags) AS name WHERE is_active GROUP BY name ORDER BY name LIMIT 200`,
    ),
  ]);
  return { dags: dags.rows, total: counts.rows[0]![query.filter], counts: counts.rows[0]!, tags: tags.rows };
}

const pageSql = (filter: DagFilter): string => `
  SELECT d.dag_id AS "dagId", d.file_path AS "filePath", d.description, d.owner, d.tags, d.is_paused AS "isPaused", ${favorite} AS "isFavorite",
         nullif(d.timetable_summary, 'None') AS schedule, d.timetable_description AS "scheduleDescription", d.next_run_after AS "nextRunAfter",
         coalesce(json_typeof(v.spec -> 'params') = 'object', false) AS "hasParams",
         EXISTS (SELECT FROM import_error e WHERE e.file_path = d.file_path) AS "hasImportError",
         jsonb_array_length(d.warnings) AS warnings,
         coalesce(recent.runs, '[]') AS recent, counts.counts
  FROM (SELECT * FROM dag d WHERE ${searched} AND ${filterSql[filter]} ORDER BY d.dag_id LIMIT $4 OFFSET $5) d
  LEFT JOIN dag_version v ON v.id = d.current_version
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('runId', run_id, 'state', state, 'runType', run_type, 'start', start_date, 'end', end_date,
                     'logical', logical_date) ORDER BY run_after, pk) AS runs
    FROM (SELECT * FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state <> 'queued' ORDER BY r.run_after DESC, r.pk DESC LIMIT ${RECENT_RUNS}) newest) recent ON true
  LEFT JOIN LATERAL (
    SELECT jsonb_build_object('queued', count(*) FILTER (WHERE state = 'queued'), 'running', count(*) FILTER (WHERE state = 'running'),
                     'success', count(*) FILTER (WHERE state = 'success'), 'failed', count(*) FILTER (WHERE state = 'failed')) AS counts
    FROM dag_run r WHERE r.dag_id = d.dag_id) counts ON true
  ORDER BY d.dag_id`;
