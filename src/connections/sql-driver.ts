/**
 * How SQL reaches a database, by the type of its connection. `postgres` is built in; a module of the user's adds others, in the file
 * that defines the DAG or in one that it imports, since that is what runs beside the task:
 *
 * ```ts
 * import { registerSqlDriver } from 'thence';
 * registerSqlDriver('mysql', { query: async (connection, sql, parameters) => … });
 * ```
 */
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { ConnectionInfo } from '../execution-api/execution-api';
import { postgresDriver } from './postgres';

export interface SqlResult {
  /** By column name. Of the last statement, when there were several. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** In the order of the columns. */
  readonly fields: readonly { readonly name: string }[];
  /** Rows changed or returned; null where the database does not say. */
  readonly rowCount: number | null;
}

export interface SqlQueryOptions {
  /** Aborted when the task is to stop: the statement is cancelled, and `query` rejects. */
  readonly signal?: AbortSignal;
  /** Who asks has no use for a result of more rows: a driver that can, stops reading there and rejects. */
  readonly maxRows?: number;
}

export interface SqlStatement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

export interface SqlDriver {
  /** Carries out `sql` on a connection of its own, all of it or nothing. How parameters are marked (`$1`, `?`) is the database's business. */
  query(connection: ConnectionInfo, sql: string, parameters: readonly unknown[], options?: SqlQueryOptions): Promise<SqlResult>;
  /** Several statements in order, all or none. Left out: the database, or its driver, cannot. */
  transaction?(connection: ConnectionInfo, statements: readonly SqlStatement[], options?: SqlQueryOptions): Promise<readonly SqlResult[]>;
}

const drivers = new Map<string, SqlDriver>([['postgres', postgresDriver]]);

/** For connections of this type from here on, in this process; replaces what was there. */
export function registerSqlDriver(type: string, driver: SqlDriver): void {
  if (typeof driver?.query !== 'function')
    throw new ThenceError('INVALID_VALUE', `the SQL driver for "${type}" has no query(connection, sql, parameters)`);
  drivers.set(normal(type), driver);
}

/** @throws NOT_FOUND naming the types that there are */
export function sqlDriverOf({ id, type }: Pick<ConnectionInfo, 'id' | 'type'>): SqlDriver {
  const driver = drivers.get(normal(type));
  if (driver) return driver;
  const known = [...drivers.keys()];
  throw new ThenceError(
    'NOT_FOUND',
    `connection "${id}" has the type "${type}", for which there is no SQL driver (there is: ${known.join(', ')})${didYouMean(type, known) || '; add one with registerSqlDriver'}`,
  );
}

const normal = (type: string) => type.toLowerCase().replaceAll('-', '_');
