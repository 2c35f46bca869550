/** What every route gets, and how it answers: with a page, with the changed fragment of one, or by sending the browser on. */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Auth, User } from '../../src/auth/auth';
import type { Actor, Commands } from '../../src/commands/commands';
import type { Config } from '../../src/config/config';
import { packageVersion } from '../../src/config/package-root';
import { ThenceError } from '../../src/core/errors';
import type { Database } from '../../src/db/database';
import type { LogStore } from '../../src/logs/log-store';
import { readShell } from '../../src/read-model/ui/shell';
import type { Cipher } from '../../src/secrets/cipher';
import type { Logger } from '../../src/telemetry/logger';
import * as html from './html';
import { icon } from './icons';
import type { Links } from './links';
import type { Renderer } from './render';

export interface WebContext {
  readonly config: Config;
  readonly database: Database;
  readonly auth: Auth;
  readonly commands: Commands;
  readonly logStore: LogStore;
  readonly cipher: Cipher;
  readonly logger: Logger;
  readonly links: Links;
  readonly basePath: string;
  readonly render: Renderer;
}

export type NavItem = 'overview' | 'dags' | 'variables' | 'connections' | 'pools' | 'users' | 'jobs' | 'config' | null;

export interface Page {
  readonly view: string;
  readonly title: string;
  readonly nav: NavItem;
  readonly locals?: object;
  /** Milliseconds between looks at what changed; null: the page stays as it is. Default 5000. */
  readonly liveMs?: number | null;
  readonly status?: number;
  /** For the zone switch: what "DAG zone" means on this page. */
  readonly dagZone?: string | null;
}

export const LIVE_MS = 1000;
export const IDLE_MS = 5000;

/** A signed-in person's request. */
export interface UserRequest extends Request {
  user: User;
}
export const userOf = (request: Request): User => (request as UserRequest).user;
export const actorOf = (request: Request): Actor => ({ user: userOf(request).username, via: 'ui' });

/**
 * `?fragment` asks for the content alone: the browser polls the address that it shows, and gets a 304 while nothing has changed.
 * Hence nothing may be in the content that changes by itself.
 */
export async function sendPage(context: WebContext, request: Request, response: Response, page: Page): Promise<void> {
  const shell = await readShell(context.database.pool);
  const liveMs = page.liveMs === undefined ? IDLE_MS : page.liveMs;
  const isFragment = request.query['fragment'] !== undefined;
  const view = {
    ...html,
    icon,
    links: context.links,
    csrf: request.session.csrfToken ?? '',
    user: (request as Partial<UserRequest>).user ?? null,
    shell,
    here: addressOf(request),
    path: `${request.baseUrl}${request.path}`,
    ...page.locals,
  };
  const content = context.render(page.view, view);
  response.status(page.status ?? 200).set('Cache-Control', 'private, no-cache');
  if (liveMs !== null) response.set('X-Live', String(liveMs));
  if (isFragment) {
    response.type('html').send(content);
    return;
  }
  const notice = request.session.notice ?? null;
  if (notice) delete request.session.notice;
  response.type('html').send(
    context.render('layout', {
      ...view,
      content,
      title: page.title,
      nav: page.nav,
      liveMs,
      notice,
      dagZone: page.dagZone ?? '',
      theme: cookieChoice(request, 'thence.theme', ['light', 'dark']) ?? 'system',
      zone: cookieChoice(request, 'thence.zone', ['utc', 'local', 'dag']) ?? 'utc',
      version: packageVersion,
    }),
  );
}

/** A form's answer: scripts get JSON and refresh the page themselves, browsers are sent on and find the notice there. */
export function answerForm(request: Request, response: Response, to: string, text: string): void {
  if (wantsJson(request)) {
    response.json({ text, to });
    return;
  }
  request.session.notice = { kind: 'success', text };
  response.redirect(303, to);
}

export const wantsJson = (request: Request): boolean => request.get('accept')?.includes('application/json') ?? false;

/** Express 5 passes rejections on by itself; this only gives handlers their context. */
export type Handler = (request: Request, response: Response, next: NextFunction) => Promise<void> | void;
export const handler =
  (run: Handler): RequestHandler =>
  (request, response, next) =>
    run(request, response, next);

export function param(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

export function notFound(what: string): ThenceError {
  return new ThenceError('NOT_FOUND', what);
}

/** A field of a form as text; '' when it was not sent. */
export function field(request: Request, name: string): string {
  const value = (request.body as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value.trim() : '';
}

/** What the browser shows: the address without what polling adds to it. */
function addressOf(request: Request): string {
  const [path = '', query = ''] = request.originalUrl.split('?', 2);
  const search = new URLSearchParams(query);
  search.delete('fragment');
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

function cookieChoice(request: Request, name: string, allowed: readonly string[]): string | null {
  const cookie = request
    .get('cookie')
    ?.split(/; */)
    .find((part) => part.startsWith(`${name}=`));
  const value = cookie?.slice(name.length + 1) ?? '';
  return allowed.includes(value) ? value : null;
}
