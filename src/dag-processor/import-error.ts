/** Why a DAG file gave no DAGs, with the place in the sources and a few lines around it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { codeFrameColumns } from '@babel/code-frame';
import type { Message } from 'esbuild';
import type { ErrorInfo } from '../core/workload';

export interface ImportError {
  /** The DAG file, relative to the dags folder. */
  readonly filePath: string;
  /** One sentence or more; no stack. */
  readonly message: string;
  /** What the error printed, mapped to the sources; the message where there is no stack. */
  readonly stackTrace: string;
  /** Where it went wrong (the DAG file or one that it imports), relative to the dags folder. */
  readonly file: string | null;
  /** From 1. */
  readonly line: number | null;
  /** From 1. */
  readonly column: number | null;
  /** The lines around, with the place marked. */
  readonly frame: string | null;
}

/** An error that has no place in a source file. */
export function plainError(filePath: string, message: string, stackTrace = message): ImportError {
  return { filePath, message, stackTrace, file: null, line: null, column: null, frame: null };
}

/** The first error of a build. */
export function buildError(
  filePath: string,
  message: Message,
  count: number,
  sources: ReadonlyMap<string, string>,
  root: string,
): ImportError {
  const more = count > 1 ? ` (and ${count - 1} more ${count === 2 ? 'error' : 'errors'})` : '';
  const text = `${inOurWords(message.text)}${more}`;
  const { location } = message;
  if (location === null) return plainError(filePath, text);
  const { file, line } = location;
  // esbuild counts bytes from 0 where others count characters from 1.
  const column = Buffer.from(location.lineText).subarray(0, location.column).toString().length + 1;
  const source = sources.get(path.join(root, file));
  return {
    filePath,
    message: `${text} (${file}:${line}:${column})`,
    stackTrace: `${text}\n    at ${file}:${line}:${column}`,
    file,
    line,
    column,
    frame: codeFrame(source ?? readIfThere(path.join(root, file)), line, column),
  };
}

function inOurWords(text: string): string {
  const [, file] = /^No loader is configured for "[^"]*" files: (.*)$/.exec(text) ?? [];
  if (file === undefined) return text;
  return `${file} cannot be imported: code, .json, .sql, .md, .txt, .html and .csv can. Read other files with fs while the DAG file loads; they are watched too`;
}

/** An error that a file threw while it loaded; the place is the innermost frame in one of its own sources. */
export function loadError(filePath: string, error: ErrorInfo, sources: { readonly [path: string]: string }, root: string): ImportError {
  const stackTrace = error.stack ?? `${error.name}: ${error.message}`;
  const place = ownFrames(stackTrace, sources, root)[0] ?? placeInText(error.message, sources, root);
  const message = error.name === 'ThenceError' || error.name === 'Error' ? error.message : `${error.name}: ${error.message}`;
  if (place === undefined) return plainError(filePath, message, stackTrace);
  return { filePath, message, stackTrace, ...place, frame: codeFrame(sources[place.file] ?? null, place.line, place.column) };
}

/** Errors about a DAG as a whole have no frame of the file on their stack, and name the line in their text. */
function placeInText(message: string, sources: { readonly [path: string]: string }, root: string): Place | undefined {
  const [, where, row, column] = /\(made at (.*?):(\d+):(\d+)\)/.exec(message) ?? [];
  if (where === undefined) return undefined;
  const file = path.relative(root, path.resolve(where)).split(path.sep).join('/');
  return Object.hasOwn(sources, file) ? { file, line: Number(row), column: Number(column) } : undefined;
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The frames of a stack that lie in the given sources, innermost first. */
export function ownFrames(stack: string, sources: { readonly [path: string]: string }, root: string): Place[] {
  return stack.split('\n').flatMap((line) => {
    const [, where, row, column] = /^ +at .*?(?:file:\/\/)?(\/[^():]*|[A-Za-z]:[^():]*):(\d+):(\d+)\)?$/.exec(line) ?? [];
    if (where === undefined) return [];
    const file = path.relative(root, where).split(path.sep).join('/');
    return Object.hasOwn(sources, file) ? [{ file, line: Number(row), column: Number(column) }] : [];
  });
}

function codeFrame(source: string | null, line: number, column: number): string | null {
  return source === null ? null : codeFrameColumns(source, { start: { line, column } }, { linesAbove: 3, linesBelow: 3 });
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
