/**
 * `thence standalone`: everything on one machine. Prepares the database, then keeps a scheduler, a DAG processor, a triggerer and a web server
 * alive as child processes. When the embedded Postgres dies, it is started again here; the children wait for it.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireServer, prepareDatabase, provisionExamples, type DatabaseServer } from '../app';
import { ensureAdmin } from '../auth/ensure-admin';
import { childEnvironment } from '../config/child-environment';
import type { Config } from '../config/config';
import { thenceCommand } from '../config/package-root';
import { openDatabase } from '../db/database';
import { createLogger } from '../telemetry/create-logger';
import type { Logger } from '../telemetry/logger';
import { ThenceError } from '../core/errors';
import { assertPortFree } from './assert-port-free';
import { runProcess } from './run-process';
import { supervise } from './supervisor';

/** For a child to stop in, on top of the grace time that it gives to its tasks. */
const stopGraceMs = 15_000;

export async function runStandalone(config: Config): Promise<number> {
  const logger = createLogger(config, 'standalone');
  return runProcess('thence', logger, async (signal) => {
    await assertPortFree(config.host, config.port);
    let server = await acquireServer(config, logger, signal);
    await prepareDatabase(server.url, logger);
    const examplesUrl = config.loadExamples && !config.connections['examples'] ? await provisionExamples(server.url, logger) : null;
    const admin = await prepareAdmin(config, server.url);

    const env = childEnvironment(config, { databaseUrl: server.url, examplesUrl });
    const children = supervise(
      ['scheduler', 'dag-processor', 'triggerer', 'webserver'].map((name) => ({ name, module: thenceCommand, args: [name], env })),
      logger,
    );
    const watching = new AbortController();
    if (server.embedded) void keepServerAlive(config, server, logger, watching.signal, (next) => (server = next));
    void announce(config, admin, logger, watching.signal);

    return {
      ended: children.failed,
      async stop() {
        watching.abort();
        await children.stop(config.killGraceMs + stopGraceMs);
        await server.release();
      },
    };
  });
}

interface AdminHint {
  readonly generated: string | null;
}

async function prepareAdmin(config: Config, url: string): Promise<AdminHint> {
  const database = await openDatabase({ url, applicationName: 'thence-standalone', maxConnections: 1 });
  try {
    return await ensureAdmin({ pool: database.pool, home: config.home, adminPassword: config.adminPassword });
  } finally {
    await database.close();
  }
}

/** Says where the pages are, once they answer. */
async function announce(config: Config, admin: AdminHint, logger: Logger, signal: AbortSignal): Promise<void> {
  const host = config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${config.port}`;
  while (!signal.aborted) {
    const answers = await fetch(`${url}/healthz`)
      .then((response) => response.ok)
      .catch(() => false);
    if (answers) break;
    await sleep(100, undefined, { signal }).catch(() => undefined);
  }
  if (signal.aborted) return;
  const password =
    admin.generated !== null
      ? `the password is ${admin.generated}`
      : config.adminPassword !== null
        ? 'the password is that of THENCE_ADMIN_PASSWORD'
        : existsSync(`${config.home}/admin-password`)
          ? `the password is in ${config.home}/admin-password`
          : 'the password is the one that was set before';
  process.stdout.write(
    `\n  thence is ready: ${config.baseUrl ?? url}\n  log in as admin; ${password}\n  DAG files: ${config.dagsFolder}\n\n`,
  );
  logger.debug('announced');
}

/** A home's Postgres that was killed comes back within seconds, at the same port unless that was taken meanwhile. */
async function keepServerAlive(
  config: Config,
  first: DatabaseServer,
  logger: Logger,
  signal: AbortSignal,
  replace: (server: DatabaseServer) => void,
): Promise<void> {
  let server = first;
  while (!signal.aborted) {
    await sleep(2_000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const probe = await openDatabase({ url: server.url, applicationName: 'thence-probe', maxConnections: 1 });
      await probe.close();
    } catch (error) {
      if (!(error instanceof ThenceError) || signal.aborted) continue;
      logger.warn('the embedded Postgres does not answer; starting it again');
      try {
        const next = await acquireServer(config, logger);
        if (next.url !== server.url) logger.error('the embedded Postgres came back at another port; restart thence');
        replace((server = next));
      } catch (failure) {
        logger.error(`the embedded Postgres could not be started: ${(failure as Error).message}`);
      }
    }
  }
}
