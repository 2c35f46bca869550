/** Import and export of variables, connections and pools: `/admin/<what>/import` and `/admin/<what>/export`. */
import type { Request, Response, Router } from 'express';
import type { Actor, Stored } from '../../src/commands/commands';
import { ThenceError } from '../../src/core/errors';
import type { JsonObject } from '../../src/core/json';
import { actorOf, answerForm, field, sendPage } from '../ui/context';
import type { NavItem, WebContext } from '../ui/context';

const ifExistsChoices = ['overwrite', 'skip', 'fail'] as const;
export type IfExists = (typeof ifExistsChoices)[number];

export interface Exchange {
  /** Of the address, and of the title: 'variables'. */
  readonly what: 'variables' | 'connections' | 'pools';
  /** What one entry looks like. */
  readonly example: string;
  store(records: JsonObject, ifExists: IfExists, actor: Actor): Promise<Stored>;
  /** Without secrets. */
  records(): Promise<JsonObject>;
}

/** Before the routes of single entries, one of which could be called "import". */
export function exchangeRoutes(context: WebContext, router: Router, exchange: Exchange): void {
  const { what } = exchange;
  const form = (
    request: Request,
    response: Response,
    locals: { text: string; ifExists: IfExists; error: string | null; status?: number },
  ) =>
    sendPage(context, request, response, {
      view: 'pages/import',
      title: `Import ${what}`,
      nav: what satisfies NavItem,
      locals: { what, example: exchange.example, ...locals },
      liveMs: null,
      status: locals.status,
    });

  router.get(`/admin/${what}/import`, (request, response) => form(request, response, { text: '', ifExists: 'overwrite', error: null }));

  router.post(`/admin/${what}/import`, async (request, response) => {
    const text = field(request, 'text');
    const ifExists = ifExistsChoices.find((choice) => choice === field(request, 'if_exists')) ?? 'overwrite';
    try {
      const { created, updated, skipped } = await exchange.store(parse(text), ifExists, actorOf(request));
      const counts = `${created.length} created, ${updated.length} updated, ${skipped.length} skipped.`;
      answerForm(request, response, context.links.to(`/admin/${what}`), counts);
    } catch (error) {
      if (!(error instanceof ThenceError)) throw error;
      await form(request, response, { text, ifExists, error: error.message, status: error.status >= 500 ? 422 : error.status });
    }
  });

  router.get(`/admin/${what}/export`, async (_request, response) => {
    const text = JSON.stringify(await exchange.records(), null, 2);
    response.set('Cache-Control', 'no-store').attachment(`${what}.json`).type('json').send(`${text}\n`);
  });
}

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ThenceError('INVALID_VALUE', 'This is not valid JSON.');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new ThenceError('INVALID_VALUE', 'The JSON has to be an object with a name for each entry.');
}
