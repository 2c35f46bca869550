/** Mounts the routes: token, body, validation, answer. What goes wrong is answered as JSON, never as a page. */
import { Readable } from 'node:stream';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response, type Router } from 'express';
import type { User } from '../../src/auth/auth';
import { ApiError, toApiError } from './api-error';
import { openApiDocument } from './openapi';
import { OtherAnswer, type ApiContext, type Route } from './route';
import { routes } from './routes';
import { readTexts, validate } from './validate';

/**
 * Everything under `/api/v2` and `/auth/token`; mount it at `/`, before what answers with pages. `checkAnswers` (for tests) holds each
 * answer against the document too.
 */
export function apiRouter(context: ApiContext, { checkAnswers = false } = {}): Router {
  const router = express.Router({ caseSensitive: true });
  const document = openApiDocument(routes);
  router.get('/api/v2/openapi.json', (_request, response) => void response.json(document));

  const byPath = new Map<string, Route[]>();
  for (const route of routes) byPath.set(route.path, [...(byPath.get(route.path) ?? []), route]);
  const expressPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');
  for (const route of routes)
    router[route.method](expressPath(route.path), ...(route.body ? [readBody] : []), handlerOf(route, context, checkAnswers));
  // After all of them: a GET of "/connections/test" is one of the connection "test".
  for (const [path, here] of byPath) {
    router.all(expressPath(path), () => {
      throw new ApiError(405, 'Method Not Allowed', { Allow: here.map((route) => route.method.toUpperCase()).join(', ') });
    });
  }
  router.use('/api/v2', () => {
    throw new ApiError(404, 'Not Found');
  });
  router.use(answerError(context));
  return router;
}

function handlerOf(route: Route, context: ApiContext, checkAnswers: boolean): RequestHandler {
  return async (request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    const user = route.isPublic ? null : await authenticate(request, context);
    const closed = new AbortController();
    response.once('close', () => closed.abort());
    const search = new URL(request.originalUrl, 'http://localhost').searchParams;
    const answer = await route.handle({
      params:
        route.params &&
        validate(
          route.params,
          readTexts(route.params, 'path', (name) => [String(request.params[name])]),
          'path',
        ),
      query:
        route.query &&
        validate(
          route.query,
          readTexts(route.query, 'query', (name) => search.getAll(name)),
          'query',
        ),
      body: route.body && validate(route.body, request.body, 'body', { hideInput: route.secretBody }),
      actor: { user: user?.username ?? 'anonymous', via: 'rest_api' },
      accepts: negotiate(request, route),
      signal: closed.signal,
      context,
    } as never);
    if (answer instanceof OtherAnswer) return sendOther(answer, response);
    if (checkAnswers) route.response.parse(answer);
    if (route.status === 204) response.status(204).end();
    else response.status(route.status ?? 200).json(answer);
  };
}

async function authenticate(request: Request, { auth }: ApiContext): Promise<User> {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const user = token ? await auth.verifyToken(token) : null;
  if (user) return user;
  throw new ApiError(401, token ? 'The token is not valid, or no longer' : 'Not authenticated', { 'WWW-Authenticate': 'Bearer' });
}

function negotiate(request: Request, { otherTypes = [] }: Route): string {
  if (otherTypes.length === 0) return 'application/json';
  const type = request.accepts(['application/json', ...otherTypes]);
  if (type) return type;
  throw new ApiError(406, `Only ${['application/json', ...otherTypes].join(' and ')} are supported`);
}

async function sendOther(answer: OtherAnswer, response: Response): Promise<void> {
  response.status(answer.status).set(answer.headers).type(answer.type);
  if (typeof answer.body === 'string') {
    response.send(answer.body);
    return;
  }
  for await (const chunk of Readable.from(answer.body)) {
    if (response.closed) return; // nobody listens any more
    response.write(chunk);
  }
  response.end();
}

/** JSON, also when the client does not say so; anything else leaves the body undefined, which validation calls missing. */
const parseJson = express.json({
  limit: '1mb',
  strict: false,
  type: (request) => !request.headers['content-type'] || /^application\/([\w.-]+\+)?json\b/i.test(request.headers['content-type']),
});

const readBody: RequestHandler = (request, response, next) =>
  parseJson(request, response, (error?: unknown) => {
    const parsing = error as { type?: string; message: string } | undefined;
    if (parsing?.type !== 'entity.parse.failed') return next(error);
    next(
      new ApiError(422, [{ type: 'json_invalid', loc: ['body', 0], msg: 'JSON decode error', input: {}, ctx: { error: parsing.message } }]),
    );
  });

const answerError =
  (context: ApiContext): ErrorRequestHandler =>
  (error: unknown, request, response, next) => {
    if (!/^\/(api\/v2|auth\/token)(\/|$)/.test(request.path)) return next(error); // relative to the base path

    const known = toApiError(error);
    if (!known)
      context.logger.error('a REST request failed', {
        method: request.method,
        path: request.path,
        error: error instanceof Error ? error.stack : String(error),
      });
    if (response.headersSent) return response.destroy();
    const { status, detail, headers } = known ?? new ApiError(500, 'Internal Server Error');
    response.status(status).set(headers).json({ detail });
  };
