/** Brings a database's schema to the code's. Safe when several processes do it at once: one session-level lock, on one direct connection. */
import pg from 'pg';
import { migrations } from '../../migrations';
import { ThenceError } from '../core/errors';
import { unreachable } from './database';

const table = 'schema_migration';
/** Any number, as long as it is always the same: 'thence' in ASCII. */
const lockKey = '128017063241573';

/** Applies what is missing, each migration in its own transaction. Returns the names that it applied. Refuses a schema newer than the code. */
export async function migrate(url: string): Promise<readonly string[]> {
  return locked(url, async (client) => {
    const unknown = await unknownMigrations(client);
    if (unknown.length > 0) {
      throw new ThenceError(
        'CONFIG',
        `the database was migrated by a newer thence: it has ${unknown.join(', ')}, which this version does not know. Upgrade thence, or point it at another database.`,
      );
    }
    return loadOrm().withMigrations(url, table, async (source) =>
      (await source.runMigrations({ transaction: 'each' })).map((migration) => migration.name),
    );
  });
}

/** Names of the migrations that `migrate` would apply, oldest first. */
export async function pendingMigrations(url: string): Promise<readonly string[]> {
  return connected(url, async (client) => {
    const applied = new Set(await appliedMigrations(client));
    return migrations.map((migration) => migration.name).filter((name) => !applied.has(name));
  });
}

/** Takes back all migrations, newest first: every table of ours and all that is in it. */
export async function undoMigrations(url: string): Promise<void> {
  await locked(url, async (client) => {
    const applied = await appliedMigrations(client);
    await loadOrm().withMigrations(url, table, async (source) => {
      for (const _ of applied) await source.undoLastMigration({ transaction: 'each' });
    });
  });
}

async function appliedMigrations(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table]);
  if (!rows[0]?.there) return [];
  const applied = await client.query<{ name: string }>(`SELECT name FROM ${table} ORDER BY id`);
  return applied.rows.map((row) => row.name);
}

async function unknownMigrations(client: pg.Client): Promise<string[]> {
  const known = new Set<string>(migrations.map((migration) => migration.name));
  return (await appliedMigrations(client)).filter((name) => !known.has(name));
}

async function locked<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return connected(url, async (client) => {
    // Released with the connection, also when this process dies.
    await client.query('SELECT pg_advisory_lock($1)', [lockKey]);
    return work(client);
  });
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'thence-migrate',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw unreachable(url, error);
  });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- see orm.ts
const loadOrm = () => require('./orm') as typeof import('./orm');
