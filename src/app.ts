/**
 * The composition root: the one place that knows which concrete part stands behind each port. The processes (src/processes) and the
 * command line put themselves together from here.
 */
import type { Config } from './config/config';
import { ensureEmbeddedPostgres } from './db/embedded/embedded-postgres';
import { createDatabase } from './db/embedded/create-database';
import { migrate } from './db/migrate';
import type { Logger } from './telemetry/logger';

export interface DatabaseServer {
  readonly url: string;
  readonly embedded: boolean;
  /** Stops the embedded server if nobody else is connected; a server of one's own is left alone. */
  release(): Promise<void>;
}

/** The configured server, or the home's embedded one, started or joined. */
export async function acquireServer(config: Config, logger: Logger): Promise<DatabaseServer> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, embedded: false, release: async () => undefined };
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
