import type { ExecutionApi } from '../../src/execution-api/execution-api';
import { openDatabase } from '../../src/db/database';
import { PgWakeup } from '../../src/ledger/postgres/notifier';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import type { LogStore } from '../../src/logs/log-store';
import { Scheduler } from '../../src/scheduler/scheduler';
import { silentLogger } from '../../src/telemetry/create-logger';
import type { InstantExecutor } from './instant-executor';

const logs: LogStore = {
  pathOf: (ref) => `/logs/${ref.dagId}/${ref.runId}/${ref.taskId}/${'callback' in ref ? ref.event : ref.tryNumber}`,
  read: async () => ({ lines: [], next: 0 }),
  append: async () => undefined,
  deleteRun: async () => undefined,
};
const config = { dagsFolder: '/dags', maxXcomBytes: 1024, parallelism: 16, leaseMs: 3_000, killGraceMs: 100, retentionMs: null };

/** A real scheduler on the database, with an executor without processes. Returns how to stop it. */
export async function runScheduler(url: string, executor: InstantExecutor, now: () => number): Promise<() => Promise<void>> {
  const ledger = new PostgresLedger({ url, defaultExecutor: 'instant' });
  const wakeup = new PgWakeup({ url });
  const database = await openDatabase({ url, applicationName: 'thence-test-scheduler' });
  await wakeup.start();
  const scheduler = new Scheduler({
    database,
    ledger,
    executors: new Map([['default', executor]]),
    api: {} as ExecutionApi,
    logs,
    config,
    version: '0.0.0',
    logger: silentLogger,
    wakeup,
    clock: { now },
  });
  await scheduler.start();
  return async () => {
    await scheduler.stop();
    await wakeup.stop();
    await ledger.close();
    await database.close();
  };
}
