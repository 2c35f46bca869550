/**
 * Where in a DAG file something was made. It has to be captured then: when the engine calls `task.then()` for an `await`,
 * no line of the DAG file is left on the stack. Costs some 10 µs; the text is only made when it is read.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Site {
  stack?: string;
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- what captureStackTrace takes
let factory: Function | null = null;

/** While `make` constructs something for `calledFunction`, such as `dag.task`, its place is where that was called. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- what captureStackTrace takes
export function madeBy<T>(calledFunction: Function, make: () => T): T {
  factory = calledFunction;
  try {
    return make();
  } finally {
    factory = null;
  }
}

/** Remembers the line that called `calledFunction`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- what captureStackTrace takes
export function captureSite(calledFunction: Function): Site {
  const site: Site = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(site, factory ?? calledFunction);
  Error.stackTraceLimit = stackTraceLimit;
  return site;
}

/** 'dags/etl.ts:14:9', relative to the working directory where the file lies inside it; null when nothing is known. */
export function siteText(site: Site | undefined): string | null {
  const line = site?.stack?.split('\n').find((text) => /^ +at /.test(text));
  if (line === undefined) return null;
  const place = line.replace(/^ +at (async )?/, '').replace(/^.*\((.*)\)$/, '$1');
  const [, given, position] = /^(.*?)((?::\d+)*)$/.exec(place)!;
  const file = given!.startsWith('file:') ? fileURLToPath(given!) : given!;
  const relative = path.isAbsolute(file) ? path.relative(process.cwd(), file) : file;
  return `${relative.startsWith('..') ? file : relative}${position}`;
}

/** ' (made at dags/etl.ts:14:9)', or nothing. */
export function madeAt(thing: { readonly madeAt: string | null }): string {
  return thing.madeAt === null ? '' : ` (made at ${thing.madeAt})`;
}
