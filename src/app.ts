/**
 * The composition root: the one place that knows which concrete part stands behind each port. The processes (src/processes) and the
 * command line put themselves together from here.
 */
import { createCommands } from './commands/create-commands';
import type { Commands } from './commands/commands';
import type { Config } from './config/config';
import { ThenceError } from './core/errors';
import { systemClock } from './core/time';
import type { Database } from './db/database';
import { openDatabase } from './db/database';
import { ensureEmbeddedPostgres } from './db/embedded/embedded-postgres';
import { createDatabase } from './db/embedded/create-database';
import { migrate, pendingMigrations } from './db/migrate';
import { waitForDatabase } from './db/wait-for-database';
import type { LogStore } from './logs/log-store';
import type { Cipher } from './secrets/cipher';
import { PostgresLedger } from './ledger/postgres/postgres-ledger';
import { openSchedules } from './processes/open-schedules';
import { createWakeup } from './service/wakeup';
import type { Logger } from './telemetry/logger';

export interface DatabaseServer {
  readonly url: string;
  readonly embedded: boolean;
  /** Stops the embedded server if nobody else is connected; a server of one's own is left alone. */
  release(): Promise<void>;
}

/** The configured server, or the home's embedded one, started or joined. */
export async function acquireServer(config: Config, logger: Logger, signal?: AbortSignal): Promise<DatabaseServer> {
  if (config.databaseUrl !== null) {
    await waitForDatabase(config.databaseUrl, logger, { signal });
    return { url: config.databaseUrl, embedded: false, release: async () => undefined };
  }
  const server = await ensureEmbeddedPostgres(config.home, logger);
  return {
    url: server.url,
    embedded: true,
    async release() {
      await server.stop();
    },
  };
}

/** Brings the schema up to date and says what it did. */
export async function prepareDatabase(url: string, logger: Logger): Promise<void> {
  const applied = await migrate(url);
  if (applied.length > 0) logger.info(`the database schema is up to date; applied: ${applied.join(', ')}`);
}

/** The second database, in which the example DAGs keep their table. Null where the server does not let us make one. */
export async function provisionExamples(url: string, logger: Logger): Promise<string | null> {
  try {
    return await createDatabase(url, 'thence_examples');
  } catch (error) {
    logger.warn(`the examples' database could not be made, so the examples that need it will fail: ${(error as Error).message}`);
    return null;
  }
}

/** A process's own connections to a server whose schema is up to date. */
export interface OpenServer {
  readonly server: DatabaseServer;
  readonly database: Database;
  /** Closes the connections; stops an embedded server that nobody else uses. */
  readonly close: () => Promise<void>;
}

/** @throws ThenceError when the server cannot be reached or its schema is older than the code */
export async function openServer(config: Config, name: string, logger: Logger, signal?: AbortSignal): Promise<OpenServer> {
  const server = await acquireServer(config, logger, signal);
  const pending = await pendingMigrations(server.url);
  if (pending.length > 0) {
    await server.release();
    throw new ThenceError('CONFIG', `the database has to be migrated first: run "thence db migrate" (missing: ${pending.join(', ')})`);
  }
  const database = await openDatabase({ url: server.url, applicationName: `thence-${name}`, logger });
  return {
    server,
    database,
    async close() {
      await database.close();
      await server.release();
    },
  };
}

/** The commands of a process that only changes what people ask for: the web server, the command line. */
export function openCommands(
  config: Config,
  database: Database,
  { logger, cipher, logs }: { readonly logger?: Logger; readonly cipher?: () => Cipher; readonly logs?: LogStore } = {},
): { readonly commands: Commands; readonly close: () => Promise<void> } {
  const ledger = new PostgresLedger({ url: database.url, applicationName: 'thence-commands', maxConnections: 2, logger });
  const schedules = openSchedules(config, database.pool);
  const commands = createCommands({ database, ledger, clock: systemClock, wakeup: createWakeup(database.pool), cipher, schedules, logs });
  return {
    commands,
    async close() {
      schedules.stop();
      await ledger.close();
    },
  };
}
