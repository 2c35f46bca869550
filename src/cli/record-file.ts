/** Files of `import` and `export`: an object of named things, as JSON, YAML or lines of `name=value`. `-` is stdin and stdout. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ThenceError } from '../core/errors';
import type { JsonObject, JsonValue } from '../core/json';
import { print } from './output';

export type FileFormat = 'json' | 'yaml' | 'env';

/** @throws USAGE naming the file, and never what is in it */
export function readRecords(file: string, formats: readonly FileFormat[]): JsonObject {
  const format = formatOf(file, formats);
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new ThenceError('USAGE', `the file ${file} cannot be read: ${(error as Error).message}`);
  }
  const value = format === 'env' ? fromLines(text, file) : parsed(text, format, file);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new ThenceError('USAGE', `the file ${file} has to hold an object with a name for each entry`);
}

/** A file for its owner alone, since it may hold secrets. */
export function writeRecords(file: string, records: JsonObject, format: FileFormat): void {
  const text =
    format === 'json' ? JSON.stringify(records, null, 2) : format === 'yaml' ? yaml().stringify(records).trimEnd() : toLines(records);
  if (file === '-') return print(text);
  try {
    writeFileSync(file, `${text}\n`, { mode: 0o600 });
  } catch (error) {
    throw new ThenceError('USAGE', `the file ${file} cannot be written: ${(error as Error).message}`);
  }
}

/** By the end of its name; JSON for stdin and stdout. @throws USAGE for another end */
export function formatOf(file: string, formats: readonly FileFormat[]): FileFormat {
  const ending = path.extname(file).slice(1).toLowerCase() || path.basename(file).replace(/^\./, '').toLowerCase();
  const format = file === '-' ? 'json' : ending === 'yml' ? 'yaml' : ending;
  if ((formats as readonly string[]).includes(format)) return format as FileFormat;
  throw new ThenceError(
    'USAGE',
    `the name of the file ${file} does not say what it is; allowed ends are ${formats.map((each) => `.${each}`).join(', ')}`,
  );
}

function parsed(text: string, format: 'json' | 'yaml', file: string): unknown {
  try {
    return format === 'json' ? JSON.parse(text) : yaml().parse(text);
  } catch {
    // the parsers' messages quote the text
    throw new ThenceError('USAGE', `the file ${file} is not valid ${format === 'json' ? 'JSON' : 'YAML'}`);
  }
}

function fromLines(text: string, file: string): JsonObject {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return Object.fromEntries(
    lines.flatMap((line, at) => {
      if (line === '' || line.startsWith('#')) return [];
      const equals = line.indexOf('=');
      if (equals < 1) throw new ThenceError('USAGE', `line ${at + 1} of the file ${file} is not of the form name=value`);
      return [[line.slice(0, equals).trim(), line.slice(equals + 1).trim()]];
    }),
  );
}

function toLines(records: JsonObject): string {
  return Object.entries(records)
    .map(([name, value]) => `${name}=${textOf(value)}`)
    .join('\n');
}

const textOf = (value: JsonValue) => (typeof value === 'string' ? value : JSON.stringify(value));

/** Loaded when it is asked for: the package takes longer than most commands. */
const yaml = () => createRequire(__filename)('yaml') as typeof import('yaml');
