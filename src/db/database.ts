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
import { guardedPool, guards } from './guarded-pool';

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

/** Opens the pool and proves that the server answers. Throws UNAVAILABLE with the server's host and name, never with the password. */
export async function openDatabase({ url, applicationName, maxConnections = 10, logger }: DatabaseOptions): Promise<Database> {
  const pool = guardedPool({ url, applicationName, maxConnections, logger, typeParser });
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
