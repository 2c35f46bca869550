import { z } from 'zod';
import { TASK_STATES } from '../../../src/core/states';
import { dagExists } from '../../../src/read-model/rest/dags';
import { getRun } from '../../../src/read-model/rest/runs';
import { readCompiledDag } from '../../../src/read-model/ui/dag-page';
import { rangeOf } from '../../../src/read-model/rest/sql';
import {
  getTaskInstance,
  hasTask,
  listTaskInstances,
  taskInstanceOrder,
  type TaskInstanceFilter,
  type TaskInstanceRow,
} from '../../../src/read-model/rest/task-instances';
import { ApiError, notFound } from '../api-error';
import { dateRange, integers, mapIndex, numberRange, oneOf, orderBy, paging, pattern, readOrder, texts } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { taskInstanceCollection } from './task-instance-collection';
import { taskInstanceResponse, taskInstanceSchema } from './task-instance-response';

const filterStates = [...TASK_STATES, 'none', 'no_status'];

/** What the instances of one task can be filtered by. */
const instanceQuery = {
  ...paging,
  ...dateRange('run_after'),
  ...dateRange('logical_date'),
  ...dateRange('start_date'),
  ...dateRange('end_date'),
  ...dateRange('updated_at'),
  ...numberRange('duration'),
  state: texts,
  pool: texts,
  pool_name_pattern: pattern,
  queue: texts,
  queue_name_pattern: pattern,
  executor: texts,
  version_number: integers,
  try_number: integers,
  operator: texts,
  operator_name_pattern: pattern,
  map_index: integers,
  order_by: orderBy(taskInstanceOrder, 'map_index'),
};
const instances = z.object(instanceQuery);
const ofTask = z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() });
const task = '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}';

export const taskInstanceRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances',
    id: 'get_task_instances',
    tag: 'Task Instance',
    summary: 'The task instances of a run, by page; `~` stands for all DAGs, and for all runs',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string() }),
    query: z.object({
      ...instanceQuery,
      task_id: z.string().optional(),
      task_display_name_pattern: pattern,
      task_group_id: z.string().optional(),
      dag_id_pattern: pattern,
      run_id_pattern: pattern,
    }),
    response: taskInstanceCollection,
    errors: [400, 404],
    handle: async ({ params, query, context }) => {
      const filter = {
        ...filterOf(query),
        ...(await scope(params, context)),
        taskId: query.task_id,
        taskIdPattern: query.task_display_name_pattern,
        dagIdPattern: query.dag_id_pattern,
        runIdPattern: query.run_id_pattern,
        group: query.task_group_id,
      };
      return page(filter, query, context);
    },
  }),
  defineRoute({
    method: 'get',
    path: task,
    id: 'get_task_instance',
    tag: 'Task Instance',
    summary: 'One task instance that is not mapped, or a mapped task before it is expanded',
    params: ofTask,
    response: taskInstanceSchema,
    errors: [404],
    handle: ({ params, context }) => one(params, -1, context),
  }),
  defineRoute({
    method: 'get',
    path: `${task}/listMapped`,
    id: 'get_mapped_task_instances',
    tag: 'Task Instance',
    summary: 'The instances of a mapped task, by page; none before it is expanded. A task that is not mapped has none to list: 404',
    params: ofTask,
    query: instances,
    response: taskInstanceCollection,
    errors: [400, 404],
    handle: async ({ params, query, context }) => {
      const { dag_id: dagId, dag_run_id: runId, task_id: taskId } = params;
      await holdToMapped(params, context);
      return page({ ...filterOf(query), dagId, runId, taskId, mapped: true }, query, context);
    },
  }),
];

/** Its path is also that of other things of a task (`…/links`): it comes after all of these. */
export const mappedInstanceRoute = defineRoute({
  method: 'get',
  path: `${task}/{map_index}`,
  id: 'get_mapped_task_instance',
  tag: 'Task Instance',
  summary: 'One instance of a mapped task; -1 is the task instance that is not mapped',
  params: ofTask.extend({ map_index: mapIndex }),
  response: taskInstanceSchema,
  errors: [404],
  handle: ({ params, context }) => one(params, params.map_index, context),
});

