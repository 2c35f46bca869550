/** The lists of all runs and of all task instances with their filters in a body, for those that are too long for a URL. */
import { z } from 'zod';
import { RUN_STATES, TASK_STATES } from '../../../src/core/states';
import { listRuns, runOrder } from '../../../src/read-model/rest/runs';
import { rangeOf } from '../../../src/read-model/rest/sql';
import { taskInstanceOrder } from '../../../src/read-model/rest/task-instances';
import { bodyDateRange, bodyNumberRange, paging, readOrder } from '../fields';
import { defineRoute } from '../route';
import { runCollection, runResponse } from './dag-run-response';
import { taskInstanceCollection } from './task-instance-collection';
import { page } from './task-instances';

const names = z.array(z.string()).nullish();
const order = (allowed: readonly string[], fallback: string) =>
  z
    .string()
    .nullish()
    .describe(`Any of ${allowed.join(', ')}; a leading \`-\` is descending. Default: ${fallback}`);

const shared = {
  page_limit: paging.limit.prefault(100),
  page_offset: paging.offset,
  dag_ids: names,
  ...bodyDateRange('run_after'),
  ...bodyDateRange('logical_date'),
  ...bodyDateRange('start_date'),
  ...bodyDateRange('end_date'),
  ...bodyNumberRange('duration'),
};
const runsBody = z.strictObject({
  ...shared,
  order_by: order(runOrder, 'id'),
  states: z.array(z.enum(RUN_STATES).nullable()).nullish(),
  conf_contains: z.string().nullish(),
});
const taskInstancesBody = z.strictObject({
  ...shared,
  order_by: order(taskInstanceOrder, 'map_index'),
  dag_run_ids: names,
  task_ids: names,
  state: z.array(z.enum(TASK_STATES).nullable()).nullish().describe('null: nothing is decided yet'),
  pool: names,
  queue: names,
  executor: names,
});
const all = z.literal('~');

export const listRoutes = [
  defineRoute({
    method: 'post',
    path: '/api/v2/dags/{dag_id}/dagRuns/list',
    id: 'get_list_dag_runs_batch',
    tag: 'DagRun',
    summary: 'The runs of all DAGs, or of `dag_ids`, by page',
    params: z.object({ dag_id: all }),
    body: runsBody,
    response: runCollection,
    errors: [400],
    handle: async ({ body, context: { database } }) => {
      const filter = {
        ...rangesOf(body),
        dagIds: body.dag_ids ?? undefined,
        states: body.states?.flatMap((state) => state ?? []),
        confContains: body.conf_contains ?? undefined,
        updatedAt: {},
      };
      const { runs, total } = await listRuns(database.pool, filter, readOrder([body.order_by ?? 'id'], runOrder), pageOf(body));
      return { dag_runs: runs.map(runResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list',
    id: 'get_task_instances_batch',
    tag: 'Task Instance',
    summary: 'The task instances of all runs of all DAGs, or of those that are named, by page',
    params: z.object({ dag_id: all, dag_run_id: all }),
    body: taskInstancesBody,
    response: taskInstanceCollection,
    errors: [400],
    handle: ({ body, context }) => {
      const filter = {
        ...rangesOf(body),
        dagIds: body.dag_ids ?? undefined,
        runIds: body.dag_run_ids ?? undefined,
        taskIds: body.task_ids ?? undefined,
        states: body.state?.map((state) => state ?? 'none'),
        pools: body.pool ?? undefined,
        queues: body.queue ?? undefined,
        executors: body.executor ?? undefined,
        updatedAt: {},
      };
      return page(filter, { ...pageOf(body), order_by: [body.order_by ?? 'map_index'] }, context);
    },
  }),
];

const pageOf = ({ page_limit: limit, page_offset: offset }: { page_limit: number; page_offset: number }) => ({ limit, offset });

const rangesOf = (body: Readonly<Record<string, unknown>>) => ({
  runAfter: rangeOf<Date>(body, 'run_after'),
  logicalDate: rangeOf<Date>(body, 'logical_date'),
  startDate: rangeOf<Date>(body, 'start_date'),
  endDate: rangeOf<Date>(body, 'end_date'),
  duration: rangeOf<number>(body, 'duration'),
});
