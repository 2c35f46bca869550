/** `thence triggerer`: the waits of deferred tasks, thousands at once, while no task process is held. */
import { openServer } from '../app';
import type { Config } from '../config/config';
import { packageVersion } from '../config/package-root';
import { createCommands } from '../commands/create-commands';
import { systemClock } from '../core/time';
import { PostgresExecutionApi } from '../execution-api/postgres-execution-api';
import { PgWakeup } from '../ledger/postgres/notifier';
import { PostgresLedger } from '../ledger/postgres/postgres-ledger';
import { FileLogStore } from '../logs/file-log-store';
import { createSecrets } from '../secrets/create-secrets';
import { createLogger } from '../telemetry/create-logger';
import { Triggerer } from '../triggerer/triggerer';
import { runProcess } from './run-process';

export async function runTriggerer(config: Config): Promise<number> {
  const logger = createLogger(config, 'triggerer');
  return runProcess('the triggerer', logger, async (signal) => {
    const { database, close } = await openServer(config, 'triggerer', logger, signal);
    const ledger = new PostgresLedger({ url: database.url, applicationName: 'thence-triggerer-ledger', maxConnections: 2, logger });
    const wakeup = new PgWakeup({ url: config.databaseDirectUrl ?? database.url, logger });
    await wakeup.start();
    const secrets = createSecrets(config, database.pool);
    const commands = createCommands({ database, ledger, clock: systemClock, wakeup: () => wakeup.notify() });
    const api = new PostgresExecutionApi({ pool: database.pool, secrets, maxXcomBytes: config.maxXcomBytes, commands });
    const logs = new FileLogStore(config.home);
    const triggerer = new Triggerer({ database, ledger, api, secrets, logs, config, version: packageVersion, logger, wakeup });
    await triggerer.start();
    logger.info(`waiting for deferred tasks, with up to ${config.triggererCapacity} triggers of users at once`);
    return {
      async stop() {
        await triggerer.stop();
        await wakeup.stop();
        await ledger.close();
        await close();
      },
    };
  });
}
