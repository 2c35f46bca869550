/** What commands that need the database share: opening it, and who is calling. */
import { createRequire } from 'node:module';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Commands, Actor } from '../commands/commands';
import type { Config } from '../config/config';
import { maskUrl } from '../config/settings';
import { ThenceError } from '../core/errors';
import { systemClock } from '../core/time';
import { openDatabase } from '../db/database';
import type { Database } from '../db/database';
import { isOutage } from '../db/outage';
import { ensureEmbeddedPostgres } from '../db/embedded/embedded-postgres';
import { createWakeup } from '../service/wakeup';
import { hasEmbeddedDatabase } from './read-config';

const load = createRequire(__filename);

/** A wake-up is sent a moment after its cause; the connection must live that long. */
const WAKEUP_MS = 25;

export const actor: Actor = { user: os.userInfo().username, via: 'cli' };

export interface DatabaseUse {
  /** Only commands that set things up make an embedded database where there is none. Default false. */
  readonly create?: boolean;
}

/**
 * Opens the database of the configuration, an embedded one is started if it does not run, and closes it again.
 * @throws ThenceError (UNAVAILABLE) when there is none yet, it is down, or it has no schema: says what to run first.
 */
export async function withDatabase<T>(config: Config, use: (db: Database) => Promise<T>, options: DatabaseUse = {}): Promise<T> {
  return withDatabaseUrl(
    config,
    async (url) => {
      const db = await openDatabase({ url, applicationName: 'thence-cli', maxConnections: 4 });
      try {
        return await use(db);
      } catch (error) {
        throw explain(error, url);
      } finally {
        await db.close();
      }
    },
    options,
  );
}

/** For what needs the server alone, such as migrations. */
export async function withDatabaseUrl<T>(
  config: Config,
  use: (url: string) => Promise<T>,
  { create = false }: DatabaseUse = {},
): Promise<T> {
  if (config.databaseUrl !== null) return use(config.databaseUrl);
  if (!create && !hasEmbeddedDatabase(config)) {
    throw new ThenceError(
      'UNAVAILABLE',
      `there is no database yet: ${config.home} has none and THENCE_DATABASE_URL is not set. Run "thence standalone" or "thence db migrate" first, or go to the folder of your project.`,
    );
  }
  const server = await ensureEmbeddedPostgres(config.home);
  try {
    return await use(server.url);
  } finally {
    await server.stop();
  }
}

export async function withCommands<T>(config: Config, use: (commands: Commands, db: Database) => Promise<T>): Promise<T> {
  // What only reads does without them.
  const { createCommands } = load('../commands/create-commands') as typeof import('../commands/create-commands');
  const { FileLogStore } = load('../logs/file-log-store') as typeof import('../logs/file-log-store');
  const { loadKnownCipher } = load('../secrets/load-cipher') as typeof import('../secrets/load-cipher');
  const { PostgresLedger } = load('../ledger/postgres/postgres-ledger') as typeof import('../ledger/postgres/postgres-ledger');
  return withDatabase(config, async (database) => {
    const ledger = new PostgresLedger({ url: database.url, applicationName: 'thence-cli', maxConnections: 2 });
    const wakeup = createWakeup(database.pool);
    const { openSchedules } = load('../processes/open-schedules') as typeof import('../processes/open-schedules');
    const schedules = openSchedules(config, database.pool);
    let woken = false;
    const commands = createCommands({
      database,
      ledger,
      clock: systemClock,
      wakeup: () => {
        woken = true;
        wakeup();
      },
      cipher: () => loadKnownCipher(config),
      schedules,
      logs: new FileLogStore(config.home),
    });
    try {
      return await use(commands, database);
    } finally {
      schedules.stop();
      if (woken) await sleep(WAKEUP_MS);
      await ledger.close();
    }
  });
}

/** What the driver throws when the server has no schema of ours, or went away in the middle, as a sentence; anything else as it is. */
function explain(error: unknown, url: string): unknown {
  const { code, message } = error as { code?: string; message?: string };
  if (error instanceof ThenceError) return error;
  if (code === '42P01' || code === '42703') {
    return new ThenceError(
      'UNAVAILABLE',
      `the database ${maskUrl(url)} does not have the tables of this version (${message}); run "thence db migrate" first`,
      { cause: error },
    );
  }
  if (isOutage(error)) {
    return new ThenceError(
      'UNAVAILABLE',
      `the connection to the database ${maskUrl(url)} was lost (${message}); nothing that was not confirmed has been done`,
      { cause: error },
    );
  }
  return error;
}
