import { z } from 'zod';
import { RUN_STATES } from '../../../src/core/states';
import { getDagStats } from '../../../src/read-model/rest/dag-stats';
import { texts } from '../fields';
import { defineRoute } from '../route';

export const dagStatsRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dagStats',
    id: 'get_dag_stats',
    tag: 'DagStats',
    summary: 'How many runs of each DAG are in each state',
    query: z.object({ dag_ids: texts }),
    response: z.object({
      dags: z.array(
        z.object({
          dag_id: z.string(),
          dag_display_name: z.string(),
          stats: z.array(z.object({ state: z.enum(RUN_STATES), count: z.int() })),
        }),
      ),
      total_entries: z.int(),
    }),
    handle: async ({ query, context: { database } }) => {
      const stats = await getDagStats(database.pool, query.dag_ids);
      return {
        dags: stats.map(({ dagId, counts }) => ({ dag_id: dagId, dag_display_name: dagId, stats: [...counts] })),
        total_entries: stats.length,
      };
    },
  }),
];
