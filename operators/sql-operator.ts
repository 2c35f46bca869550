import type { JsonValue } from '../src/core/json';
import { ThenceError } from '../src/core/errors';
import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import { madeAt } from '../src/dag/location';
import { boolean, integer, listOf } from '../src/dag/option-checks';
import type { OperatorOptions } from '../src/dag/types';
import { anyOf, anything, checkOwnOptions, filledText } from './own-options';
import { connectionOf, jsonRow, runSql } from './sql-call';

export interface SqlOptions {
  /** Id of a connection of a type that has an SQL driver: `postgres`, or one added by registerSqlDriver. Give this or `url`. */
  connection?: string;
  /** 'postgres://login:password@host:5432/database'. It is stored with the DAG: where it holds a password, use a connection. */
  url?: string;
  /** One statement, a list of them, or the name of a '.sql' file beside the DAG file. A file may hold several, between semicolons. */
  sql: string | readonly string[];
  /** Values for `$1`, `$2` … (or what the driver's database calls them): of each statement of a list. */
  parameters?: readonly unknown[];
  /** Whether all statements of a list are carried out or none. @default true */
  transaction?: boolean;
  /** A result of more rows fails the task: results travel to other tasks, so large ones belong in a table. @default 10000 */
  maxRows?: number;
}

const checks = {
  connection: filledText,
  url: filledText,
  sql: anyOf('a statement, a list of at least one, or the name of a .sql file', filledText, (value) =>
    Array.isArray(value) && value.length > 0 ? listOf(filledText)(value) : 'a list',
  ),
  parameters: listOf(anything),
  transaction: boolean,
  maxRows: integer(0, 1_000_000),
};

/** Output: the rows of the last statement as JSON, by column name; dates are ISO text, bigint and numeric are text, bytes are base64. */
export class SqlOperator<Mapped extends string = never> extends BaseOperator<Readonly<Record<string, JsonValue>>[], SqlOptions, Mapped> {
  static override readonly templateFields: readonly string[] = ['connection', 'url', 'sql', 'parameters'];
  static override readonly templateExt: readonly string[] = ['.sql'];
  static override readonly optionNames: readonly string[] | undefined = Object.keys(checks);

  constructor(id: string, options: OperatorOptions<SqlOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, checks, ['sql']);
    const given = ['connection', 'url'].filter((name) => name in this.options || this['~isExpanded'](name));
    if (given.length === 1) return;
    throw new ThenceError(
      'DAG_FILE',
      `task "${this.id}"${madeAt(this)} ${given.length === 0 ? 'needs a `connection` or a `url`' : 'has both a `connection` and a `url`: give one of them'}`,
    );
  }

  async execute(context: TaskContext): Promise<Readonly<Record<string, JsonValue>>[]> {
    const { sql, parameters = [], transaction = true, maxRows = 10_000 } = this.options;
    const connection = await connectionOf(this.options, context);
    const statements = (typeof sql === 'string' ? [sql] : sql).map((one) => ({ sql: one, parameters }));
    const { rows, rowCount } = await runSql(connection, statements, { signal: context.signal, transaction, maxRows });
    context.log.info(`${statements.length === 1 ? 'The statement' : `The last of ${statements.length} statements`} gave ${rows.length} rows${rowCount === null ? '' : ` (${rowCount} affected)`}`); // prettier-ignore
    return rows.map(jsonRow);
  }
}
