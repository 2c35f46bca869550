/** The one way to make a pool: guarded by timeouts, in pipeline mode, deaf to connections that break (their queries say so). */
import pg from 'pg';
import type { Pool } from 'pg';
import type { Logger } from '../telemetry/logger';

/**
 * What keeps a frozen process or a half-open socket from holding a lock for ever: a transaction in which the client thinks for more than
 * 5 s is ended by the server, nobody waits for a lock beyond 10 s, no statement runs beyond 30 s.
 */
export const guards = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 5_000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 5_000,
  connectionTimeoutMillis: 10_000,
} as const;

export interface GuardedPoolOptions {
  readonly url: string;
  /** Seen in pg_stat_activity: 'thence-scheduler'. */
  readonly applicationName: string;
  readonly maxConnections: number;
  readonly logger?: Logger | null;
  readonly typeParser: pg.CustomTypesConfig['getTypeParser'];
  /** SQL that each new connection begins with. */
  readonly settings?: string;
}

/** Connects at the first use. */
export function guardedPool({ url, applicationName, maxConnections, logger, typeParser, settings }: GuardedPoolOptions): Pool {
  const pool = new pg.Pool({
    ...guards,
    connectionString: url,
    application_name: applicationName,
    max: maxConnections,
    idleTimeoutMillis: 60_000,
    pipeline: true,
    types: { getTypeParser: typeParser },
  });
  // A connection that breaks while idle is dropped by the pool and replaced at the next use.
  pool.on('error', (error) => logger?.warn(`an idle database connection was lost: ${error.message}`));
  pool.on('connect', (client) => {
    // One that breaks while it is lent out says so in its queries; nobody listening to it would end the process.
    client.on('error', () => undefined);
    if (settings !== undefined) client.query(settings).catch(() => undefined);
  });
  return pool;
}
