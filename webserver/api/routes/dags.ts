import path from 'node:path';
import { Duration } from 'luxon';
import { z } from 'zod';
import { RUN_STATES } from '../../../src/core/states';
import { dagOrder, getCurrentVersion, getDag, isFavorite, listDags, type DagRow } from '../../../src/read-model/rest/dags';
import { rangeOf } from '../../../src/read-model/rest/sql';
import { ApiError, notFound } from '../api-error';
import { dateRange, jsonObject, nothing, nullableDate, oneOf, orderBy, paging, pattern, readOrder, texts } from '../fields';
import { defineRoute, type ApiContext, type Route } from '../route';
import { versionResponse, versionSchema } from './dag-version';
import { fileToken } from './parse-dag-file';

export const bundleName = 'dags-folder';

const dagSchema = z.object({
  dag_id: z.string(),
  dag_display_name: z.string(),
  is_paused: z.boolean(),
  is_stale: z.boolean(),
  last_parsed_time: nullableDate,
  last_parse_duration: z.number().nullable(),
  last_expired: nullableDate,
  bundle_name: z.string().nullable(),
  bundle_version: z.string().nullable(),
  relative_fileloc: z.string().nullable(),
  fileloc: z.string(),
  file_token: z.string(),
  description: z.string().nullable(),
  timetable_summary: z.string().nullable(),
  timetable_description: z.string().nullable(),
  timetable_partitioned: z.boolean(),
  tags: z.array(z.object({ name: z.string(), dag_id: z.string(), dag_display_name: z.string() })),
  max_active_tasks: z.int(),
  max_active_runs: z.int().nullable(),
  max_consecutive_failed_dag_runs: z.int(),
  has_task_concurrency_limits: z.boolean(),
  has_import_errors: z.boolean(),
  next_dagrun_logical_date: nullableDate,
  next_dagrun_data_interval_start: nullableDate,
  next_dagrun_data_interval_end: nullableDate,
  next_dagrun_run_after: nullableDate,
  owners: z.array(z.string()),
  allowed_run_types: z.array(z.string()).nullable(),
});

const detailsSchema = dagSchema.extend({
  catchup: z.boolean(),
  concurrency: z.int(),
  dag_run_timeout: z.string().nullable(),
  asset_expression: jsonObject.nullable(),
  doc_md: z.string().nullable(),
  start_date: nullableDate,
  end_date: nullableDate,
  is_paused_upon_creation: z.boolean().nullable(),
  params: jsonObject.nullable(),
  render_template_as_native_obj: z.boolean(),
  template_search_path: z.array(z.string()).nullable(),
  timezone: z.string().nullable(),
  last_parsed: nullableDate,
  default_args: jsonObject.nullable(),
  owner_links: jsonObject.nullable(),
  is_favorite: z.boolean(),
  active_runs_count: z.int(),
  latest_dag_version: versionSchema.nullable(),
});

const dagId = z.object({ dag_id: z.string() });
const patchBody = z.strictObject({ is_paused: z.boolean() });

const listQuery = z.object({
  ...paging,
  tags: texts,
  tags_match_mode: z.enum(['any', 'all']).default('any'),
  owners: texts,
  dag_id_pattern: pattern,
  dag_display_name_pattern: pattern,
  exclude_stale: z.boolean().default(true),
  paused: z.boolean().optional(),
  has_import_errors: z.boolean().optional(),
  last_dag_run_state: z.enum(RUN_STATES).optional(),
  dag_run_state: texts,
  ...dateRange('dag_run_start_date'),
  ...dateRange('dag_run_end_date'),
  bundle_name: z.string().optional(),
  bundle_version: z.string().optional(),
  is_favorite: z.boolean().optional(),
  has_asset_schedule: z.boolean().optional(),
  asset_dependency: z.string().optional(),
  timetable_type: texts,
  order_by: orderBy(dagOrder, 'dag_id'),
});

