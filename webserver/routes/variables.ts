/** `/admin/variables`: the list, and the forms to make, change, delete, import and export them. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { variableEntry, variableInputs } from '../../src/commands/exchange';
import { ThenceError } from '../../src/core/errors';
import { listVariables } from '../../src/read-model/cli/variables';
import { readVariable, readVariables } from '../../src/read-model/ui/variables';
import { openVariable } from '../../src/secrets/stored';
import { actorOf, answerForm, field, notFound, param, sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';
import { queryNumber, queryText } from '../ui/links';
import { exchangeRoutes } from './exchange';

const PAGE_SIZE = 50;

interface FormState {
  /** Null: a new one. */
  readonly key: string | null;
  readonly values: { readonly key: string; readonly value: string; readonly description: string };
  readonly error: string | null;
  readonly isUnreadable?: boolean;
  readonly status?: number;
}

export function variableRoutes(context: WebContext): Router {
  const router = Router();
  const { commands, cipher, database, links } = context;
  const list = links.to('/admin/variables');

  exchangeRoutes(context, router, {
    what: 'variables',
    example: '{\n  "region": "eu",\n  "limits": { "value": { "rows": 100 }, "description": "of one load" }\n}',
    store: (records, ifExists, actor) => commands.storeVariables(variableInputs(records), { ifExists }, actor),
    records: async () => {
      const rows = await listVariables(database);
      return Object.fromEntries(
        rows.map((row) => [row.key, variableEntry({ ...row, value: openVariable(cipher, row) }, { hidden: true })]),
      );
    },
  });

  router.get('/admin/variables', async (request, response) => {
    const search = queryText(request, 'q');
    const page = queryNumber(request, 'page', 1, 1, 100_000);
    const found = await readVariables(database.pool, cipher, { search, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE });
    const locals = { ...found, search, page, pageSize: PAGE_SIZE };
    await sendPage(context, request, response, { view: 'pages/variables', title: 'Variables', nav: 'variables', locals });
  });

  router.get('/admin/variables/new', (request, response) =>
    sendForm(context, request, response, { key: null, values: { key: '', value: '', description: '' }, error: null }),
  );

  router.post('/admin/variables/new', async (request, response) => {
    const values = valuesOf(request);
    await orAgain(context, request, response, { key: null, values }, async () => {
      await commands.storeVariables([values], { ifExists: 'fail' }, actorOf(request));
      answerForm(request, response, list, `Variable ${values.key} is created.`);
    });
  });

  router.get('/admin/variables/:key/edit', async (request, response) => {
    const key = param(request, 'key');
    const found = await readVariable(database.pool, cipher, key);
    if (!found) throw notFound(`There is no variable "${key}".`);
    const values = { key, value: found.value ?? '', description: found.description ?? '' };
    await sendForm(context, request, response, { key, values, error: found.problem, isUnreadable: found.problem !== null });
  });

  router.post('/admin/variables/:key/edit', async (request, response) => {
    const key = param(request, 'key');
    const values = { ...valuesOf(request), key };
    await orAgain(context, request, response, { key, values }, async () => {
      await commands.storeVariables([values], { ifMissing: 'fail' }, actorOf(request));
      answerForm(request, response, list, `Variable ${key} is changed.`);
    });
  });

  router.post('/admin/variables/:key/delete', async (request, response) => {
    const key = param(request, 'key');
    await commands.deleteVariables([key], {}, actorOf(request));
    answerForm(request, response, list, `Variable ${key} is deleted.`);
  });
  return router;
}

/** Carries it out; what is refused is said above the form, with what was typed still in it. */
async function orAgain(
  context: WebContext,
  request: Request,
  response: Response,
  form: Omit<FormState, 'error' | 'status'>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ThenceError) || error.code === 'NOT_FOUND') throw error;
    await sendForm(context, request, response, { ...form, error: error.message, status: error.status });
  }
}

function sendForm(context: WebContext, request: Request, response: Response, { status, ...locals }: FormState): Promise<void> {
  const title = locals.key === null ? 'New variable' : `Variable ${locals.key}`;
  return sendPage(context, request, response, {
    view: 'pages/variable',
    title,
    nav: 'variables',
    locals: { isUnreadable: false, ...locals },
    liveMs: null,
    status,
  });
}

/** The value as it was typed, with its spaces; forms send line ends as CRLF. */
function valuesOf(request: Request): FormState['values'] {
  const value = (request.body as { readonly value?: unknown } | undefined)?.value;
  return {
    key: field(request, 'key'),
    value: typeof value === 'string' ? value.replaceAll('\r\n', '\n') : '',
    description: field(request, 'description'),
  };
}
