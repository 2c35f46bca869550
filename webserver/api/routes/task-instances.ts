import { z } from 'zod';
import { TASK_STATES, type TaskState } from '../../../src/core/states';
import { dagExists } from '../../../src/read-model/rest/dags';
import { getRun } from '../../../src/read-model/rest/runs';
import { rangeOf } from '../../../src/read-model/rest/sql';
import { getTaskInstance, listTaskInstances, taskInstanceOrder, type TaskInstanceRow } from '../../../src/read-model/rest/task-instances';
import { notFound } from '../api-error';
import {
  date,
  dateRange,
  integers,
  jsonObject,
  nullableDate,
  numberRange,
  oneOf,
  orderBy,
  paging,
  pattern,
  readOrder,
  seconds,
  texts,
} from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { versionResponse, versionSchema } from './dag-version';

export const taskInstanceSchema = z.object({
  id: z.string(),
  task_id: z.string(),
  task_display_name: z.string(),
  dag_id: z.string(),
  dag_display_name: z.string(),
  dag_run_id: z.string(),
  map_index: z.int(),
  logical_date: nullableDate,
  run_after: date,
  start_date: nullableDate,
  end_date: nullableDate,
  duration: z.number().nullable(),
  state: z.enum(TASK_STATES).nullable(),
  try_number: z.int(),
  max_tries: z.int(),
  hostname: z.string().nullable(),
  unixname: z.string().nullable(),
  pool: z.string(),
  pool_slots: z.int(),
  queue: z.string().nullable(),
  priority_weight: z.int().nullable(),
  operator: z.string().nullable(),
  operator_name: z.string().nullable(),
  queued_when: nullableDate,
  scheduled_when: nullableDate,
  pid: z.int().nullable(),
  executor: z.string().nullable(),
  executor_config: z.string(),
  note: z.string().nullable(),
  rendered_map_index: z.string().nullable(),
  rendered_fields: jsonObject,
  trigger: z.null(),
  triggerer_job: z.null(),
  dag_version: versionSchema.nullable(),
});

const filterStates = [...TASK_STATES, 'none', 'no_status'];

export const taskInstanceRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances',
    id: 'get_task_instances',
    tag: 'Task Instance',
    summary: 'The task instances of a run, by page; `~` stands for all DAGs, and for all runs',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string() }),
    query: z.object({
      ...paging,
      task_id: z.string().optional(),
      ...dateRange('run_after'),
      ...dateRange('logical_date'),
      ...dateRange('start_date'),
      ...dateRange('end_date'),
      ...dateRange('updated_at'),
      ...numberRange('duration'),
      task_display_name_pattern: pattern,
      task_group_id: z.string().optional(),
      dag_id_pattern: pattern,
      run_id_pattern: pattern,
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
    }),
    response: z.object({ task_instances: z.array(taskInstanceSchema), total_entries: z.int() }),
    errors: [400, 404],
    handle: async ({ params, query, context }) => {
      const { dagId, runId } = await scope(params, context);
      const filter = {
        dagId,
        runId,
        taskId: query.task_id,
        mapIndexes: query.map_index,
        taskIdPattern: query.task_display_name_pattern,
        dagIdPattern: query.dag_id_pattern,
        runIdPattern: query.run_id_pattern,
        poolPattern: query.pool_name_pattern,
        queuePattern: query.queue_name_pattern,
        operatorPattern: query.operator_name_pattern,
        group: query.task_group_id,
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
      const { taskInstances, total } = await listTaskInstances(
        context.database.pool,
        filter,
        readOrder(query.order_by, taskInstanceOrder),
        query,
      );
      return { task_instances: taskInstances.map(taskInstanceResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}',
    id: 'get_task_instance',
    tag: 'Task Instance',
    summary: 'One task instance',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() }),
    response: taskInstanceSchema,
    errors: [404],
    handle: async ({ params, context: { database } }) => {
      const found = await getTaskInstance(database.pool, params.dag_id, params.dag_run_id, params.task_id);
      if (!found) throw notFound(`The task instance of run "${params.dag_run_id}" of DAG "${params.dag_id}"`, params.task_id);
      return taskInstanceResponse(found);
    },
  }),
];

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

export function taskInstanceResponse(row: TaskInstanceRow): z.input<typeof taskInstanceSchema> {
  return {
    id: uuidOf(row.pk),
    task_id: row.task_id,
    task_display_name: row.task_id,
    dag_id: row.dag_id,
    dag_display_name: row.dag_id,
    dag_run_id: row.run_id,
    map_index: row.map_index,
    logical_date: row.logical_date,
    run_after: row.run_after,
    start_date: row.start_date,
    end_date: row.end_date,
    duration: seconds(row.start_date, row.end_date),
    state: row.state,
    try_number: row.try_number,
    max_tries: maxTries(row),
    hostname: row.host,
    unixname: null,
    pool: row.pool,
    pool_slots: row.pool_slots,
    queue: row.spec?.queue ?? null,
    priority_weight: row.priority,
    operator: row.spec?.operator ?? null,
    operator_name: row.spec?.operator ?? null,
    queued_when: row.claimed_at,
    scheduled_when: row.scheduled_at,
    pid: row.pid,
    executor: row.spec?.executor ?? null,
    executor_config: '{}',
    note: row.note,
    rendered_map_index: null,
    rendered_fields: row.rendered ?? {},
    trigger: null,
    triggerer_job: null,
    dag_version: versionResponse(row.dag_id, row),
  };
}

/** Clients expect a UUID: the row's number in the shape of one (version 8, which is for private schemes). */
const uuidOf = (pk: number) => `00000000-0000-8000-8000-${pk.toString(16).padStart(12, '0')}`;

const waiting: ReadonlySet<TaskState> = new Set<TaskState>([null, 'scheduled', 'up_for_retry', 'up_for_reschedule']);

/** Retries that are allowed in all: its own, and one for every try that used none up (a lost one, one before a clear). */
function maxTries({ state, try_number: tries, retries_used: used, spec }: TaskInstanceRow): number {
  const free = tries - used - (waiting.has(state) ? 0 : 1);
  return (spec?.retries ?? 0) + Math.max(0, free);
}
