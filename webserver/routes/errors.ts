/** Nothing found, and things gone wrong: one sentence in the style of the rest, never a stack. */
import type { NextFunction, Request, Response, Router } from 'express';
import { ThenceError } from '../../src/core/errors';
import { notFound, sendPage, wantsJson } from '../ui/context';
import type { WebContext } from '../ui/context';

const titles: Record<number, string> = {
  400: 'That request makes no sense',
  401: 'Signed out',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Not possible right now',
  413: 'Too large',
  422: 'Something is not right',
  429: 'Too many requests',
  503: 'Not available right now',
};

export function errorPages(context: WebContext, router: Router): void {
  router.use((request) => {
    throw notFound(`There is no page at ${request.path}.`);
  });
  router.use(async (error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const { status, message, details } = describe(error);
    if (status >= 500)
      context.logger.error(`${request.method} ${request.path}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (request.query['fragment'] !== undefined || wantsJson(request)) {
      response.status(status).json({ error: message });
      return;
    }
    try {
      const locals = { status, heading: titles[status] ?? 'Something went wrong', message, suggestions: details };
      await sendPage(context, request, response, { view: 'pages/error', title: locals.heading, nav: null, locals, liveMs: null, status });
    } catch {
      // The frame itself needs the database.
      response.status(status).type('text').send(message);
    }
  });
}

function describe(error: unknown): { status: number; message: string; details: unknown } {
  if (error instanceof ThenceError) return { status: error.status, message: error.message, details: error.details };
  if (isDatabaseAway(error)) {
    return { status: 503, message: 'The database does not answer. This page comes back when it does.', details: null };
  }
  const { status, code } = error as { status?: unknown; code?: unknown };
  if (code === 'EBADCSRFTOKEN') {
    return {
      status: 403,
      message: 'This form has expired or was sent from another site. Go back, reload the page, and send it again.',
      details: null,
    };
  }
  if (typeof status === 'number' && status >= 400 && status < 500 && error instanceof Error)
    return { status, message: error.message, details: null };
  return { status: 500, message: 'The server could not make this page. Its log says why.', details: null };
}

/** Refused and broken connections, and Postgres's own classes 08 (connection) and 57P (shutting down). */
function isDatabaseAway(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = `${typeof code === 'string' ? code : ''} ${typeof message === 'string' ? message : ''}`;
  return /ECONNREFUSED|ECONNRESET|ENOENT.*PGSQL|\b08\d{3}\b|\b57P\d{2}\b|Connection terminated|timeout exceeded when trying to connect/.test(
    text,
  );
}
