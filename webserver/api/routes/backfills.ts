import { z } from 'zod';
import { REPROCESS_BEHAVIORS, type BackfillRequest } from '../../../src/commands/commands';
import { RUN_STATES } from '../../../src/core/states';
import { findBackfill } from '../../../src/read-model/cli/backfills';
import { backfillOrder, getBackfill, listBackfills, type BackfillRow } from '../../../src/read-model/rest/backfills';
import { notFound } from '../api-error';
import { date, dateParam, jsonObject, nullableDate, orderBy, paging, readOrder } from '../fields';
import { defineRoute, type ApiContext, type Route } from '../route';

const backfillSchema = z.object({
  id: z.int(),
  dag_id: z.string(),
  dag_display_name: z.string(),
  from_date: date,
  to_date: date,
  dag_run_conf: jsonObject.nullable(),
  is_paused: z.boolean(),
  reprocess_behavior: z.enum(REPROCESS_BEHAVIORS),
  max_active_runs: z.int(),
  created_at: date,
  completed_at: nullableDate,
  updated_at: date,
  run_backwards: z.boolean(),
  is_cancelled: z.boolean(),
  task_ids: z.array(z.string()).nullable().describe('The only tasks that it runs; null: all'),
  progress: z.object({
    total: z.int().describe('Data intervals in its range'),
    success: z.int(),
    failed: z.int(),
    running: z.int(),
    queued: z.int(),
    skipped: z.int().describe('Left as they were'),
    seconds_left: z.number().nullable().describe('At the pace so far'),
  }),
});

const bodySchema = z.strictObject({
  dag_id: z.string(),
  from_date: dateParam,
  to_date: dateParam,
  run_backwards: z.boolean().default(false),
  dag_run_conf: jsonObject.nullish(),
  reprocess_behavior: z.enum(REPROCESS_BEHAVIORS).default('none'),
  max_active_runs: z.int().min(1).max(2147483647).default(10),
  run_on_latest_version: z.boolean().default(true).describe('Of runs that start again: on the newest code, or on what they had'),
  task_ids: z.array(z.string()).nullish().describe('Only these tasks'),
  task_id_pattern: z.string().nullish().describe('Only tasks whose id this regular expression matches'),
  include_upstream: z.boolean().default(false),
  include_downstream: z.boolean().default(false),
});

const backfillId = z.object({ backfill_id: z.int().min(0) });

export const backfillRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/backfills',
    id: 'list_backfills',
    tag: 'Backfill',
    summary: 'The backfills of a DAG, by page',
    query: z.object({ dag_id: z.string(), ...paging, order_by: orderBy(backfillOrder, 'id') }),
    response: z.object({ backfills: z.array(backfillSchema), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, context: { database } }) => {
      const { backfills, total } = await listBackfills(database.pool, query.dag_id, readOrder(query.order_by, backfillOrder), query);
      return { backfills: await Promise.all(backfills.map((row) => backfillResponse(row, database))), total_entries: total };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/backfills',
    id: 'create_backfill',
    tag: 'Backfill',
    summary: 'Runs a DAG for every interval whose logical date is in the range, both ends included',
    body: bodySchema,
    response: backfillSchema,
    errors: [404, 409],
    handle: async ({ body, actor, context }) =>
      backfillResponse(await find((await context.commands.createBackfill(toRequest(body), actor)).id, context), context.database),
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/backfills/dry_run',
    id: 'create_backfill_dry_run',
    tag: 'Backfill',
    summary: 'The intervals that such a backfill would run, in their order. Writes nothing',
    body: bodySchema,
    response: z.object({
      backfills: z.array(
        z.object({
          logical_date: date,
          data_interval_start: date,
          data_interval_end: date,
          partition_key: z.null(),
          partition_date: z.null(),
          action: z.enum(['create', 'clear']),
          existing_dag_run_id: z.string().nullable(),
          existing_state: z.enum(RUN_STATES).nullable(),
        }),
      ),
      total_entries: z.int(),
    }),
    errors: [404, 409],
    handle: async ({ body, context: { commands } }) => {
      const { items } = await commands.dryRunBackfill(toRequest(body));
      const backfills = items
        .filter((item) => item.action !== 'skip')
        .map(({ logicalDate, interval, existing, action }) => ({
          logical_date: new Date(logicalDate),
          data_interval_start: new Date(interval.start),
          data_interval_end: new Date(interval.end),
          partition_key: null,
          partition_date: null,
          action: action === 'clear' ? ('clear' as const) : ('create' as const),
          existing_dag_run_id: existing?.runId ?? null,
          existing_state: existing?.state ?? null,
        }));
      return { backfills, total_entries: backfills.length };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/backfills/{backfill_id}',
    id: 'get_backfill',
    tag: 'Backfill',
    summary: 'One backfill',
    params: backfillId,
    response: backfillSchema,
    errors: [404],
    handle: async ({ params, context }) => backfillResponse(await find(params.backfill_id, context), context.database),
  }),
  defineRoute({
    method: 'put',
    path: '/api/v2/backfills/{backfill_id}/cancel',
    id: 'cancel_backfill',
    tag: 'Backfill',
    summary: 'Starts no more runs and ends the backfill; what runs goes on to its end, unless it is to be stopped',
    params: backfillId,
    query: z.object({ stop_running: z.boolean().default(false) }),
    response: backfillSchema,
    errors: [404, 409],
    handle: async ({ params, query, actor, context }) => {
      await find(params.backfill_id, context);
      await context.commands.cancelBackfill(params.backfill_id, actor, { stopRunning: query.stop_running });
      return backfillResponse(await find(params.backfill_id, context), context.database);
    },
  }),
  change('pause', 'Starts no more runs for now', ({ commands }, id, actor) => commands.pauseBackfill(id, actor)),
  change('unpause', 'Goes on with a paused backfill', ({ commands }, id, actor) => commands.unpauseBackfill(id, actor)),
];

