import { z } from 'zod';
import type { VariableInput } from '../../../src/commands/commands';
import { showVariable } from '../../../src/core/sensitive';
import { getVariable, listVariables, variableOrder, type Variable } from '../../../src/read-model/rest/variables';
import { ApiError, notFound } from '../api-error';
import { bulkBody, bulkResponse, runBulk } from '../bulk';
import { jsonObject, noTeam, nothing, orderBy, paging, pattern, readOrder, texts } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { maskedFields } from '../update-mask';

const variableSchema = z.object({
  key: z.string(),
  value: z.string().describe('`***` under a sensitive name, and in place of what stands under one in its JSON'),
  description: z.string().nullable(),
  is_encrypted: z.boolean(),
  team_name: z.string().nullable(),
});

const variableBody = z.strictObject({
  key: z.string().max(250),
  value: z
    .union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.unknown()), jsonObject])
    .describe('A text, or any JSON value, whose text is stored'),
  description: z.string().nullish(),
  team_name: noTeam,
});
type VariableBody = z.output<typeof variableBody>;

const one = z.object({ variable_key: z.string() });
const fields = ['key', 'value', 'description', 'team_name'];

export const variableRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/variables',
    id: 'get_variables',
    tag: 'Variable',
    summary: 'The variables, by page',
    query: z.object({ ...paging, order_by: orderBy(variableOrder, 'id'), variable_key_pattern: pattern }),
    response: z.object({ variables: z.array(variableSchema), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, context: { database, cipher } }) => {
      const order = readOrder(query.order_by, variableOrder);
      const { variables, total } = await listVariables(database.pool, cipher, { keyPattern: query.variable_key_pattern }, order, query);
      return { variables: variables.map(variableResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/variables',
    id: 'post_variable',
    tag: 'Variable',
    summary: 'A new variable',
    body: variableBody,
    secretBody: true,
    status: 201,
    response: variableSchema,
    errors: [409],
    handle: async ({ body, actor, context }) => {
      await context.commands.storeVariables([inputOf(body)], { ifExists: 'fail' }, actor);
      return find(body.key, context);
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/variables',
    id: 'bulk_variables',
    tag: 'Variable',
    summary: 'Creates, changes and deletes many variables',
    body: bulkBody(variableBody),
    secretBody: true,
    response: bulkResponse,
    handle: async ({ body, actor, context: { commands } }) =>
      runBulk<VariableBody>(body, {
        nameOf: ({ key }) => key,
        create: (entities, ifExists) => commands.storeVariables(entities.map(inputOf), { ifExists }, actor),
        update: (entities, mask, ifMissing) =>
          commands.storeVariables(
            entities.map((body) => changeOf(body, mask)),
            { ifMissing },
            actor,
          ),
        delete: (keys, ifMissing) => commands.deleteVariables(keys, { ifMissing }, actor),
      }),
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/variables/{variable_key}',
    id: 'get_variable',
    tag: 'Variable',
    summary: 'One variable',
    params: one,
    response: variableSchema,
    errors: [404],
    handle: async ({ params, context }) => find(params.variable_key, context),
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/variables/{variable_key}',
    id: 'patch_variable',
    tag: 'Variable',
    summary: 'Changes a variable; `***` in its value stands for what is stored',
    params: one,
    query: z.object({ update_mask: texts }),
    body: variableBody,
    secretBody: true,
    response: variableSchema,
    errors: [400, 404],
    handle: async ({ params, query, body, actor, context }) => {
      if (body.key !== params.variable_key)
        throw new ApiError(400, 'the key in the body is not the key in the path; a variable cannot be renamed');
      await context.commands.storeVariables([changeOf(body, query.update_mask)], { ifMissing: 'fail' }, actor);
      return find(body.key, context);
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v2/variables/{variable_key}',
    id: 'delete_variable',
    tag: 'Variable',
    summary: 'Deletes a variable',
    params: one,
    status: 204,
    response: nothing,
    errors: [404],
    handle: async ({ params, actor, context: { commands } }) => {
      await commands.deleteVariables([params.variable_key], {}, actor);
      return undefined;
    },
  }),
];

function changeOf(body: VariableBody, mask: readonly string[] | undefined): VariableInput {
  return inputOf({ ...maskedFields(body, mask, fields), key: body.key });
}

function inputOf({ key, value, description }: Partial<VariableBody> & { readonly key: string }): VariableInput {
  return { key, value: value === undefined || typeof value === 'string' ? value : JSON.stringify(value), description };
}

async function find(key: string, { database, cipher }: ApiContext): Promise<z.input<typeof variableSchema>> {
  const found = await getVariable(database.pool, cipher, key);
  if (!found) throw notFound('The variable', key);
  return variableResponse(found);
}

function variableResponse({ key, value, description }: Variable): z.input<typeof variableSchema> {
  return { key, value: showVariable(key, value), description, is_encrypted: true, team_name: null };
}
