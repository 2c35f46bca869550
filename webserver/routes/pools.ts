/** `/admin/pools`: how full they are, and the forms to make, change, delete, import and export them. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { poolEntry, poolInputs } from '../../src/commands/exchange';
import type { PoolInput } from '../../src/commands/commands';
import { ThenceError } from '../../src/core/errors';
import { listPools } from '../../src/read-model/cli/pools';
import { getPool } from '../../src/read-model/rest/pools';
import { readPools } from '../../src/read-model/ui/pools';
import { actorOf, answerForm, field, notFound, param, sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';
import { exchangeRoutes } from './exchange';

interface FormState {
  /** Null: a new one. */
  readonly name: string | null;
  readonly values: { readonly name: string; readonly slots: string; readonly description: string; readonly includeDeferred: boolean };
  readonly error: string | null;
  readonly status?: number;
}

export function poolRoutes(context: WebContext): Router {
  const router = Router();
  const { commands, database, links } = context;
  const list = links.to('/admin/pools');

  exchangeRoutes(context, router, {
    what: 'pools',
    example: '{\n  "api": { "slots": 4, "description": "calls at once", "include_deferred": false }\n}',
    store: (records, ifExists, actor) => commands.storePools(poolInputs(records, 'the import'), { ifExists }, actor),
    records: async () => Object.fromEntries((await listPools(database)).map((pool) => [pool.name, poolEntry(pool)])),
  });

  router.get('/admin/pools', async (request, response) => {
    const pools = await readPools(database.pool);
    await sendPage(context, request, response, { view: 'pages/pools', title: 'Pools', nav: 'pools', locals: { pools } });
  });

  router.get('/admin/pools/new', (request, response) =>
    sendForm(context, request, response, {
      name: null,
      values: { name: '', slots: '', description: '', includeDeferred: false },
      error: null,
    }),
  );

  router.post('/admin/pools/new', async (request, response) => {
    await storeOrAgain(context, request, response, null, async (pool) => {
      await commands.storePools([pool], { ifExists: 'fail' }, actorOf(request));
      answerForm(request, response, list, `Pool ${pool.name} is created.`);
    });
  });

  router.get('/admin/pools/:name/edit', async (request, response) => {
    const name = param(request, 'name');
    const found = await getPool(database.pool, name);
    if (!found) throw notFound(`There is no pool "${name}".`);
    const { slots, description, include_deferred: includeDeferred } = found;
    const values = { name, slots: String(slots), description: description ?? '', includeDeferred };
    await sendForm(context, request, response, { name, values, error: null });
  });

  router.post('/admin/pools/:name/edit', async (request, response) => {
    const name = param(request, 'name');
    await storeOrAgain(context, request, response, name, async (pool) => {
      await commands.storePools([pool], { ifMissing: 'fail' }, actorOf(request));
      answerForm(request, response, list, `Pool ${name} is changed.`);
    });
  });

  router.post('/admin/pools/:name/delete', async (request, response) => {
    const name = param(request, 'name');
    await commands.deletePools([name], {}, actorOf(request));
    answerForm(request, response, list, `Pool ${name} is deleted.`);
  });
  return router;
}

/** What is refused is said above the form, with what was typed still in it. */
async function storeOrAgain(
  context: WebContext,
  request: Request,
  response: Response,
  name: string | null,
  store: (pool: PoolInput) => Promise<void>,
): Promise<void> {
  const values = {
    name: name ?? field(request, 'name'),
    slots: field(request, 'slots'),
    description: field(request, 'description'),
    includeDeferred: field(request, 'include_deferred') === 'true',
  };
  try {
    if (!/^(-1|\d{1,10})$/.test(values.slots))
      throw new ThenceError('INVALID_VALUE', `The slots have to be a whole number, or -1 for no limit; "${values.slots}" was given.`);
    await store({ ...values, slots: Number(values.slots) });
  } catch (error) {
    if (!(error instanceof ThenceError) || error.code === 'NOT_FOUND') throw error;
    await sendForm(context, request, response, { name, values, error: error.message, status: error.status });
  }
}

function sendForm(context: WebContext, request: Request, response: Response, { status, ...locals }: FormState): Promise<void> {
  const title = locals.name === null ? 'New pool' : `Pool ${locals.name}`;
  return sendPage(context, request, response, { view: 'pages/pool', title, nav: 'pools', locals, liveMs: null, status });
}
