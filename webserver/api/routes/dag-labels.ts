import { z } from 'zod';
import { listTags, listWarnings, tagOrder, warningOrder } from '../../../src/read-model/rest/dag-labels';
import { date, orderBy, paging, pattern, readOrder } from '../fields';
import { defineRoute } from '../route';

const warningType = z.enum(['asset conflict', 'non-existent pool', 'runtime varying value']);

export const dagLabelRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dagTags',
    id: 'get_dag_tags',
    tag: 'DAG',
    summary: 'The tags that DAGs have, by page',
    query: z.object({ ...paging, order_by: orderBy(tagOrder, 'name'), tag_name_pattern: pattern }),
    response: z.object({ tags: z.array(z.string()), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, context: { database } }) => {
      const order = readOrder(query.order_by, tagOrder);
      const { tags, total } = await listTags(database.pool, { pattern: query.tag_name_pattern }, order, query);
      return { tags, total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/dagWarnings',
    id: 'list_dag_warnings',
    tag: 'DagWarning',
    summary: 'What the DAG processor warns of in DAGs that it could load, by page',
    query: z.object({
      ...paging,
      dag_id: z.string().optional(),
      warning_type: warningType.optional().describe('A pool that does not exist, or `runtime varying value`: everything else'),
      order_by: orderBy(warningOrder, 'dag_id'),
    }),
    response: z.object({
      dag_warnings: z.array(
        z.object({ dag_id: z.string(), dag_display_name: z.string(), warning_type: warningType, message: z.string(), timestamp: date }),
      ),
      total_entries: z.int(),
    }),
    errors: [400],
    handle: async ({ query, context: { database } }) => {
      const filter = { dagId: query.dag_id, type: query.warning_type };
      const { warnings, total } = await listWarnings(database.pool, filter, readOrder(query.order_by, warningOrder), query);
      return {
        dag_warnings: warnings.map(({ dag_id, message, warning_type, at }) => ({
          dag_id,
          dag_display_name: dag_id,
          warning_type: warningType.parse(warning_type),
          message,
          timestamp: at,
        })),
        total_entries: total,
      };
    },
  }),
];
