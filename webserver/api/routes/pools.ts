import { z } from 'zod';
import { getPool, listPools, poolOrder, type PoolRow } from '../../../src/read-model/rest/pools';
import type { PoolInput } from '../../../src/commands/commands';
import { ApiError, notFound } from '../api-error';
import { bulkBody, bulkResponse, runBulk } from '../bulk';
import { noTeam, nothing, orderBy, paging, pattern, readOrder, texts } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { maskedFields } from '../update-mask';

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

const slots = z.int().min(-1).max(1_000_000_000).describe('-1: without limit');
const poolBody = z.strictObject({
  name: z.string().max(256),
  slots,
  description: z.string().nullish(),
  include_deferred: z.boolean().default(false),
  team_name: noTeam,
});
type PoolBody = z.output<typeof poolBody>;
const poolPatchBody = z.strictObject({
  pool: z.string().nullish().describe('The name, which cannot be changed'),
  slots: slots.nullish(),
  description: z.string().nullish(),
  include_deferred: z.boolean().nullish(),
  team_name: noTeam,
});

const one = z.object({ pool_name: z.string() });

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
    params: one,
    response: poolSchema,
    errors: [404],
    handle: async ({ params, context }) => find(params.pool_name, context),
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/pools',
    id: 'post_pool',
    tag: 'Pool',
    summary: 'A new pool',
    body: poolBody,
    status: 201,
    response: poolSchema,
    errors: [409],
    handle: async ({ body, actor, context }) => {
      await context.commands.storePools([inputOf(body)], { ifExists: 'fail' }, actor);
      return find(body.name, context);
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/pools',
    id: 'bulk_pools',
    tag: 'Pool',
    summary: 'Creates, changes and deletes many pools',
    body: bulkBody(poolBody),
    response: bulkResponse,
    handle: async ({ body, actor, context: { commands } }) =>
      runBulk<PoolBody>(body, {
        nameOf: ({ name }) => name,
        create: (entities, ifExists) => commands.storePools(entities.map(inputOf), { ifExists }, actor),
        update: (entities, mask, ifMissing) =>
          commands.storePools(
            entities.map((pool) => inputOf({ ...maskedFields(pool, mask, Object.keys(poolBody.shape)), name: pool.name })),
            { ifMissing },
            actor,
          ),
        delete: (names, ifMissing) => commands.deletePools(names, { ifMissing }, actor),
      }),
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/pools/{pool_name}',
    id: 'patch_pool',
    tag: 'Pool',
    summary: 'Changes a pool',
    params: one,
    query: z.object({ update_mask: texts }),
    body: poolPatchBody,
    response: poolSchema,
    errors: [400, 404],
    handle: async ({ params: { pool_name: name }, query, body, actor, context }) => {
      const change = maskedFields(body, query.update_mask, Object.keys(poolPatchBody.shape));
      if ((change.pool ?? name) !== name) throw new ApiError(400, 'a pool cannot be renamed: tasks name it in their code');
      const { slots: wanted, include_deferred: includeDeferred, description } = change;
      const pool = { name, slots: wanted ?? undefined, includeDeferred: includeDeferred ?? undefined, description };
      await context.commands.storePools([pool], { ifMissing: 'fail' }, actor);
      return find(name, context);
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v2/pools/{pool_name}',
    id: 'delete_pool',
    tag: 'Pool',
    summary: 'Deletes a pool',
    params: one,
    status: 204,
    response: nothing,
    errors: [400, 404],
    handle: async ({ params, actor, context: { commands } }) => {
      if (params.pool_name === 'default_pool') throw new ApiError(400, 'the pool "default_pool" cannot be deleted');
      await commands.deletePools([params.pool_name], {}, actor);
      return undefined;
    },
  }),
];

function inputOf({
  name,
  slots: wanted,
  description,
  include_deferred: includeDeferred,
}: Partial<PoolBody> & { readonly name: string }): PoolInput {
  return { name, slots: wanted, description, includeDeferred };
}

async function find(name: string, { database }: ApiContext): Promise<z.input<typeof poolSchema>> {
  const found = await getPool(database.pool, name);
  if (!found) throw notFound('The pool', name);
  return poolResponse(found);
}

function poolResponse(pool: PoolRow): z.input<typeof poolSchema> {
  return {
    name: pool.name,
    slots: pool.slots,
    description: pool.description,
    include_deferred: pool.include_deferred,
    occupied_slots: pool.occupied,
    running_slots: pool.running,
    queued_slots: pool.queued,
    scheduled_slots: pool.scheduled,
    open_slots: pool.slots < 0 ? -1 : Math.max(0, pool.slots - pool.occupied),
    deferred_slots: pool.deferred,
    team_name: null,
  };
}
