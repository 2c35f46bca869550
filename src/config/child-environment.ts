import type { Config } from './config';

/** The environment of a process of ours that a supervisor starts: this one's, with what was found out at the start made explicit. */
export function childEnvironment(config: Config, found: { databaseUrl: string; examplesUrl: string | null }): NodeJS.ProcessEnv {
  return {
    ...process.env,
    THENCE_HOME: config.home,
    THENCE_DAGS_FOLDER: config.dagsFolder,
    // Options of the command line.
    THENCE_HOST: config.host,
    THENCE_PORT: String(config.port),
    THENCE_DATABASE_URL: found.databaseUrl,
    ...(found.examplesUrl === null ? {} : { THENCE_CONN_EXAMPLES: found.examplesUrl }),
  };
}
