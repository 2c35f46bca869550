import { z } from 'zod';
import type { ConnectionInput } from '../../../src/commands/commands';
import { defaultConnections } from '../../../src/commands/default-connections';
import { testConnection } from '../../../src/connections/test-connection';
import type { JsonObject } from '../../../src/core/json';
import { HIDDEN, hideSensitive, jsonContainer } from '../../../src/core/sensitive';
import { connectionOrder, getConnection, listConnections, type StoredConnection } from '../../../src/read-model/rest/connections';
import { connectionAsGiven } from '../../../src/secrets/connection-as-given';
import { ApiError, notFound } from '../api-error';
import { bulkBody, bulkResponse, runBulk } from '../bulk';
import { noTeam, nothing, orderBy, paging, pattern, readOrder, texts } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { maskedFields } from '../update-mask';

const connectionSchema = z.object({
  connection_id: z.string(),
  conn_type: z.string(),
  description: z.string().nullable(),
  host: z.string().nullable(),
  login: z.string().nullable(),
  schema: z.string().nullable(),
  port: z.int().nullable(),
  password: z.string().nullable().describe('Never the password: `***` when there is one'),
  extra: z.string().nullable().describe('JSON, in which what stands under a sensitive name is `***`'),
  team_name: z.string().nullable(),
});

const connectionBody = z.strictObject({
  connection_id: z
    .string()
    .max(200)
    .regex(/^[\w.-]+$/),
  conn_type: z.string(),
  description: z.string().nullish(),
  host: z.string().nullish(),
  login: z.string().nullish(),
  schema: z.string().nullish(),
  port: z.int().min(0).max(65_535).nullish(),
  password: z.string().nullish().describe('`***` stands for the stored one'),
  extra: z
    .string()
    .nullish()
    .refine((text) => !text || isObject(text), 'extra has to be the text of a JSON object')
    .describe('The text of a JSON object; `***` in it stands for what is stored there'),
  team_name: noTeam,
});
type ConnectionBody = z.output<typeof connectionBody>;

const one = z.object({ connection_id: z.string() });
const fields = Object.keys(connectionBody.shape);

export const connectionRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/connections',
    id: 'get_connections',
    tag: 'Connection',
    summary: 'The connections, by page',
    query: z.object({ ...paging, order_by: orderBy(connectionOrder, 'id'), connection_id_pattern: pattern }),
    response: z.object({ connections: z.array(connectionSchema), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, context: { database, cipher } }) => {
      const order = readOrder(query.order_by, connectionOrder);
      const filter = { idPattern: query.connection_id_pattern };
      const { connections, total } = await listConnections(database.pool, cipher, filter, order, query);
      return { connections: connections.map(connectionResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/connections',
    id: 'post_connection',
    tag: 'Connection',
    summary: 'A new connection',
    body: connectionBody,
    secretBody: true,
    status: 201,
    response: connectionSchema,
    errors: [409],
    handle: async ({ body, actor, context }) => {
      await context.commands.storeConnections([inputOf(body)], { ifExists: 'fail' }, actor);
      return find(body.connection_id, context);
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/connections',
    id: 'bulk_connections',
    tag: 'Connection',
    summary: 'Creates, changes and deletes many connections',
    body: bulkBody(connectionBody),
    secretBody: true,
    response: bulkResponse,
    handle: async ({ body, actor, context: { commands } }) =>
      runBulk<ConnectionBody>(body, {
        nameOf: ({ connection_id: id }) => id,
        create: (entities, ifExists) => commands.storeConnections(entities.map(inputOf), { ifExists }, actor),
        update: (entities, mask, ifMissing) =>
          commands.storeConnections(
            entities.map((body) => changeOf(body, mask)),
            { ifMissing },
            actor,
          ),
        delete: (ids, ifMissing) => commands.deleteConnections(ids, { ifMissing }, actor),
      }),
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/connections/test',
    id: 'test_connection',
    tag: 'Connection',
    summary: 'Whether a connection works, as it is given here; nothing is stored. Switched off unless THENCE_TEST_CONNECTION is true',
    body: connectionBody,
    secretBody: true,
    response: z.object({ status: z.boolean(), message: z.string() }),
    errors: [403],
    handle: async ({ body, context }) => {
      if (!context.config.testConnection)
        throw new ApiError(403, 'testing connections is switched off; THENCE_TEST_CONNECTION=true switches it on');
      const stored = await getConnection(context.database.pool, context.cipher, body.connection_id);
      return testConnection(connectionAsGiven(inputOf(body), stored));
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v2/connections/defaults',
    id: 'create_default_connections',
    tag: 'Connection',
    summary: 'Makes `postgres_default` and `http_default` where there are none of these names',
    status: 204,
    response: nothing,
    handle: async ({ actor, context: { commands } }) => {
      await commands.storeConnections(defaultConnections, { ifExists: 'skip' }, actor);
      return undefined;
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/connections/{connection_id}',
    id: 'get_connection',
    tag: 'Connection',
    summary: 'One connection',
    params: one,
    response: connectionSchema,
    errors: [404],
    handle: async ({ params, context }) => find(params.connection_id, context),
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v2/connections/{connection_id}',
    id: 'patch_connection',
    tag: 'Connection',
    summary: 'Changes a connection',
    params: one,
    query: z.object({ update_mask: texts }),
    body: connectionBody,
    secretBody: true,
    response: connectionSchema,
    errors: [400, 404],
    handle: async ({ params, query, body, actor, context }) => {
      if (body.connection_id !== params.connection_id)
        throw new ApiError(400, 'the connection_id in the body is not the one in the path; a connection cannot be renamed');
      await context.commands.storeConnections([changeOf(body, query.update_mask)], { ifMissing: 'fail' }, actor);
      return find(body.connection_id, context);
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v2/connections/{connection_id}',
    id: 'delete_connection',
    tag: 'Connection',
    summary: 'Deletes a connection',
    params: one,
    status: 204,
    response: nothing,
    errors: [404],
    handle: async ({ params, actor, context: { commands } }) => {
      await commands.deleteConnections([params.connection_id], {}, actor);
      return undefined;
    },
  }),
];

function changeOf(body: ConnectionBody, mask: readonly string[] | undefined): ConnectionInput {
  return inputOf({ ...maskedFields(body, mask, fields), connection_id: body.connection_id });
}

function inputOf({
  connection_id: id,
  conn_type: type,
  extra,
  team_name: _,
  ...rest
}: Partial<ConnectionBody> & Pick<ConnectionBody, 'connection_id'>): ConnectionInput {
  return { id, type, ...rest, extra: extra ? (JSON.parse(extra) as JsonObject) : extra === undefined ? undefined : null };
}

async function find(id: string, { database, cipher }: ApiContext): Promise<z.input<typeof connectionSchema>> {
  const found = await getConnection(database.pool, cipher, id);
  if (!found) throw notFound('The connection', id);
  return connectionResponse(found);
}

function connectionResponse(connection: StoredConnection): z.input<typeof connectionSchema> {
  return {
    connection_id: connection.id,
    conn_type: connection.type,
    description: connection.description,
    host: connection.host,
    login: connection.login,
    schema: connection.schema,
    port: connection.port,
    password: connection.password === null ? null : HIDDEN,
    extra: Object.keys(connection.extra).length === 0 ? null : JSON.stringify(hideSensitive(connection.extra)),
    team_name: null,
  };
}

function isObject(text: string): boolean {
  const value = jsonContainer(text);
  return value !== null && !Array.isArray(value);
}
