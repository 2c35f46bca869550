/**
 * Which files a DAG file reads through `fs` while it loads (a YAML, a list of tables, a folder): when one changes, the DAG file has to be
 * evaluated again. Code that is loaded from node_modules reads too, and does not count.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../config/package-root';

const reading = 'readFile open readdir opendir stat access exists createReadStream'.split(' ');
const writing = 'writeFile appendFile mkdir rm unlink copyFile rename createWriteStream'.split(' ');

export interface ReadRecorder {
  start(): void;
  /** Absolute paths, sorted. */
  stop(): string[];
}

/** Wraps the functions of `fs` in this process; call it once. */
export function recordReads(): ReadRecorder {
  let read: Set<string> | null = null;
  const written = new Set<string>();
  const onRead = (given: unknown) => {
    const file = read === null ? null : asPath(given);
    if (file !== null && !isCode(file)) read!.add(file);
  };
  const onWrite = (given: unknown) => {
    const file = read === null ? null : asPath(given);
    // A cache that the file keeps for itself would have it evaluated for ever; the folder around it changes too.
    if (file !== null) written.add(file).add(path.dirname(file));
  };
  for (const target of [fs, fs.promises] as unknown as Functions[]) {
    wrap(target, reading, onRead);
    wrap(target, writing, onWrite);
  }
  return {
    start: () => {
      read = new Set();
      written.clear();
    },
    stop: () => {
      const files = [...(read ?? [])].filter((file) => !written.has(file)).sort();
      read = null;
      return files;
    },
  };
}

type Functions = { [name: string]: ((...args: unknown[]) => unknown) | undefined };

function wrap(target: Functions, functions: readonly string[], note: (given: unknown) => void): void {
  for (const name of functions.flatMap((asynchronous) => [asynchronous, `${asynchronous}Sync`])) {
    const original = target[name];
    if (original === undefined) continue;
    const wrapped = function (this: unknown, ...args: unknown[]) {
      note(args[0]);
      return original.apply(this, args);
    };
    // Keeps what hangs on the function, such as util.promisify's own version.
    target[name] = Object.assign(wrapped, original);
    for (const key of Object.getOwnPropertySymbols(original))
      Object.defineProperty(wrapped, key, Object.getOwnPropertyDescriptor(original, key)!);
  }
}

function asPath(given: unknown): string | null {
  if (typeof given === 'string') return path.resolve(given);
  if (given instanceof URL && given.protocol === 'file:') return fileURLToPath(given);
  return Buffer.isBuffer(given) ? path.resolve(given.toString()) : null;
}

function isCode(file: string): boolean {
  if (file.split(path.sep).includes('node_modules')) return true;
  return file.startsWith(path.join(packageRoot, 'dist') + path.sep) || path.basename(file) === 'package.json';
}
