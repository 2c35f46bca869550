/** Sessions in Postgres. A visitor who has not logged in leaves no row; a page view writes nothing. */
import { createHmac } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import connectPgSimple from 'connect-pg-simple';
import session from 'express-session';
import type { Pool } from 'pg';
import type { Logger } from '../../src/telemetry/logger';

declare module 'express-session' {
  interface SessionData {
    username: string;
    /** Shown once, on the next page. */
    notice: { readonly kind: 'success' | 'error'; readonly text: string };
  }
}

const WEEK_MS = 7 * 24 * 3_600_000;

export interface SessionOptions {
  readonly pool: Pool;
  readonly secretKey: string;
  readonly logger: Logger;
  readonly https: boolean;
  readonly cookiePath: string;
}

export function sessions({ pool, secretKey, logger, https, cookiePath }: SessionOptions): RequestHandler {
  const PgStore = connectPgSimple(session);
  const handler = session({
    name: 'thence.session',
    // The key itself signs tokens: what signs cookies is derived from it, so that neither can stand in for the other.
    secret: createHmac('sha256', secretKey).update('web session').digest('hex'),
    store: new PgStore({
      pool,
      tableName: 'web_session',
      disableTouch: true,
      ttl: WEEK_MS / 1000,
      pruneSessionInterval: 3600,
      errorLog: (...args: unknown[]) => logger.error(`web sessions: ${args.map(String).join(' ')}`),
    }),
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure: https, maxAge: WEEK_MS, path: cookiePath },
  });
  return (request, response, next) =>
    handler(request, response, (error) => {
      if (request.method === 'POST') storeBeforeRedirect(response, next);
      next(error);
    });
}

/**
 * express-session sends an answer's head before the session is stored, and a browser follows a redirect as soon as it has the head: it
 * would be there before the log-in or the notice that it comes for.
 */
function storeBeforeRedirect(response: Response, next: (error: unknown) => void): void {
  const request = response.req;
  const redirect = response.redirect.bind(response) as (status: number, url: string) => void;
  response.redirect = ((status: number, url: string) => {
    if (request.session?.username === undefined) return redirect(status, url);
    request.session.save((error) => (error ? next(error) : redirect(status, url)));
  }) as Response['redirect'];
}
