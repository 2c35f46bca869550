/** `thence scheduler`: creates and starts runs, decides what follows, and has an executor run it. */
import { openServer } from '../app';
import type { Config } from '../config/config';
import { packageVersion } from '../config/package-root';
import { createCommands } from '../commands/create-commands';
import { systemClock } from '../core/time';
import { PostgresExecutionApi } from '../execution-api/postgres-execution-api';
import { PostgresLedger } from '../ledger/postgres/postgres-ledger';
import { PgWakeup } from '../ledger/postgres/notifier';
import { FileLogStore } from '../logs/file-log-store';
import { Scheduler } from '../scheduler/scheduler';
import { createSecrets } from '../secrets/create-secrets';
import { createLogger } from '../telemetry/create-logger';
import { ListenerProcess } from '../user-code/listener-process';
import { createExecutor } from '../../executors/create-executor';
import type { Executor } from '../../executors/executor';
import { openSchedules } from './open-schedules';
import { runProcess } from './run-process';

export async function runScheduler(config: Config): Promise<number> {
  const logger = createLogger(config, 'scheduler');
  return runProcess('the scheduler', logger, async (signal) => {
    const executors = executorsByLane(config);
    const { database, close } = await openServer(config, 'scheduler', logger, signal);
    const url = config.databaseDirectUrl ?? database.url;
    const ledger = new PostgresLedger({
      url: database.url,
      applicationName: 'thence-ledger',
      maxLostTries: config.maxLostTries,
      defaultExecutor: config.executors[0],
      logger,
    });
    const wakeup = new PgWakeup({ url, logger });
    await wakeup.start();
    const commands = createCommands({ database, ledger, clock: systemClock, wakeup: () => wakeup.notify() });
    const api = new PostgresExecutionApi({
      pool: database.pool,
      secrets: createSecrets(config, database.pool),
      maxXcomBytes: config.maxXcomBytes,
      commands,
    });
    const logs = new FileLogStore(config.home);
    const schedules = openSchedules(config, database.pool);
    const listeners = config.listeners.map((file) => new ListenerProcess({ file, logger: logger.child({ service: 'listener' }) }));
    const parts = { database, ledger, executors, api, logs, wakeup, schedules, listeners };
    const scheduler = new Scheduler({ ...parts, config, version: packageVersion, logger });
    await scheduler.start();
    logger.info(`scheduling with the ${config.executors.join(' and ')} executor, up to ${config.parallelism} tasks at once`);
    return {
      async stop() {
        await scheduler.stop();
        await wakeup.stop();
        await ledger.close();
        await close();
      },
    };
  });
}

/** The first executor has the lane of tasks that name none. */
function executorsByLane(config: Config): ReadonlyMap<string, Executor> {
  return new Map(config.executors.map((name, at) => [at === 0 ? 'default' : name, createExecutor(name, config)]));
}
