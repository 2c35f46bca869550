/**
 * The connections of one process. `pool` carries the hot path and all transitions: parametrised SQL, `int8` as number, `timestamptz`
 * as `Date`. `orm()` is TypeORM's DataSource, for simple reads and CRUD; it connects at its first use.
 *
 * The pool's clients are in pipeline mode: statements that are sent without awaiting the one before travel in one flush, and are still
 * carried out in order. `await` after each, and they behave as ever. After an error inside a transaction, send ROLLBACK as usual.
 */
import pg from 'pg';
import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import { ThenceError } from '../core/errors';
import type { Logger } from '../telemetry/logger';

export interface Database {
  readonly url: string;
  readonly pool: Pool;
  /** The same DataSource each time, connected. */
  orm(): Promise<DataSource>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Seen in pg_stat_activity: 'thence-scheduler'. */
  readonly applicationName: string;
  /** Of `pool`; TypeORM has at most 2 of its own. Default 10. */
  readonly maxConnections?: number;
  readonly logger?: Logger;
}

/**
 * What keeps a frozen process or a half-open socket from holding a lock for ever: a transaction in which the client thinks for more than
 * 5 s is ended by the server, nobody waits for a lock beyond 10 s, no statement runs beyond 30 s.
 */
const guards = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 5_000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  connectionTimeoutMillis: 10_000,
} as const;

/** Opens the pool and proves that the server answers. Throws UNAVAILABLE with the server's host and name, never with the password. */
export async function openDatabase({ url, applicationName, maxConnections = 10, logger }: DatabaseOptions): Promise<Database> {
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
  pool.on('error', (error) => logger?.warn('an idle database connection was lost', { error: error.message }));
  // One that breaks while it is lent out says so in its queries; nobody listening to it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await pool.query('SELECT 1');
  } catch (error) {
    await pool.end();
    throw unreachable(url, error);
  }

  let orm: Promise<DataSource> | null = null;
  return {
    url,
    pool,
    orm: () =>
      (orm ??= loadOrm()
        .connectOrm({ url, applicationName, guards })
        .catch((error: unknown) => {
          orm = null;
          throw error;
        })),
    close: async () => {
      if (orm) await orm.then((source) => source.destroy()).catch(() => undefined);
      await pool.end();
    },
  };
}

/** The URL without its password, for messages and logs. */
export function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password) parsed.password = '***';
    return parsed.toString();
  } catch {
    return '(a URL that cannot be read)';
  }
}

export function unreachable(url: string, cause: unknown): ThenceError {
  const why = cause instanceof Error ? cause.message || ((cause as { code?: string }).code ?? cause.name) : String(cause);
  return new ThenceError(
    'UNAVAILABLE',
    `cannot reach the database at ${withoutPassword(url)}: ${why}. Is it running, and is THENCE_DATABASE_URL right?`,
    { cause },
  );
}

const int8 = 20;
const typeParser: pg.CustomTypesConfig['getTypeParser'] = ((oid: number, format?: 'text' | 'binary') =>
  oid === int8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format)) as pg.CustomTypesConfig['getTypeParser'];

// eslint-disable-next-line @typescript-eslint/no-require-imports -- see orm.ts
const loadOrm = () => require('./orm') as typeof import('./orm');