export const dagRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags',
    id: 'get_dags',
    tag: 'DAG',
    summary: 'All DAGs, by page',
    query: listQuery,
    response: z.object({ dags: z.array(dagSchema), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, actor, context }) => {
      const filter = {
        favoriteOf: query.is_favorite === true ? actor.user : undefined,
        noFavoriteOf: query.is_favorite === false ? actor.user : undefined,
        tags: query.tags,
        tagsMatch: query.tags_match_mode,
        owners: query.owners,
        idPattern: query.dag_id_pattern,
        displayNamePattern: query.dag_display_name_pattern,
        activeOnly: query.exclude_stale,
        paused: query.paused,
        hasImportErrors: query.has_import_errors,
        lastRunState: query.last_dag_run_state,
        runStates: oneOf('dag_run_state', query.dag_run_state, RUN_STATES),
        runStartDate: rangeOf<Date>(query, 'dag_run_start_date'),
        runEndDate: rangeOf<Date>(query, 'dag_run_end_date'),
        nothing: asksForWhatNoDagHas(query),
      };
      const { dags, total } = await listDags(context.database.pool, filter, readOrder(query.order_by, dagOrder), query);
      return { dags: dags.map((dag) => dagResponse(dag, context)), total_entries: total };
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/dags',
    id: 'patch_dags',
    tag: 'DAG',
    summary: 'Pauses or unpauses the DAGs of a page whose ids match `dag_id_pattern`; `~` is every id, and without a pattern it is none',
    query: listQuery
      .pick({
        limit: true,
        offset: true,
        tags: true,
        tags_match_mode: true,
        owners: true,
        dag_id_pattern: true,
        exclude_stale: true,
        paused: true,
      })
      .extend({ update_mask: texts }),
    body: patchBody,
    response: z.object({ dags: z.array(dagSchema), total_entries: z.int() }),
    errors: [400, 404],
    handle: async ({ query, body, actor, context }) => {
      holdToIsPaused(query.update_mask);
      const filter = {
        tags: query.tags,
        tagsMatch: query.tags_match_mode,
        owners: query.owners,
        idPattern: query.dag_id_pattern,
        activeOnly: query.exclude_stale,
        paused: query.paused,
        runStartDate: {},
        runEndDate: {},
        nothing: query.dag_id_pattern === undefined,
      };
      const { dags, total } = await listDags(context.database.pool, filter, [{ name: 'dag_id', descending: false }], query);
      for (const dag of dags) await context.commands.setPaused(dag.dag_id, body.is_paused, actor);
      return { dags: dags.map((dag) => dagResponse({ ...dag, is_paused: body.is_paused }, context)), total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}',
    id: 'get_dag',
    tag: 'DAG',
    summary: 'One DAG',
    params: dagId,
    response: dagSchema,
    errors: [404],
    handle: async ({ params, context }) => dagResponse(await find(params.dag_id, context), context),
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/dags/{dag_id}',
    id: 'patch_dag',
    tag: 'DAG',
    summary: 'Pauses or unpauses a DAG',
    params: dagId,
    query: z.object({ update_mask: texts }),
    body: patchBody,
    response: dagSchema,
    errors: [400, 404],
    handle: async ({ params, query, body, actor, context }) => {
      holdToIsPaused(query.update_mask);
      await context.commands.setPaused(params.dag_id, body.is_paused, actor);
      return dagResponse(await find(params.dag_id, context), context);
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v2/dags/{dag_id}',
    id: 'delete_dag',
    tag: 'DAG',
    summary: 'Deletes a DAG with its runs, backfills and logs. While its file is there it comes back, empty, when that is read again',
    params: dagId,
    response: z.null(),
    errors: [404, 409],
    handle: async ({ params, actor, context }) => {
      await context.commands.deleteDag(params.dag_id, actor);
      return null;
    },
  }),
  favoriteRoute(true),
  favoriteRoute(false),
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/details',
    id: 'get_dag_details',
    tag: 'DAG',
    summary: 'One DAG with what its newest version says',
    params: dagId,
    response: detailsSchema,
    errors: [404],
    handle: async ({ params, actor, context }) => {
      const dag = await find(params.dag_id, context);
      const version = await getCurrentVersion(context.database.pool, params.dag_id);
      const spec = version?.spec;
      return {
        ...dagResponse(dag, context),
        catchup: spec?.catchup ?? false,
        concurrency: dag.max_active_tasks,
        dag_run_timeout: spec?.dagrunTimeoutMs === undefined ? null : Duration.fromMillis(spec.dagrunTimeoutMs).rescale().toISO(),
        asset_expression: null,
        doc_md: spec?.docMd ?? null,
        start_date: toDate(spec?.startDate),
        end_date: toDate(spec?.endDate),
        is_paused_upon_creation: spec?.pausedUponCreation ?? null,
        params: spec?.params ? paramsResponse(spec.params) : null,
        render_template_as_native_obj: false,
        template_search_path: null,
        timezone: spec?.timezone ?? null,
        last_parsed: dag.last_parsed_at,
        default_args: null,
        owner_links: null,
        is_favorite: await isFavorite(context.database.pool, params.dag_id, actor.user),
        active_runs_count: version?.active_runs ?? 0,
        latest_dag_version: version ? versionResponse(params.dag_id, version) : null,
      };
    },
  }),
];

