import { z } from 'zod';
import type { DagSpec, TaskSpec } from '../../../src/dag-spec/spec';
import { dagExists, getCurrentVersion, type CurrentVersionRow } from '../../../src/read-model/rest/dags';
import { ApiError, notFound } from '../api-error';
import { jsonObject, nullableDate } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { TRIGGERED_RUN } from './task-instance-links';

const timeDelta = z.object({ __type: z.literal('TimeDelta'), days: z.int(), seconds: z.int(), microseconds: z.int() }).nullable();

const taskSchema = z.object({
  task_id: z.string(),
  task_display_name: z.string(),
  owner: z.string().nullable(),
  start_date: nullableDate,
  end_date: nullableDate,
  trigger_rule: z.string(),
  depends_on_past: z.boolean(),
  wait_for_downstream: z.boolean(),
  retries: z.number(),
  queue: z.string(),
  pool: z.string(),
  pool_slots: z.number(),
  execution_timeout: timeDelta,
  retry_delay: timeDelta,
  retry_exponential_backoff: z.number(),
  priority_weight: z.number(),
  weight_rule: z.string(),
  ui_color: z.string(),
  ui_fgcolor: z.string(),
  template_fields: z.array(z.string()),
  downstream_task_ids: z.array(z.string()),
  doc_md: z.string().nullable(),
  operator_name: z.string(),
  params: jsonObject.nullable(),
  class_ref: jsonObject.nullable(),
  is_mapped: z.boolean(),
  extra_links: z.array(z.string()),
});
type TaskResponse = z.input<typeof taskSchema>;

const sortable = Object.keys(taskSchema.shape) as (keyof TaskResponse)[];

export const taskRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/tasks',
    id: 'get_tasks',
    tag: 'Task',
    summary: "The tasks of a DAG's newest version",
    params: z.object({ dag_id: z.string() }),
    query: z.object({ order_by: z.string().default('task_id').describe('Any field of a task; a leading `-` is descending') }),
    response: z.object({ tasks: z.array(taskSchema), total_entries: z.int() }),
    errors: [400, 404],
    handle: async ({ params, query, context }) => {
      const field = query.order_by.replace(/^-/, '') as keyof TaskResponse;
      if (!sortable.includes(field)) throw new ApiError(400, `tasks have no field ${JSON.stringify(field)} to order by`);
      const direction = query.order_by.startsWith('-') ? -1 : 1;
      const version = await currentVersion(params.dag_id, context);
      const tasks = (version?.spec.tasks ?? [])
        .map((task) => taskResponse(task, version!))
        .sort((a, b) => direction * compare(a[field], b[field]));
      return { tasks, total_entries: tasks.length };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/tasks/{task_id}',
    id: 'get_task',
    tag: 'Task',
    summary: "One task of a DAG's newest version",
    params: z.object({ dag_id: z.string(), task_id: z.string() }),
    response: taskSchema,
    errors: [404],
    handle: async ({ params, context }) => {
      const version = await currentVersion(params.dag_id, context);
      const task = version?.spec.tasks.find(({ id }) => id === params.task_id);
      if (!task) throw notFound(`The task of DAG "${params.dag_id}"`, params.task_id);
      return taskResponse(task, version!);
    },
  }),
];

async function currentVersion(dagId: string, { database }: ApiContext): Promise<CurrentVersionRow | null> {
  const version = await getCurrentVersion(database.pool, dagId);
  if (!version && !(await dagExists(database.pool, dagId))) throw notFound('The DAG', dagId);
  return version;
}

function taskResponse(task: TaskSpec, { spec: dag }: CurrentVersionRow): TaskResponse {
  return {
    task_id: task.id,
    task_display_name: task.id,
    owner: task.owner ?? dag.owner,
    start_date: dag.startDate ? new Date(dag.startDate) : null,
    end_date: dag.endDate ? new Date(dag.endDate) : null,
    trigger_rule: task.triggerRule,
    depends_on_past: task.dependsOnPast ?? task.waitForDownstream ?? false,
    wait_for_downstream: task.waitForDownstream ?? false,
    retries: task.retries,
    queue: task.queue,
    pool: task.pool,
    pool_slots: task.poolSlots,
    execution_timeout: toTimeDelta(task.executionTimeoutMs),
    retry_delay: toTimeDelta(task.retryDelaysMs[0] ?? null),
    retry_exponential_backoff: task.retryExponentialBackoff ? 2 : 0,
    priority_weight: task.priorityWeight,
    weight_rule: task.weightRule,
    ui_color: '#fff',
    ui_fgcolor: '#000',
    template_fields: [...task.templateFields],
    downstream_task_ids: dag.edges.filter((edge) => edge.from === task.id).map((edge) => edge.to),
    doc_md: task.doc,
    operator_name: task.operator,
    params: {},
    class_ref: { module_path: 'thence', class_name: task.operator },
    is_mapped: isMapped(task, dag),
    extra_links: task.operator === 'TriggerDagRunOperator' ? [TRIGGERED_RUN] : [],
  };
}

/** By itself, or by a group around it. */
function isMapped(task: TaskSpec, { groups }: DagSpec): boolean {
  if (task.expand) return true;
  for (let id = task.group; id !== null;) {
    const group = groups.find((candidate) => candidate.id === id);
    if (group?.expand) return true;
    id = group?.parent ?? null;
  }
  return false;
}

function toTimeDelta(ms: number | null): z.input<typeof timeDelta> {
  if (ms === null) return null;
  const days = Math.floor(ms / 86_400_000);
  const seconds = Math.floor((ms - days * 86_400_000) / 1000);
  return { __type: 'TimeDelta', days, seconds, microseconds: Math.round((ms % 1000) * 1000) };
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
