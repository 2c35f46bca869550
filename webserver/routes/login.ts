/** Signing in and out, and the gate in front of every page. */
import { csrfSync } from 'csrf-sync';
import { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { ThenceError } from '../../src/core/errors';
import { field, sendPage, wantsJson } from '../ui/context';
import type { UserRequest, WebContext } from '../ui/context';
import { queryText, safeReturnPath } from '../ui/links';
import { isSameOrigin, LoginBrake } from '../ui/security';

const csrf = csrfSync({
  getTokenFromRequest: (request) => {
    const header = request.headers['x-csrf-token'];
    const body = (request.body as { _csrf?: unknown } | undefined)?._csrf;
    return typeof header === 'string' ? header : typeof body === 'string' ? body : null;
  },
  size: 32,
});

export function loginRoutes(context: WebContext): Router {
  const router = Router();
  const brake = new LoginBrake();

  router.get('/login', async (request, response) => {
    const returnTo = safeReturnPath(queryText(request, 'next'), context.basePath);
    if (request.session.username !== undefined) return response.redirect(303, returnTo);
    await sendLogin(context, request, response, { username: '', returnTo, error: null, status: 200 });
  });

  router.post('/login', async (request, response) => {
    const [username, returnTo] = [field(request, 'username'), safeReturnPath(field(request, 'next'), context.basePath)];
    const refuse = (status: number, error: string): Promise<void> =>
      sendLogin(context, request, response, { username, returnTo, error, status });
    if (!isSameOrigin(request)) return refuse(403, 'This form was sent from another site. Sign in here.');
    const key = `${request.ip} ${username}`;
    const waitMs = brake.waitMs(key);
    if (waitMs > 0) {
      response.set('Retry-After', String(Math.ceil(waitMs / 1000)));
      return refuse(429, `Too many failed attempts. Try again in ${Math.ceil(waitMs / 60_000)} min.`);
    }
    const password = (request.body as { password?: unknown } | undefined)?.password;
    const user = await context.auth.checkPassword(username, typeof password === 'string' ? password : '');
    if (!user) {
      brake.failed(key);
      return refuse(401, 'Wrong user name or password.');
    }
    brake.succeeded(key);
    // A new id, so that one planted before the login is worth nothing after it.
    await new Promise<void>((resolve, reject) => request.session.regenerate((error) => (error ? reject(error as Error) : resolve())));
    request.session.username = user.username;
    csrf.generateToken(request);
    response.redirect(303, returnTo);
  });
  return router;
}

function sendLogin(
  context: WebContext,
  request: Request,
  response: Response,
  { status, ...locals }: { username: string; returnTo: string; error: string | null; status: number },
): Promise<void> {
  return sendPage(context, request, response, { view: 'pages/login', title: 'Sign in', nav: null, locals, liveMs: null, status });
}

/** Everything registered after this is for signed-in people; their forms carry a token. */
export function requireLogin(context: WebContext): Router {
  const router = Router();
  router.use(async (request, response, next) => {
    const user = request.session.username === undefined ? null : await context.auth.findUser(request.session.username);
    if (user) {
      (request as UserRequest).user = user;
      return next();
    }
    if (request.query['fragment'] !== undefined || wantsJson(request)) {
      throw new ThenceError('UNAUTHENTICATED', 'Your session has ended. Sign in again.');
    }
    const returnTo = request.method === 'GET' ? request.originalUrl : undefined;
    response.redirect(303, context.links.to('/login', { next: returnTo === `${context.basePath}/` ? undefined : returnTo }));
  });
  router.use(csrf.csrfSynchronisedProtection as RequestHandler);
  router.post('/logout', async (request, response) => {
    await new Promise<void>((resolve, reject) => request.session.destroy((error) => (error ? reject(error as Error) : resolve())));
    response.clearCookie('thence.session', { path: context.basePath || '/' }).redirect(303, context.links.to('/login'));
  });
  return router;
}
