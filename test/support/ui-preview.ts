/**
 * Serves the pages over the showcase, for looking at them: `npx esbuild test/support/ui-preview.ts --bundle --platform=node
 * --packages=external --outfile=dist/ui-preview.cjs && node dist/ui-preview.cjs <database url> [port]`. Sign in as admin / admin.
 * The database must be migrated and is emptied first. Commands only say that they were called.
 */
import { openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { createWebserver } from '../../webserver/server';
import { testConfig } from './config';
import { fillShowcase } from './ui-fixtures';
import { fillMapped } from './ui-mapped-fixtures';
import { recordingCommands, silentLogger, testAuth, testCipher } from './web';

async function main(): Promise<void> {
  const [url = '', port = '8099'] = process.argv.slice(2);
  await migrate(url);
  const database = await openDatabase({ url, applicationName: 'thence-preview' });
  const { rows } = await database.pool.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration'",
  );
  await database.pool.query(`TRUNCATE ${rows.map((row) => row.name).join(', ')} RESTART IDENTITY CASCADE`);
  await database.pool.query("INSERT INTO pool (name, slots, description) VALUES ('default_pool', 128, 'Default pool')");
  const { logs } = await fillShowcase(database.pool, { large: true });
  await fillMapped(database.pool, { logs });
  await fillMapped(database.pool, { dagId: 'file_loads_many', instances: 100_000 });
  const commands = recordingCommands(database.pool);
  const app = createWebserver({
    config: testConfig(), database, auth: testAuth, commands, logStore: logs, secretKey: 'preview', cipher: testCipher, logger: silentLogger, metrics: async () => '',
  }); // prettier-ignore
  app.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
}
void main();
