import { z } from 'zod';
import { hideSensitive } from '../../../src/core/sensitive';
import { TASK_STATES, type TaskState } from '../../../src/core/states';
import type { TaskInstanceRow } from '../../../src/read-model/rest/task-instances';
import { date, jsonObject, nullableDate, seconds } from '../fields';
import { versionResponse, versionSchema } from './dag-version';
import { jobResponse, jobSchema } from './jobs';

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
  trigger: z
    .object({
      id: z.int(),
      classpath: z.string().describe('The Trigger class, or the kind of what thence looks at by itself: time, http, file …'),
      kwargs: z.string(),
      created_date: date,
      queue: z.string().nullable(),
      triggerer_id: z.int().nullable(),
    })
    .nullable()
    .describe('What a deferred one waits for'),
  triggerer_job: jobSchema.nullable(),
  dag_version: versionSchema.nullable(),
});

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
    rendered_map_index: row.map_label ?? (row.map_index < 0 ? null : String(row.map_index)),
    rendered_fields: row.rendered ?? {},
    trigger: row.wait && {
      id: row.pk,
      classpath: row.wait.trigger ?? row.wait.kind,
      kwargs: JSON.stringify(hideSensitive(row.wait.args)),
      created_date: row.wait.created_at,
      queue: null,
      triggerer_id: row.wait.triggerer?.id ?? null,
    },
    triggerer_job: row.wait?.triggerer ? jobResponse(row.wait.triggerer) : null,
    dag_version: versionResponse(row.dag_id, row),
  };
}

/** Clients expect a UUID: the row's number in the shape of one (version 8, which is for private schemes). */
const uuidOf = (pk: number) => `00000000-0000-8000-8000-${pk.toString(16).padStart(12, '0')}`;

const waiting: ReadonlySet<TaskState> = new Set<TaskState>([null, 'scheduled', 'up_for_retry', 'up_for_reschedule']);

/** Retries that are allowed in all: its own, and one for every try that used none up (a lost one, one before a clear). */
export function maxTries({ state, try_number: tries, retries_used: used, spec }: TaskInstanceRow): number {
  const free = tries - used - (waiting.has(state) ? 0 : 1);
  return (spec?.retries ?? 0) + Math.max(0, free);
}