function favoriteRoute(favorite: boolean): Route {
  return defineRoute({
    method: 'post',
    path: `/api/v2/dags/{dag_id}/${favorite ? 'favorite' : 'unfavorite'}`,
    id: favorite ? 'favorite_dag' : 'unfavorite_dag',
    tag: 'DAG',
    summary: favorite ? 'Makes a DAG one of your favorites' : 'Takes a DAG off your favorites',
    params: dagId,
    status: 204,
    response: nothing,
    errors: favorite ? [404] : [404, 409],
    handle: async ({ params, actor, context }) => {
      await context.commands.setFavorite(params.dag_id, favorite, actor);
      return undefined;
    },
  });
}

function holdToIsPaused(mask: readonly string[] | undefined): void {
  if ((mask ?? []).some((field) => field !== 'is_paused')) throw new ApiError(400, 'Of a DAG, only is_paused can be changed');
}

/** Assets and versions of bundles are of Airflow; as are the names of its timetables. */
function asksForWhatNoDagHas(query: z.output<typeof listQuery>): boolean {
  const { has_asset_schedule, asset_dependency, timetable_type, bundle_name, bundle_version } = query;
  return (
    has_asset_schedule === true ||
    [asset_dependency, timetable_type, bundle_version].some((given) => given !== undefined) ||
    (bundle_name ?? bundleName) !== bundleName
  );
}

async function find(dagId: string, { database }: ApiContext): Promise<DagRow> {
  const dag = await getDag(database.pool, dagId);
  if (!dag) throw notFound('The DAG', dagId);
  return dag;
}

function dagResponse(dag: DagRow, { config }: ApiContext): z.input<typeof dagSchema> {
  return {
    dag_id: dag.dag_id,
    dag_display_name: dag.dag_id,
    is_paused: dag.is_paused,
    is_stale: !dag.is_active,
    last_parsed_time: dag.last_parsed_at,
    last_parse_duration: dag.last_parse_ms === null ? null : dag.last_parse_ms / 1000,
    last_expired: null,
    bundle_name: bundleName,
    bundle_version: null,
    relative_fileloc: dag.file_path,
    fileloc: path.join(config.dagsFolder, dag.file_path),
    file_token: fileToken(dag.file_path),
    description: dag.description,
    timetable_summary: dag.timetable_summary,
    timetable_description: dag.timetable_description,
    timetable_partitioned: false,
    tags: [...dag.tags].sort().map((name) => ({ name, dag_id: dag.dag_id, dag_display_name: dag.dag_id })),
    max_active_tasks: dag.max_active_tasks,
    max_active_runs: dag.max_active_runs,
    max_consecutive_failed_dag_runs: dag.max_consecutive_failed_runs ?? 0,
    has_task_concurrency_limits: dag.has_task_limits,
    has_import_errors: dag.has_import_errors,
    next_dagrun_logical_date: dag.next_logical_date,
    next_dagrun_data_interval_start: dag.next_interval_start,
    next_dagrun_data_interval_end: dag.next_interval_end,
    next_dagrun_run_after: dag.next_run_after,
    owners: dag.owner === null ? [] : [dag.owner],
    allowed_run_types: null,
  };
}

const toDate = (text: string | null | undefined) => (text ? new Date(text) : null);

type ParamsSchema = { readonly properties?: Readonly<Record<string, { readonly default?: unknown; readonly description?: string }>> };

/** Each param with its default, as clients of the details expect them. */
function paramsResponse(schema: ParamsSchema): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, property]) => [
      name,
      { value: property.default ?? null, description: property.description ?? null, schema: property },
    ]),
  );
}
