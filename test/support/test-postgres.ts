/**
 * One Postgres for all tests of this machine, in the temporary folder: started by the first test file that needs it, joined by the
 * others, stopped when a test run ends and nobody else is connected. Its data is disposable, so it never waits for the disk.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureEmbeddedPostgres, joinEmbeddedPostgres, type EmbeddedPostgres } from '../../src/db/embedded/embedded-postgres';
import { createDatabase, databaseUrl } from '../../src/db/embedded/create-database';
import { migrate } from '../../src/db/migrate';
import pg from 'pg';

const testHome = path.join(os.tmpdir(), 'thence-test-postgres-18');

export async function testPostgres(): Promise<EmbeddedPostgres> {
  return ensureEmbeddedPostgres(testHome, undefined, {
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '400', shared_buffers: '128MB', log_min_messages: 'fatal' },
  });
}

export async function runningTestPostgres(): Promise<EmbeddedPostgres | null> {
  return joinEmbeddedPostgres(testHome);
}

/** A migrated database that is only ever copied. Named for the migrations' text, so that a changed one gives a new template. */
export async function migratedTemplate(serverUrl: string): Promise<string> {
  const folder = path.join(__dirname, '../../migrations');
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(path.join(folder, file)));
  const name = `template_${hash.digest('hex').slice(0, 16)}`;
  await onServer(serverUrl, async (client) => {
    // For the session: only one process of all test runs makes the template.
    await client.query('SELECT pg_advisory_lock(1)');
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount !== 0) return;
    const making = `${name}_making`;
    await client.query(`DROP DATABASE IF EXISTS ${making} WITH (FORCE)`);
    await migrate(await createDatabase(serverUrl, making));
    await client.query(`ALTER DATABASE ${making} RENAME TO ${name}`);
  });
  return name;
}

/** Drops test databases whose process is dead. Their names end with its pid. */
export async function dropLeftovers(serverUrl: string): Promise<void> {
  await onServer(serverUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'");
    for (const { datname } of rows) {
      if (isAlive(Number(datname.split('_').at(-1)))) continue;
      await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(datname)} WITH (FORCE)`);
    }
  });
}

export async function onServer<T>(serverUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl(serverUrl, 'postgres'), application_name: 'thence-test-support' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
