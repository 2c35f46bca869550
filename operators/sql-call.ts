/** The part that SqlOperator and SqlSensor share. */
import { ThenceError } from '../src/core/errors';
import type { JsonValue } from '../src/core/json';
import { sqlDriverOf, type SqlResult, type SqlStatement } from '../src/connections/sql-driver';
import { tooManyRows } from '../src/connections/too-many-rows';
import type { TaskContext } from '../src/dag/context';
import type { ConnectionInfo } from '../src/execution-api/execution-api';
import { parseConnection } from '../src/secrets/parse-connection';

export async function connectionOf(
  options: { readonly connection?: string; readonly url?: string },
  context: TaskContext,
): Promise<ConnectionInfo> {
  if (options.connection !== undefined) return context.connections.get(options.connection);
  return parseConnection('url', options.url!, '`url`');
}

export interface RunSqlOptions {
  readonly signal: AbortSignal;
  readonly transaction: boolean;
  readonly maxRows: number;
}

/** @returns the result of the last statement. @throws when it has more than `maxRows` rows, or the driver cannot do several in one transaction */
export async function runSql(connection: ConnectionInfo, statements: readonly SqlStatement[], options: RunSqlOptions): Promise<SqlResult> {
  const { signal, transaction, maxRows } = options;
  const driver = sqlDriverOf(connection);
  let result: SqlResult;
  if (statements.length === 1 || !transaction) {
    for (const { sql, parameters } of statements) result = await driver.query(connection, sql, parameters, { signal, maxRows });
  } else {
    if (!driver.transaction)
      throw new ThenceError(
        'INVALID_VALUE',
        `the SQL driver for connections of type "${connection.type}" cannot carry out several statements in one transaction; set \`transaction: false\`, or write them into one`,
      );
    result = (await driver.transaction(connection, statements, { signal, maxRows })).at(-1)!;
  }
  if (result!.rows.length > maxRows) throw tooManyRows(maxRows);
  return result!;
}

export const jsonRow = (row: Readonly<Record<string, unknown>>): Readonly<Record<string, JsonValue>> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, jsonValue(value)]));

export function jsonValue(value: unknown): JsonValue {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value === 'object') {
    const { toJSON } = value as { toJSON?: () => unknown };
    return typeof toJSON === 'function' ? jsonValue(toJSON.call(value)) : jsonRow(value as Record<string, unknown>);
  }
  return value as JsonValue;
}
