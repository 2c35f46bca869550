import { createRequire } from 'node:module';
import Table from 'cli-table3';
import { Option } from 'commander';
import type { Command } from 'commander';
import { ThenceError } from '../core/errors';
import type { JsonValue } from '../core/json';
import type { LogLine } from '../logs/log-store';
import { coloursFor } from '../telemetry/colours';

export type Format = 'table' | 'json' | 'yaml' | 'plain';

/** One line of a list. The keys are the columns, in order, and the keys of JSON and YAML. */
export type Row = { readonly [column: string]: JsonValue };

/** Adds `-o`, as every command that lists something has it. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'yaml', 'plain']).default('table'),
  );
}

/** `empty` is what a person reads when there is nothing; JSON and YAML give an empty list. */
export function printRows(rows: readonly Row[], format: Format, empty: string): void {
  if (format === 'json') print(JSON.stringify(rows, null, 2));
  else if (format === 'yaml') print(toYaml(rows));
  else if (rows.length === 0) print(empty);
  else if (format === 'plain') print(plain(rows));
  else print(table(rows));
}

/** One thing with its properties, one a line. */
export function printRecord(record: Row, format: Format): void {
  if (format === 'json') print(JSON.stringify(record, null, 2));
  else if (format === 'yaml') print(toYaml(record));
  else
    printRows(
      Object.entries(record).map(([property, value]) => ({ property, value: cell(value) })),
      format,
      '',
    );
}

/** Keeps the named columns, in the given order. @throws ThenceError (USAGE) for an unknown one. */
export function pickColumns(rows: readonly Row[], columns: string | undefined, known: readonly string[]): Row[] {
  if (columns === undefined) return [...rows];
  const wanted = columns.split(',').map((name) => name.trim());
  const wrong = wanted.find((name) => !known.includes(name));
  if (wrong !== undefined) throw new ThenceError('USAGE', `unknown column "${wrong}"; allowed are ${known.join(', ')}`);
  return rows.map((row) => Object.fromEntries(wanted.map((name) => [name, row[name] ?? null])));
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export const colors = coloursFor(process.stdout);

/** A state in its colour on a terminal. */
export function paintState(state: string): string {
  if (state === 'success') return colors.green(state);
  if (state === 'failed' || state === 'upstream_failed') return colors.red(state);
  if (state === 'running' || state === 'queued') return colors.cyan(state);
  if (state === 'up_for_retry' || state === 'restarting') return colors.yellow(state);
  return state === 'skipped' ? colors.magenta(state) : state;
}

const levels = { debug: colors.dim, info: String, warn: colors.yellow, error: colors.red } as const;

/** A line of a log; warnings and errors say that they are. */
export function paintLine({ level, message }: LogLine): string {
  return levels[level](level === 'warn' || level === 'error' ? `${level.toUpperCase()} ${message}` : message);
}

/** Loaded when it is asked for: the package takes longer than most commands. */
function toYaml(value: unknown): string {
  const { stringify } = createRequire(__filename)('yaml') as typeof import('yaml');
  return stringify(value).trimEnd();
}

function cell(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function table(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]!);
  const drawn = new Table({
    head: columns,
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' }, // no line between rows
    style: { head: colors.isColorSupported ? ['bold'] : [], border: colors.isColorSupported ? ['gray'] : [] },
  });
  for (const row of rows) drawn.push(columns.map((column) => (/state$/.test(column) ? paintState(cell(row[column])) : cell(row[column]))));
  return drawn.toString();
}

/** Aligned by spaces, with a heading and no frame: for grep and awk. */
function plain(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]!);
  const lines = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines
    .map((line) =>
      line
        .map((text, at) => text.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
