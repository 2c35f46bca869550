import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Pool } from 'pg';
import { createDatabase } from '../../src/db/embedded/create-database';
import type { EmbeddedPostgres } from '../../src/db/embedded/embedded-postgres';
import { openDatabase, type Database } from '../../src/db/database';
import { migratedTemplate, onServer, testPostgres } from './test-postgres';

export interface TestDatabase {
  /** Of this test file alone. */
  readonly url: string;
  readonly database: Database;
  readonly pool: Pool;
  /** Empties every table (and puts `default_pool` back), for files that want each test to begin with nothing. */
  reset(): Promise<void>;
}

/**
 * Gives the test file a database of its own, copied from a migrated template. Call it at the top of a file or a `describe`; what it
 * returns can be used from `beforeAll` on. `migrated: false` gives an empty one.
 */
export function useTestDatabase({ migrated = true }: { migrated?: boolean } = {}): TestDatabase {
  const name = `test_${randomBytes(6).toString('hex')}_${process.pid}`;
  let server: EmbeddedPostgres | null = null;
  let opened: { url: string; database: Database } | null = null;

  beforeAll(async () => {
    server = await testPostgres();
    const template = migrated ? await migratedTemplate(server.url) : undefined;
    const url = await createDatabase(server.url, name, { template });
    opened = { url, database: await openDatabase({ url, applicationName: 'thence-test', maxConnections: 20 }) };
  });

  afterAll(async () => {
    await opened?.database.close();
    if (!server) return;
    await onServer(server.url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    await server.leave();
  });

  const current = () => {
    if (!opened) throw new Error('the test database is there from beforeAll on');
    return opened;
  };
  return {
    get url() {
      return current().url;
    },
    get database() {
      return current().database;
    },
    get pool() {
      return current().database.pool;
    },
    reset: async () => resetTables(current().database.pool),
  };
}

async function resetTables(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration'",
  );
  await pool.query(`TRUNCATE ${rows.map((row) => pg.escapeIdentifier(row.name)).join(', ')} RESTART IDENTITY CASCADE`);
  await pool.query("INSERT INTO pool (name, slots, description) VALUES ('default_pool', 128, 'Default pool')");
}
