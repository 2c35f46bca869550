/**
 * The web server: pages, REST, metrics. Pages read through src/read-model and write through Commands; user code never runs here.
 *
 * Order matters: headers → static files, health and metrics (no session) → REST (tokens) → session → login → everything else behind it.
 */
import path from 'node:path';
import compression from 'compression';
import express from 'express';
import type { Express, RequestHandler } from 'express';
import type { Auth } from '../src/auth/auth';
import type { Commands } from '../src/commands/commands';
import type { Config } from '../src/config/config';
import { packageRoot } from '../src/config/package-root';
import type { Database } from '../src/db/database';
import type { LogStore } from '../src/logs/log-store';
import type { Cipher } from '../src/secrets/cipher';
import type { Logger } from '../src/telemetry/logger';
import { apiRouter } from './api/api-router';
import { adminRoutes } from './routes/admin';
import { callbackRoutes } from './routes/callbacks';
import { connectionRoutes } from './routes/connections';
import { dagListRoutes } from './routes/dag-list';
import { dagRoutes } from './routes/dag';
import { dashboardRoutes } from './routes/dashboard';
import { errorPages } from './routes/errors';
import { loginRoutes, requireLogin } from './routes/login';
import { poolRoutes } from './routes/pools';
import { runRoutes } from './routes/run';
import { taskRoutes } from './routes/task';
import { userRoutes } from './routes/users';
import { variableRoutes } from './routes/variables';
import { verbRoutes } from './routes/verbs';
import { triggerRoutes } from './routes/trigger';
import { backfillRoutes } from './routes/backfills';
import { hashOfFolder } from './ui/assets';
import type { WebContext } from './ui/context';
import { createLinks } from './ui/links';
import { createRenderer } from './ui/render';
import { securityHeaders } from './ui/security';
import { sessions } from './ui/session';

export interface WebserverDeps {
  readonly config: Config;
  readonly database: Database;
  readonly auth: Auth;
  readonly commands: Commands;
  readonly logStore: LogStore;
  readonly secretKey: string;
  /** Opens what is stored of variables and connections. */
  readonly cipher: Cipher;
  readonly logger: Logger;
  /** The text of /metrics. */
  readonly metrics: () => Promise<string>;
}

const viewsFolder = path.join(packageRoot, 'webserver/views');
const publicFolder = path.join(packageRoot, 'webserver/public');
const YEAR_S = 365 * 24 * 3600;

export function createWebserver(deps: WebserverDeps): Express {
  const basePath = basePathOf(deps.config.baseUrl);
  const https = deps.config.baseUrl?.startsWith('https:') ?? false;
  const assetHash = hashOfFolder(publicFolder);
  const context: WebContext = {
    ...deps,
    basePath,
    links: createLinks(basePath, assetHash),
    render: createRenderer(viewsFolder, true),
  };

  const app = express();
  app.disable('x-powered-by');
  // One proxy in front: its X-Forwarded-For and -Proto are believed, nobody else's.
  app.set('trust proxy', deps.config.trustProxy ? 1 : false);
  app.use(securityHeaders(https));
  app.use(compression());

  const site = express.Router();
  site.use(`/static/${assetHash}`, express.static(publicFolder, { immutable: true, maxAge: YEAR_S * 1000, index: false }));
  site.get('/favicon.ico', (_request, response) => response.redirect(301, context.links.asset('favicon.svg')));
  site.get('/healthz', health(deps.database));
  site.get('/metrics', async (_request, response) => {
    response.type('text/plain; version=0.0.4; charset=utf-8').send(await deps.metrics());
  });
  site.use(apiRouter(deps));
  site.use(sessions({ pool: deps.database.pool, secretKey: deps.secretKey, logger: deps.logger, https, cookiePath: basePath || '/' }));
  site.use(express.urlencoded({ extended: false, limit: '1mb' }));
  site.use(loginRoutes(context));
  site.use(requireLogin(context));
  site.use(dashboardRoutes(context));
  site.use(dagListRoutes(context));
  site.use(triggerRoutes(context));
  site.use(backfillRoutes(context));
  site.use(verbRoutes(context));
  site.use(taskRoutes(context));
  site.use(callbackRoutes(context));
  site.use(runRoutes(context));
  site.use(dagRoutes(context));
  site.use(variableRoutes(context));
  site.use(connectionRoutes(context));
  site.use(poolRoutes(context));
  site.use(userRoutes(context));
  site.use(adminRoutes(context));
  errorPages(context, site);

  if (basePath !== '') {
    app.use(basePath, site);
    app.get('/', (_request, response) => response.redirect(302, `${basePath}/`));
  } else {
    app.use(site);
  }
  return app;
}

/** 'https://host/thence/' → '/thence'; '' at the root of a host. */
function basePathOf(baseUrl: string | null): string {
  return baseUrl === null ? '' : new URL(baseUrl).pathname.replace(/\/+$/, '');
}

/** For load balancers: up means that the database answers. Says nothing about schedulers (that is /api/v2/monitor/health). */
function health(database: Database): RequestHandler {
  return async (_request, response) => {
    try {
      await database.pool.query('SELECT 1');
      response.json({ status: 'ok' });
    } catch {
      response.status(503).json({ status: 'database unavailable' });
    }
  };
}
