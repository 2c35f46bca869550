/**
 * Which files a DAG file reads through `fs` while it loads (a YAML, a list of tables, a folder): when one changes, the DAG file has to be
 * evaluated again. Code that is loaded from node_modules reads too, and does not count.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../config/package-root';

const watched = [
  'readFileSync', 'readFile', 'createReadStream', 'openSync', 'open', 'readdirSync', 'readdir', 'opendirSync',
  'existsSync', 'statSync', 'stat', 'accessSync', 'access',
] as const; // prettier-ignore
const watchedPromises = ['readFile', 'open', 'readdir', 'stat', 'access', 'opendir'] as const;

export interface ReadRecorder {
  start(): void;
  /** Absolute paths, sorted. */
  stop(): string[];
}

/** Wraps the functions of `fs` in this process; call it once. */
export function recordReads(): ReadRecorder {
  let seen: Set<string> | null = null;
  const note = (given: unknown) => {
    const file = seen === null ? null : asPath(given);
    if (file !== null && !isCode(file)) seen!.add(file);
  };
  wrap(fs as unknown as Functions, watched, note);
  wrap(fs.promises as unknown as Functions, watchedPromises, note);
  return {
    start: () => (seen = new Set()),
    stop: () => {
      const files = [...(seen ?? [])].sort();
      seen = null;
      return files;
    },
  };
}

type Functions = { [name: string]: (...args: unknown[]) => unknown };

function wrap(target: Functions, functions: readonly string[], note: (given: unknown) => void): void {
  for (const name of functions) {
    const original = target[name]!;
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
