/** `thence webserver`: pages, REST and /metrics. */
import { createServer, type Server } from 'node:http';
import { openCommands, openServer } from '../app';
import { createAuth } from '../auth/create-auth';
import { loadSecretKey } from '../auth/home-secret';
import type { Config } from '../config/config';
import { packageVersion } from '../config/package-root';
import { FileLogStore } from '../logs/file-log-store';
import { PostgresLedger } from '../ledger/postgres/postgres-ledger';
import { loadCipher } from '../secrets/load-cipher';
import { SessionKeeper } from '../service/session-keeper';
import { collectMetrics } from '../telemetry/collect-metrics';
import { createLogger } from '../telemetry/create-logger';
import { createWebserver } from '../../webserver/server';
import { cannotListen } from './assert-port-free';
import { runProcess } from './run-process';

export async function runWebserver(config: Config): Promise<number> {
  const logger = createLogger(config, 'webserver');
  return runProcess('the web server', logger, async (signal) => {
    const { database, close } = await openServer(config, 'webserver', logger, signal);
    const secretKey = loadSecretKey(config);
    const cipher = loadCipher(config);
    const auth = createAuth({ pool: database.pool, secretKey });
    const logStore = new FileLogStore(config.home);
    const { commands, close: closeCommands } = openCommands(config, database, { logger, cipher: () => cipher, logs: logStore });
    const metrics = () => collectMetrics(database);
    const app = createWebserver({ config, database, auth, commands, logStore, secretKey, cipher, logger, metrics });
    const ledger = new PostgresLedger({ url: database.url, applicationName: 'thence-webserver-session', maxConnections: 1, logger });
    const keeper = new SessionKeeper({
      ledger,
      logger,
      info: { kind: 'webserver', version: packageVersion, lanes: [], capacity: 0, leaseMs: config.leaseMs },
    });

    const server = createServer(app);
    await listen(server, config);
    await keeper.start();
    logger.info(`listening on ${config.host}:${config.port}`);
    return {
      async stop() {
        server.closeIdleConnections();
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        setTimeout(() => server.closeAllConnections(), 2_000).unref();
        await closed;
        await keeper.stop();
        await ledger.close();
        await closeCommands();
        await close();
      },
    };
  });
}

async function listen(server: Server, { host, port }: Config): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
    server.listen(port, host, () => resolve());
  });
}
