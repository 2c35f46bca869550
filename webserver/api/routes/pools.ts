import { z } from 'zod';
import { getPool, listPools, poolOrder, type PoolRow } from '../../../src/read-model/rest/pools';
import { notFound } from '../api-error';
import { orderBy, paging, pattern, readOrder } from '../fields';
import { defineRoute } from '../route';

const poolSchema = z.object({
  name: z.string(),
  slots: z.int().describe('-1: without limit'),
  description: z.string().nullable(),
  include_deferred: z.boolean(),
  occupied_slots: z.int(),
  running_slots: z.int(),
  queued_slots: z.int(),
  scheduled_slots: z.int(),
  open_slots: z.int().describe('-1: without limit'),
  deferred_slots: z.int(),
  team_name: z.string().nullable(),
});

export const poolRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/pools',
    id: 'get_pools',
    tag: 'Pool',
    summary: 'The pools, by page, with how full they are',
    query: z.object({ ...paging, order_by: orderBy(poolOrder, 'id'), pool_name_pattern: pattern }),
    response: z.object({ pools: z.array(poolSchema), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, context: { database } }) => {
      const { pools, total } = await listPools(
        database.pool,
        { namePattern: query.pool_name_pattern },
        readOrder(query.order_by, poolOrder),
        query,
      );
      return { pools: pools.map(poolResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/pools/{pool_name}',
    id: 'get_pool',
    tag: 'Pool',
    summary: 'One pool',
    params: z.object({ pool_name: z.string() }),
    response: poolSchema,
    errors: [404],
    handle: async ({ params, context: { database } }) => {
      const found = await getPool(database.pool, params.pool_name);
      if (!found) throw notFound('The pool', params.pool_name);
      return poolResponse(found);
    },
  }),
];

function poolResponse(pool: PoolRow): z.input<typeof poolSchema> {
  return {
    name: pool.name,
    slots: pool.slots,
    description: pool.description,
    include_deferred: pool.include_deferred,
    occupied_slots: pool.running,
    running_slots: pool.running,
    queued_slots: pool.queued,
    scheduled_slots: pool.scheduled,
    open_slots: pool.slots < 0 ? -1 : Math.max(0, pool.slots - pool.running),
    deferred_slots: 0,
    team_name: null,
  };
}