function change(
  verb: string,
  summary: string,
  act: (context: ApiContext, id: number, actor: Parameters<ApiContext['commands']['cancelBackfill']>[1]) => Promise<void>,
): Route {
  return defineRoute({
    method: 'put',
    path: `/api/v2/backfills/{backfill_id}/${verb}`,
    id: `${verb}_backfill`,
    tag: 'Backfill',
    summary,
    params: backfillId,
    response: backfillSchema,
    errors: [404, 409],
    handle: async ({ params, actor, context }) => {
      await find(params.backfill_id, context);
      await act(context, params.backfill_id, actor);
      return backfillResponse(await find(params.backfill_id, context), context.database);
    },
  });
}

async function find(id: number, { database }: ApiContext): Promise<BackfillRow> {
  const backfill = await getBackfill(database.pool, id);
  if (!backfill) throw notFound('The backfill', id);
  return backfill;
}

function toRequest(body: z.output<typeof bodySchema>): BackfillRequest {
  return {
    dagId: body.dag_id,
    from: body.from_date.getTime(),
    to: body.to_date.getTime(),
    reprocessBehavior: body.reprocess_behavior,
    maxActiveRuns: body.max_active_runs,
    runBackwards: body.run_backwards,
    runOnLatestVersion: body.run_on_latest_version,
    tasks: body.task_ids,
    taskPattern: body.task_id_pattern,
    upstream: body.include_upstream,
    downstream: body.include_downstream,
    conf: (body.dag_run_conf ?? undefined) as BackfillRequest['conf'],
  };
}

async function backfillResponse(row: BackfillRow, database: ApiContext['database']): Promise<z.input<typeof backfillSchema>> {
  const { total, success, failed, running, queued, skipped, eta_ms: left } = await findBackfill(database, row.id);
  return {
    id: row.id,
    dag_id: row.dag_id,
    dag_display_name: row.dag_id,
    from_date: row.from_date,
    to_date: row.to_date,
    dag_run_conf: row.conf,
    is_paused: row.is_paused,
    reprocess_behavior: row.reprocess_behavior,
    max_active_runs: row.max_active_runs,
    created_at: row.created_at,
    completed_at: row.completed_at,
    updated_at: row.updated_at,
    run_backwards: row.run_backwards,
    is_cancelled: row.cancelled,
    task_ids: row.task_ids && [...row.task_ids],
    progress: { total, success, failed, running, queued, skipped, seconds_left: left === null ? null : left / 1000 },
  };
}
