/** `/admin/connections`: the list, and the forms to make, change, test, delete, import and export them. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { connectionEntry, connectionInputs } from '../../src/commands/exchange';
import type { ConnectionInput } from '../../src/commands/commands';
import { builtInTypes, testConnection } from '../../src/connections/test-connection';
import type { ConnectionTest } from '../../src/connections/test-connection';
import { ThenceError } from '../../src/core/errors';
import type { JsonObject } from '../../src/core/json';
import { HIDDEN, jsonContainer } from '../../src/core/sensitive';
import { listConnections } from '../../src/read-model/cli/connections';
import { getConnection } from '../../src/read-model/rest/connections';
import { readConnection, readConnections } from '../../src/read-model/ui/connections';
import { connectionAsGiven } from '../../src/secrets/connection-as-given';
import { openConnection } from '../../src/secrets/stored';
import { actorOf, answerForm, field, notFound, param, sendPage, wantsJson } from '../ui/context';
import type { WebContext } from '../ui/context';
import { queryNumber, queryText } from '../ui/links';
import { exchangeRoutes } from './exchange';

const PAGE_SIZE = 50;

const fields = ['id', 'type', 'description', 'host', 'port', 'login', 'password', 'schema', 'extra'] as const;
type Values = { readonly [field in (typeof fields)[number]]: string };

interface FormState {
  /** Null: a new one. */
  readonly id: string | null;
  readonly values: Values;
  readonly error: string | null;
  readonly tested?: ConnectionTest;
  readonly status?: number;
}

export function connectionRoutes(context: WebContext): Router {
  const router = Router();
  const { commands, cipher, database, links } = context;
  const list = links.to('/admin/connections');

  exchangeRoutes(context, router, {
    what: 'connections',
    example:
      '{\n  "warehouse": "postgres://me:secret@db.internal:5432/sales",\n  "web": { "conn_type": "http", "host": "https://api.example.com" }\n}',
    store: (records, ifExists, actor) => commands.storeConnections(connectionInputs(records, 'the import'), { ifExists }, actor),
    records: async () => {
      const rows = await listConnections(database);
      return Object.fromEntries(
        rows.map((row) => [row.conn_id, connectionEntry(openConnection(cipher, row), row.description, { hidden: true })]),
      );
    },
  });

  router.get('/admin/connections', async (request, response) => {
    const search = queryText(request, 'q');
    const page = queryNumber(request, 'page', 1, 1, 100_000);
    const found = await readConnections(database.pool, cipher, { search, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE });
    const locals = { ...found, search, page, pageSize: PAGE_SIZE };
    await sendPage(context, request, response, { view: 'pages/connections', title: 'Connections', nav: 'connections', locals });
  });

  router.get('/admin/connections/new', (request, response) => {
    const values = Object.fromEntries(fields.map((name) => [name, ''])) as Values;
    return sendForm(context, request, response, { id: null, values, error: null });
  });

  router.post('/admin/connections/new', async (request, response) => {
    await storeOrAgain(context, request, response, null, async (input) => {
      await commands.storeConnections([input], { ifExists: 'fail' }, actorOf(request));
      answerForm(request, response, list, `Connection ${input.id} is created.`);
    });
  });

  router.get('/admin/connections/:id/edit', async (request, response) => {
    const id = param(request, 'id');
    const found = await readConnection(database.pool, cipher, id);
    if (!found) throw notFound(`There is no connection "${id}".`);
    const values = Object.fromEntries(fields.map((name) => [name, String(found[name] ?? '')])) as Values;
    await sendForm(context, request, response, { id, values, error: found.problem });
  });

  router.post('/admin/connections/:id/edit', async (request, response) => {
    const id = param(request, 'id');
    await storeOrAgain(context, request, response, id, async (input) => {
      await commands.storeConnections([input], { ifMissing: 'fail' }, actorOf(request));
      answerForm(request, response, list, `Connection ${id} is changed.`);
    });
  });

  router.post('/admin/connections/:id/delete', async (request, response) => {
    const id = param(request, 'id');
    await commands.deleteConnections([id], {}, actorOf(request));
    answerForm(request, response, list, `Connection ${id} is deleted.`);
  });
  return router;
}

/** Stores it, or tests it; what is refused is said above the form, with what was typed still in it. */
async function storeOrAgain(
  context: WebContext,
  request: Request,
  response: Response,
  id: string | null,
  store: (input: ConnectionInput) => Promise<void>,
): Promise<void> {
  const typed = Object.fromEntries(fields.map((name) => [name, field(request, name)])) as Values;
  const values = id === null ? typed : { ...typed, id };
  try {
    const input = inputOf(values);
    if (field(request, 'intent') !== 'test') return await store(input);
    if (!context.config.testConnection)
      throw new ThenceError('FORBIDDEN', 'Testing connections is switched off here (THENCE_TEST_CONNECTION).');
    const tested = await testConnection(connectionAsGiven(input, await getConnection(context.database.pool, context.cipher, input.id)));
    if (wantsJson(request)) response.json({ text: tested.message, isGood: tested.status });
    else await sendForm(context, request, response, { id, values, error: null, tested });
  } catch (error) {
    if (!(error instanceof ThenceError) || error.code === 'NOT_FOUND' || wantsJson(request)) throw error;
    await sendForm(context, request, response, { id, values, error: error.message, status: error.status });
  }
}

function sendForm(context: WebContext, request: Request, response: Response, { status, ...form }: FormState): Promise<void> {
  const title = form.id === null ? 'New connection' : `Connection ${form.id}`;
  const isTyped = !['', HIDDEN].includes(form.values.password);
  const values = { ...form.values, password: isTyped ? '' : form.values.password };
  const locals = { isTyped, tested: null, ...form, values, types: builtInTypes, canTest: context.config.testConnection };
  return sendPage(context, request, response, { view: 'pages/connection', title, nav: 'connections', locals, liveMs: null, status });
}

/** @throws INVALID_VALUE in words that do not quote what was typed: it may hold a secret */
function inputOf({ port, extra, password, ...texts }: Values): ConnectionInput {
  if (port !== '' && !/^\d{1,5}$/.test(port)) throw new ThenceError('INVALID_VALUE', 'The port has to be a whole number from 0 to 65535.');
  const json = extra === '' ? {} : jsonContainer(extra);
  if (json === null || Array.isArray(json))
    throw new ThenceError('INVALID_VALUE', 'Extra has to be a JSON object, as in {"sslmode": "require"}.');
  return { ...texts, password: password === '' ? null : password, port: port === '' ? null : Number(port), extra: json as JsonObject };
}
