/** What user code threw, taken apart once: any value, text that Postgres accepts, bounded. */
import path from 'node:path';
import { inspect } from 'node:util';
import { packageRoot } from '../config/package-root';
import type { ErrorInfo } from '../core/workload';

const maxLength = 64 * 1024;

export function errorInfo(thrown: unknown, depth = 0): ErrorInfo {
  if (!(thrown instanceof Error) && !looksLikeError(thrown)) {
    return {
      name: 'Error',
      message: storable(`thrown value: ${typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 3 })}`),
      stack: null,
    };
  }
  const stack = typeof thrown.stack === 'string' ? withCause(withoutOurFrames(thrown.stack), thrown.cause, depth) : null;
  return { name: storable(String(thrown.name)), message: storable(String(thrown.message)), stack: stack === null ? null : storable(stack) };
}

/** As one text, for a log. */
export function errorText(info: ErrorInfo): string {
  return info.stack ?? `${info.name}: ${info.message}`;
}

/** Without NUL and lone surrogates, which Postgres refuses in text and jsonb. */
export function storable(text: string): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replaceAll('\u0000', '\\0').replaceAll(/\p{Surrogate}/gu, '\ufffd');
}

/** An error of another realm (a vm context, another copy of a library) is no `instanceof Error`. */
function looksLikeError(thrown: unknown): thrown is Error {
  return typeof thrown === 'object' && thrown !== null && 'message' in thrown && 'name' in thrown;
}

/** The frames below the task's own code are ours and Node's, the same every time. */
function withoutOurFrames(stack: string): string {
  const lines = stack.split('\n');
  while (lines.length > 1 && isOurs(lines.at(-1)!)) lines.pop();
  return lines.join('\n');
}

const ourFolders = [
  ...['dist', 'src', 'operators', 'executors'].map((folder) => path.join(packageRoot, folder, path.sep)),
  path.join('node_modules', 'piscina', path.sep),
];

function isOurs(line: string): boolean {
  // '(<anonymous>)' is a place in V8 itself; a function without a name is 'at <anonymous> (/dags/a.ts:3:9)'.
  const isNodes = /\(?node:/.test(line) || line.includes('(<anonymous>)');
  return /^\s+at /.test(line) && (isNodes || ourFolders.some((folder) => line.includes(folder)));
}

function withCause(stack: string, cause: unknown, depth: number): string {
  if (cause === undefined || cause === null || depth >= 5) return stack;
  return `${stack}\ncaused by: ${errorText(errorInfo(cause, depth + 1))}`;
}
