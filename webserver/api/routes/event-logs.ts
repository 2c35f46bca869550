import { z } from 'zod';
import { eventLogOrder, getEventLog, listEventLogs, type EventLogRow } from '../../../src/read-model/rest/event-logs';
import { notFound } from '../api-error';
import { date, dateParam, nullableDate, orderBy, paging, pattern, readOrder, texts } from '../fields';
import { defineRoute } from '../route';

const text = z.string().nullable();
const eventLogSchema = z.object({
  event_log_id: z.int(),
  when: date,
  dag_id: text,
  task_id: text,
  run_id: text,
  map_index: z.int().nullable(),
  try_number: z.int().nullable(),
  event: z.string(),
  logical_date: nullableDate,
  owner: text,
  extra: text,
  dag_display_name: text,
  task_display_name: text,
});

export const eventLogRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/eventLogs',
    id: 'get_event_logs',
    tag: 'Event Log',
    summary: 'The audit log, by page: who did what, when',
    query: z.object({
      ...paging,
      order_by: orderBy(eventLogOrder, 'id'),
      dag_id: z.string().optional(),
      task_id: z.string().optional(),
      run_id: z.string().optional(),
      map_index: z.int().min(-2147483648).max(2147483647).optional(),
      try_number: z.int().optional().describe('No entry has one: an act is on a task instance, not on a try of it'),
      owner: z.string().optional(),
      event: z.string().optional(),
      excluded_events: texts,
      included_events: texts,
      before: dateParam.optional(),
      after: dateParam.optional(),
      dag_id_pattern: pattern,
      task_id_pattern: pattern,
      run_id_pattern: pattern,
      owner_pattern: pattern,
      event_pattern: pattern,
    }),
    response: z.object({ event_logs: z.array(eventLogSchema), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, context: { database } }) => {
      const filter = {
        dagId: query.dag_id,
        taskId: query.task_id,
        runId: query.run_id,
        mapIndex: query.map_index,
        nothing: query.try_number !== undefined,
        actor: query.owner,
        action: query.event,
        excluded: query.excluded_events,
        included: query.included_events,
        before: query.before,
        after: query.after,
        dagIdPattern: query.dag_id_pattern,
        taskIdPattern: query.task_id_pattern,
        runIdPattern: query.run_id_pattern,
        actorPattern: query.owner_pattern,
        actionPattern: query.event_pattern,
      };
      const { eventLogs, total } = await listEventLogs(database.pool, filter, readOrder(query.order_by, eventLogOrder), query);
      return { event_logs: eventLogs.map(eventLogResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/eventLogs/{event_log_id}',
    id: 'get_event_log',
    tag: 'Event Log',
    summary: 'One entry of the audit log',
    params: z.object({ event_log_id: z.int() }),
    response: eventLogSchema,
    errors: [404],
    handle: async ({ params, context: { database } }) => {
      const found = await getEventLog(database.pool, params.event_log_id);
      if (!found) throw notFound('The event log', params.event_log_id);
      return eventLogResponse(found);
    },
  }),
];

/** A command acts on a task instance and on none of its tries. */
function eventLogResponse(row: EventLogRow): z.input<typeof eventLogSchema> {
  return {
    event_log_id: row.id,
    when: row.at,
    dag_id: row.dag_id,
    task_id: row.task_id,
    run_id: row.run_id,
    map_index: row.map_index,
    try_number: null,
    event: row.action,
    logical_date: row.logical_date,
    owner: row.actor,
    extra: Object.keys(row.details).length === 0 ? null : JSON.stringify(row.details),
    dag_display_name: row.dag_id,
    task_display_name: row.task_id,
  };
}
