import { z } from 'zod';
import { isFinished, type TaskState } from '../../../src/core/states';
import { listTries, type TaskInstanceRow, type TryRow } from '../../../src/read-model/rest/task-instances';
import { notFound } from '../api-error';
import { mapIndex, seconds } from '../fields';
import { defineRoute, type ApiContext, type Route } from '../route';
import { versionResponse } from './dag-version';
import { taskInstanceResponse, taskInstanceSchema } from './task-instance-response';
import { findTaskInstance } from './task-instances';

const trySchema = taskInstanceSchema.pick({
  task_id: true,
  dag_id: true,
  dag_run_id: true,
  map_index: true,
  start_date: true,
  end_date: true,
  duration: true,
  state: true,
  try_number: true,
  max_tries: true,
  task_display_name: true,
  dag_display_name: true,
  hostname: true,
  unixname: true,
  pool: true,
  pool_slots: true,
  queue: true,
  priority_weight: true,
  operator: true,
  operator_name: true,
  queued_when: true,
  scheduled_when: true,
  pid: true,
  executor: true,
  executor_config: true,
  dag_version: true,
});
const tries = z.object({ task_instances: z.array(trySchema), total_entries: z.int() });

const ofTask = z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() });
const ofInstance = ofTask.extend({ map_index: mapIndex });
const tryNumber = z.int().min(0).max(2147483647);
const inQuery = z.object({ map_index: mapIndex.default(-1) });
const task = '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}';
const tag = 'Task Instance';

export const taskInstanceTryRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: `${task}/tries`,
    id: 'get_task_instance_tries',
    tag,
    summary: 'The tries of a task instance, the first one first. One that never had a try is told as it is',
    params: ofTask,
    query: inQuery,
    response: tries,
    errors: [404],
    handle: ({ params, query, context }) => all(params, query.map_index, context),
  }),
  defineRoute({
    method: 'get',
    path: `${task}/tries/{task_try_number}`,
    id: 'get_task_instance_try_details',
    tag,
    summary: 'One try of a task instance',
    params: ofTask.extend({ task_try_number: tryNumber }),
    query: inQuery,
    response: trySchema,
    errors: [404],
    handle: ({ params, query, context }) => one(params, query.map_index, params.task_try_number, context),
  }),
  defineRoute({
    method: 'get',
    path: `${task}/{map_index}/tries`,
    id: 'get_mapped_task_instance_tries',
    tag,
    summary: 'The tries of an instance of a mapped task',
    params: ofInstance,
    response: tries,
    errors: [404],
    handle: ({ params, context }) => all(params, params.map_index, context),
  }),
  defineRoute({
    method: 'get',
    path: `${task}/{map_index}/tries/{task_try_number}`,
    id: 'get_mapped_task_instance_try_details',
    tag,
    summary: 'One try of an instance of a mapped task',
    params: ofInstance.extend({ task_try_number: tryNumber }),
    response: trySchema,
    errors: [404],
    handle: ({ params, context }) => one(params, params.map_index, params.task_try_number, context),
  }),
];

async function all(params: z.output<typeof ofTask>, mapIndex: number, context: ApiContext): Promise<z.input<typeof tries>> {
  const row = await findTaskInstance(params, mapIndex, context);
  const found = await listTries(context.database.pool, row.pk);
  const instance = toTry(taskInstanceResponse(row));
  const entries = found.length === 0 ? [instance] : found.map((made) => tryResponse(row, instance, made));
  return { task_instances: entries, total_entries: entries.length };
}

async function one(params: z.output<typeof ofTask>, mapIndex: number, tryNumber: number, context: ApiContext): Promise<TryResponse> {
  const { task_instances: entries } = await all(params, mapIndex, context);
  const found = entries.find((entry) => entry.try_number === tryNumber);
  if (!found) throw notFound(`The try of task "${params.task_id}" in run "${params.dag_run_id}"`, tryNumber);
  return found;
}

type TryResponse = z.input<typeof trySchema>;
const fields = Object.keys(trySchema.shape) as (keyof TryResponse)[];

const toTry = (instance: z.input<typeof taskInstanceSchema>) =>
  Object.fromEntries(fields.map((field) => [field, instance[field]])) as unknown as TryResponse;

function tryResponse(row: TaskInstanceRow, instance: TryResponse, made: TryRow): TryResponse {
  return {
    ...instance,
    try_number: made.try_number,
    state: stateOf(row, made),
    start_date: made.started_at,
    end_date: made.ended_at,
    duration: seconds(made.started_at, made.ended_at),
    hostname: made.host,
    pid: made.pid,
    pool: made.pool,
    pool_slots: made.slots,
    queued_when: made.claimed_at,
    scheduled_when: made.try_number === row.try_number ? instance.scheduled_when : null,
    dag_version: versionResponse(row.dag_id, made),
  };
}

const betweenPieces: ReadonlySet<TaskState> = new Set<TaskState>(['deferred', 'up_for_reschedule', 'scheduled']);

/** A try that goes on (also: deferred, waiting for its next look) has the state of its task instance; one that another followed, or will, failed. */
function stateOf(
  { try_number: latest, state }: TaskInstanceRow,
  { try_number: number, ended_at: ended, end_state: end }: TryRow,
): TaskState {
  const isBetween = (end === 'deferred' || end === 'up_for_reschedule') && betweenPieces.has(state);
  if (number === latest && (ended === null || isBetween)) return state;
  return isFinished(end) ? end : 'failed';
}