function filterOf(query: z.output<typeof instances>): TaskInstanceFilter {
  return {
    mapIndexes: query.map_index,
    poolPattern: query.pool_name_pattern,
    queuePattern: query.queue_name_pattern,
    operatorPattern: query.operator_name_pattern,
    states: oneOf('state', query.state, filterStates)?.map((state) => (state === 'no_status' ? 'none' : state)),
    pools: query.pool,
    queues: query.queue,
    executors: query.executor,
    operators: query.operator,
    versions: query.version_number,
    tryNumbers: query.try_number,
    runAfter: rangeOf<Date>(query, 'run_after'),
    logicalDate: rangeOf<Date>(query, 'logical_date'),
    startDate: rangeOf<Date>(query, 'start_date'),
    endDate: rangeOf<Date>(query, 'end_date'),
    updatedAt: rangeOf<Date>(query, 'updated_at'),
    duration: rangeOf<number>(query, 'duration'),
  };
}

/** @throws 404 */
async function holdToMapped(params: z.output<typeof ofTask>, context: ApiContext): Promise<void> {
  const { dag_id: dagId, dag_run_id: runId, task_id: taskId } = params;
  const { pool } = context.database;
  const plain = await getTaskInstance(pool, dagId, runId, taskId);
  if (!plain) {
    if (await hasTask(pool, dagId, runId, taskId)) return;
    throw await noSuchInstance(params, -1, context);
  }
  const dag = plain.version_id === null ? null : await readCompiledDag(pool, plain.version_id);
  if (dag?.tasks.get(taskId)?.expand === null) throw new ApiError(404, `Task "${taskId}" is not mapped`);
}

export async function page(
  filter: TaskInstanceFilter,
  query: { readonly limit: number; readonly offset: number; readonly order_by: readonly string[] },
  { database }: ApiContext,
): Promise<z.input<typeof taskInstanceCollection>> {
  const { taskInstances, total } = await listTaskInstances(database.pool, filter, readOrder(query.order_by, taskInstanceOrder), query);
  return { task_instances: taskInstances.map(taskInstanceResponse), total_entries: total };
}

async function one(params: z.output<typeof ofTask>, mapIndex: number, context: ApiContext): Promise<z.input<typeof taskInstanceSchema>> {
  return taskInstanceResponse(await findTaskInstance(params, mapIndex, context));
}

export async function findTaskInstance(params: z.output<typeof ofTask>, mapIndex: number, context: ApiContext): Promise<TaskInstanceRow> {
  const { dag_id: dagId, dag_run_id: runId, task_id: taskId } = params;
  const found = await getTaskInstance(context.database.pool, dagId, runId, taskId, mapIndex);
  if (!found) throw await noSuchInstance(params, mapIndex, context);
  return found;
}

/** Of a mapped task without an index it says so. */
export async function noSuchInstance(
  { dag_id: dagId, dag_run_id: runId, task_id: taskId }: z.output<typeof ofTask>,
  mapIndex: number,
  { database }: ApiContext,
): Promise<ApiError> {
  if (mapIndex < 0 && (await hasTask(database.pool, dagId, runId, taskId)))
    return new ApiError(404, `Task "${taskId}" is mapped: say which of its instances, by map index, or list them with listMapped`);
  return notFound(`The task instance of run "${runId}" of DAG "${dagId}"`, mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`);
}

/** `~` is everything; a DAG or run that is named must be there. */
export async function scope(
  params: { dag_id: string; dag_run_id: string },
  { database }: ApiContext,
): Promise<{ dagId?: string; runId?: string }> {
  const dagId = params.dag_id === '~' ? undefined : params.dag_id;
  const runId = params.dag_run_id === '~' ? undefined : params.dag_run_id;
  if (dagId !== undefined) {
    if (!(await dagExists(database.pool, dagId))) throw notFound('The DAG', dagId);
    if (runId !== undefined && !(await getRun(database.pool, dagId, runId))) throw notFound(`The run of DAG "${dagId}"`, runId);
  }
  return { dagId, runId };
}
