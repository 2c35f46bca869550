import { isYes } from '../src/connections/is-yes';
import { ThenceError } from '../src/core/errors';
import type { JsonValue } from '../src/core/json';
import type { BuiltInWait } from '../src/core/waits';
import type { TaskContext } from '../src/dag/context';
import { madeAt } from '../src/dag/location';
import { boolean, func, listOf } from '../src/dag/option-checks';
import { FailError } from '../src/dag/task-errors';
import type { OperatorOptions } from '../src/dag/types';
import { BaseSensor, type PokeResult, type SensorOptions } from './base-sensor';
import { anything, checkOwnOptions, filledText } from './own-options';
import { connectionOf, jsonRow, jsonValue, runSql } from './sql-call';

export interface SqlSensorOptions {
  /** As of SqlOperator: give this or `url`. */
  connection?: string;
  url?: string;
  /** One statement, or the name of a '.sql' file beside the DAG file. */
  sql: string;
  parameters?: readonly unknown[];
  /** Asked about the first value of the first row (undefined: no rows) and that row. @default whether it is none of null, false, 0, '', '0', 'f', 'false' */
  check?: (value: JsonValue | undefined, row: Readonly<Record<string, JsonValue>> | undefined) => boolean | Promise<boolean>;
  /** No rows at all fail the task. @default false */
  failOnEmpty?: boolean;
}

const checks = {
  connection: filledText,
  url: filledText,
  sql: filledText,
  parameters: listOf(anything),
  check: func,
  failOnEmpty: boolean,
};
const MOST_ROWS = 10_000;

/** Waits until a query says yes. Output: the first value of its first row. */
export class SqlSensor<Mapped extends string = never> extends BaseSensor<JsonValue, SqlSensorOptions, Mapped> {
  static override readonly templateFields: readonly string[] = ['connection', 'url', 'sql', 'parameters'];
  static override readonly templateExt: readonly string[] = ['.sql'];
  static override readonly optionNames: readonly string[] | undefined = Object.keys(checks);

  constructor(id: string, options: OperatorOptions<SqlSensorOptions & SensorOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, checks, ['sql']);
    const given = ['connection', 'url'].filter((name) => name in this.options || this['~isExpanded'](name));
    if (given.length !== 1)
      throw new ThenceError('DAG_FILE', `task "${this.id}"${madeAt(this)} needs a \`connection\` or a \`url\`, and not both`);
  }

  async poke(context: TaskContext): Promise<PokeResult<JsonValue>> {
    const { sql, parameters = [], check, failOnEmpty } = this.options;
    const connection = await connectionOf(this.options, context);
    const { rows, fields } = await runSql(connection, [{ sql, parameters }], {
      signal: context.signal,
      transaction: true,
      maxRows: MOST_ROWS,
    });
    const [row] = rows;
    if (row === undefined && failOnEmpty) throw new FailError('the query gave no rows, and `failOnEmpty` is set');
    const column = fields[0]?.name ?? Object.keys(row ?? {})[0];
    const value = row === undefined || column === undefined ? undefined : jsonValue(row[column]);
    const done = check ? await check(value, row && jsonRow(row)) : isYes(value);
    return value === undefined ? done : { done, value };
  }

  /** What `check` and `failOnEmpty` would say is not known outside of the task: it looks itself then, after each interval. */
  override waitFor(): BuiltInWait | null {
    const { connection, sql, parameters = [], check, failOnEmpty } = this.options;
    if (connection === undefined || check || failOnEmpty) return null;
    return { kind: 'sql', args: { connection, sql, parameters: parameters as readonly JsonValue[] } };
  }
}
