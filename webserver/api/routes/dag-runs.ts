import { z } from 'zod';
import type { ClearRunRequest } from '../../../src/commands/commands';
import { RUN_STATES, RUN_TYPES } from '../../../src/core/states';
import { dagExists } from '../../../src/read-model/rest/dags';
import { getRun, listRuns, runOrder, type RunRow } from '../../../src/read-model/rest/runs';
import { rangeOf } from '../../../src/read-model/rest/sql';
import { ApiError, notFound } from '../api-error';
import {
  awareDate,
  dateRange,
  integers,
  jsonObject,
  nothing,
  numberRange,
  oneOf,
  orderBy,
  paging,
  pattern,
  readOrder,
  texts,
} from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { runCollection, runResponse, runSchema } from './dag-run-response';
import { taskInstanceCollection, taskInstancesOf, versionOf } from './task-instance-collection';

const runId = z.object({ dag_id: z.string(), dag_run_id: z.string() });

export const dagRunRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns',
    id: 'get_dag_runs',
    tag: 'DagRun',
    summary: 'The runs of a DAG, or with `~` of all DAGs, by page',
    params: z.object({ dag_id: z.string() }),
    query: z.object({
      ...paging,
      ...dateRange('run_after'),
      ...dateRange('logical_date'),
      ...dateRange('start_date'),
      ...dateRange('end_date'),
      ...dateRange('updated_at'),
      ...numberRange('duration'),
      conf_contains: z.string().optional(),
      run_type: texts,
      state: texts,
      dag_version: integers,
      bundle_version: z.string().optional(),
      run_id_pattern: pattern,
      triggering_user_name_pattern: pattern,
      dag_id_pattern: pattern,
      partition_key_pattern: pattern,
      order_by: orderBy(runOrder, 'id'),
    }),
    response: runCollection,
    errors: [400, 404],
    handle: async ({ params, query, context: { database } }) => {
      const dagId = params.dag_id === '~' ? undefined : params.dag_id;
      if (dagId !== undefined && !(await dagExists(database.pool, dagId))) throw notFound('The DAG', dagId);
      const filter = {
        dagId,
        dagIdPattern: query.dag_id_pattern,
        runIdPattern: query.run_id_pattern,
        userPattern: query.triggering_user_name_pattern,
        confContains: query.conf_contains,
        states: oneOf('state', query.state, RUN_STATES),
        runTypes: oneOf('run_type', query.run_type, RUN_TYPES),
        versions: query.dag_version,
        // Features that no run has.
        nothing: query.bundle_version !== undefined || (query.partition_key_pattern ?? '~') !== '~',
        runAfter: rangeOf<Date>(query, 'run_after'),
        logicalDate: rangeOf<Date>(query, 'logical_date'),
        startDate: rangeOf<Date>(query, 'start_date'),
        endDate: rangeOf<Date>(query, 'end_date'),
        updatedAt: rangeOf<Date>(query, 'updated_at'),
        duration: rangeOf<number>(query, 'duration'),
      };
      const { runs, total } = await listRuns(database.pool, filter, readOrder(query.order_by, runOrder), query);
      return { dag_runs: runs.map(runResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/dags/{dag_id}/dagRuns',
    id: 'trigger_dag_run',
    tag: 'DagRun',
    summary: 'Starts a run. Without a logical date it has none',
    params: z.object({ dag_id: z.string() }),
    body: z
      .strictObject({
        dag_run_id: z.string().nullish(),
        logical_date: awareDate.nullish(),
        run_after: awareDate.nullish(),
        data_interval_start: awareDate.nullish(),
        data_interval_end: awareDate.nullish(),
        conf: jsonObject.nullish(),
        note: z.string().max(1000).nullish(),
        partition_key: z.null().optional(),
      })
      .refine((body) => ((body.data_interval_start ?? null) === null) === ((body.data_interval_end ?? null) === null), {
        message: 'data_interval_start and data_interval_end go together: give both or neither',
      }),
    response: runSchema,
    errors: [400, 404, 409],
    handle: async ({ params, body, actor, context }) => {
      const { data_interval_start: start, data_interval_end: end } = body;
      const run = await context.commands.triggerRun(
        {
          dagId: params.dag_id,
          runId: body.dag_run_id ?? undefined,
          logicalDate: body.logical_date ?? null,
          runAfter: body.run_after ?? undefined,
          dataInterval: typeof start === 'number' && typeof end === 'number' ? { start, end } : undefined,
          conf: (body.conf ?? undefined) as never,
          note: body.note ?? undefined,
        },
        actor,
      );
      return runResponse(await findRun(run.dagId, run.runId, context));
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}',
    id: 'get_dag_run',
    tag: 'DagRun',
    summary: 'One run',
    params: runId,
    response: runSchema,
    errors: [404],
    handle: async ({ params, context }) => runResponse(await findRun(params.dag_id, params.dag_run_id, context)),
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}',
    id: 'patch_dag_run',
    tag: 'DagRun',
    summary: 'Marks a run success or failed, starts it again (queued), or changes its note; `update_mask` leaves out what it does not name',
    params: runId,
    query: z.object({ update_mask: texts }),
    body: z.strictObject({ state: z.enum(['queued', 'success', 'failed']).nullish(), note: z.string().max(1000).nullish() }),
    response: runSchema,
    errors: [400, 404, 409],
    handle: async ({ params, query, body, actor, context }) => {
      const unknown = (query.update_mask ?? []).find((field) => !['state', 'note'].includes(field));
      if (unknown) throw new ApiError(400, `Of a run, only state and note can be changed, not ${JSON.stringify(unknown)}`);
      const wanted = (field: 'state' | 'note') => field in body && (query.update_mask?.includes(field) ?? true);
      const run = await findRun(params.dag_id, params.dag_run_id, context);
      const at = { dagId: run.dag_id, runId: run.run_id };
      if (wanted('state') && body.state) await context.commands.markRun({ ...at, state: body.state }, actor);
      if (wanted('note')) await context.commands.setRunNote({ ...at, note: body.note ?? null }, actor);
      return runResponse(await findRun(params.dag_id, params.dag_run_id, context));
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/clear',
    id: 'clear_dag_run',
    tag: 'DagRun',
    summary:
      'Starts a run again, with all its task instances or those that failed. As a dry run, the default, lists these and does nothing',
    params: runId,
    body: z.strictObject({
      dry_run: z.boolean().default(true),
      only_failed: z.boolean().default(false),
      run_on_latest_version: z.boolean().optional().describe('Left out: as the DAG says (rerunWithLatestVersion)'),
      conf: jsonObject.nullish().describe("In place of the run's conf"),
      note: z.string().max(1000).nullish().describe('On each task instance that is cleared'),
    }),
    response: z.union([taskInstanceCollection, runSchema]),
    errors: [404],
    handle: async ({ params, body, actor, context }) => {
      const run = await findRun(params.dag_id, params.dag_run_id, context);
      const request: ClearRunRequest = {
        dagId: run.dag_id,
        runId: run.run_id,
        onlyFailed: body.only_failed,
        version: versionOf(body.run_on_latest_version),
        conf: (body.conf ?? undefined) as ClearRunRequest['conf'],
        note: body.note,
      };
      if (body.dry_run) return taskInstancesOf(await context.commands.planClearRun(request), 'clear', context);
      await context.commands.clearRun(request, actor);
      return runResponse(await findRun(params.dag_id, params.dag_run_id, context));
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}',
    id: 'delete_dag_run',
    tag: 'DagRun',
    summary: 'Deletes a run that is not running, with its task instances, values and logs',
    params: runId,
    status: 204,
    response: nothing,
    errors: [404, 409],
    handle: async ({ params, actor, context }) => {
      const run = await findRun(params.dag_id, params.dag_run_id, context);
      await context.commands.deleteRun({ dagId: run.dag_id, runId: run.run_id }, actor);
      return undefined;
    },
  }),
];

export async function findRun(dagId: string, runId: string, { database }: ApiContext): Promise<RunRow> {
  const run = await getRun(database.pool, dagId, runId);
  if (!run) throw notFound(`The run of DAG "${dagId}"`, runId);
  return run;
}
