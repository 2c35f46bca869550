import { z } from 'zod';
import { getTriggeredRun } from '../../../src/read-model/rest/triggered-run';
import { mapIndex } from '../fields';
import { defineRoute } from '../route';
import { findTaskInstance } from './task-instances';

/** Name of the link from a task to the run that it triggered. */
export const TRIGGERED_RUN = 'Triggered DAG';

export const taskInstanceLinkRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links',
    id: 'get_extra_links',
    tag: 'Task Instance',
    summary: 'Where a task instance leads to: the page of the run that it triggered. Without THENCE_BASE_URL from the root of this server',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() }),
    query: z.object({ map_index: mapIndex.default(-1) }),
    response: z.object({ extra_links: z.record(z.string(), z.string().nullable()), total_entries: z.int() }),
    errors: [404],
    handle: async ({ params, query, context }) => {
      const { pk } = await findTaskInstance(params, query.map_index, context);
      const run = await getTriggeredRun(context.database.pool, pk);
      const base = context.config.baseUrl?.replace(/\/+$/, '') ?? '';
      const links: Record<string, string> = run
        ? { [TRIGGERED_RUN]: `${base}/dags/${encodeURIComponent(run.dag_id)}/runs/${encodeURIComponent(run.run_id)}` }
        : {};
      return { extra_links: links, total_entries: Object.keys(links).length };
    },
  }),
];
