import { z } from 'zod';
import { jobOrder, listJobs, type JobRow } from '../../../src/read-model/rest/jobs';
import { rangeOf } from '../../../src/read-model/rest/sql';
import { dateRange, nullableDate, orderBy, paging, readOrder } from '../fields';
import { defineRoute } from '../route';

const text = z.string().nullable();

export const jobSchema = z.object({
  id: z.int(),
  dag_id: text,
  state: text,
  job_type: text,
  start_date: nullableDate,
  end_date: nullableDate,
  latest_heartbeat: nullableDate,
  executor_class: text,
  hostname: text,
  unixname: text,
  dag_display_name: text,
});

export const jobRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/jobs',
    id: 'get_jobs',
    tag: 'Job',
    summary: 'The processes that are or were part of this installation, by page',
    query: z.object({
      ...paging,
      order_by: orderBy(jobOrder, 'id'),
      is_alive: z.boolean().optional(),
      ...dateRange('start_date'),
      ...dateRange('end_date'),
      job_state: z.string().optional().describe('running, success or failed'),
      job_type: z.string().optional().describe('SchedulerJob, TriggererJob, DagProcessorJob, WebserverJob or WorkerJob'),
      hostname: z.string().optional(),
      executor_class: z.string().optional().describe('Nothing has one: executors belong to tasks'),
    }),
    response: z.object({
      jobs: z.array(jobSchema),
      total_entries: z.int(),
    }),
    errors: [400],
    handle: async ({ query, context: { database } }) => {
      const filter = {
        isAlive: query.is_alive,
        state: query.job_state,
        type: query.job_type,
        host: query.hostname,
        nothing: query.executor_class !== undefined,
        startDate: rangeOf<Date>(query, 'start_date'),
        endDate: rangeOf<Date>(query, 'end_date'),
      };
      const { jobs, total } = await listJobs(database.pool, filter, readOrder(query.order_by, jobOrder), query);
      return {
        jobs: jobs.map(jobResponse),
        total_entries: total,
      };
    },
  }),
];

export function jobResponse(job: JobRow): z.input<typeof jobSchema> {
  return {
    id: job.id,
    dag_id: null,
    state: job.state,
    job_type: job.job_type,
    start_date: job.started_at,
    end_date: job.ended_at,
    latest_heartbeat: job.renewed_at,
    executor_class: null,
    hostname: job.host,
    unixname: null,
    dag_display_name: null,
  };
}
