/**
 * The DAGs that a file made while it loaded: no export is needed. One per process, under a registered symbol, so that two copies
 * of thence in one process share it.
 *
 * A loader calls openRegistry(), evaluates the file, waits one setImmediate (un-awaited async functions of the file have run by
 * then), and calls takeMadeDags() and sealRegistry(). What a file tries to add later is refused: it would never have been seen.
 */
import { ThenceError } from '../core/errors';
import type { DAG } from './dag';

interface Registry {
  dags: DAG[];
  sealed: boolean;
}

const KEY = Symbol.for('thence.registry');
const holder = globalThis as { [KEY]?: Registry };
const stacks = new WeakMap<DAG, { readonly stack?: string }>();
const registry: Registry = (holder[KEY] ??= { dags: [], sealed: false });

/** Before a file is loaded: forgets what an earlier file left, and allows DAGs. A new process begins like this. */
export function openRegistry(): void {
  registry.dags = [];
  registry.sealed = false;
}

/** After loading: from now on a new DAG, or a task added to one, is an error. */
export function sealRegistry(): void {
  registry.sealed = true;
}

/** All DAGs made since the last call, in order; the registry is empty afterwards. */
export function takeMadeDags(): DAG[] {
  const { dags } = registry;
  registry.dags = [];
  return dags;
}

export function registerDag(dag: DAG): void {
  registry.dags.push(dag);
  const { stackTraceLimit } = Error;
  const made: { stack?: string } = {};
  Error.stackTraceLimit = 50;
  Error.captureStackTrace(made, dag.constructor);
  Error.stackTraceLimit = stackTraceLimit;
  stacks.set(dag, made);
}

/** The stack at `new DAG`, whose files tell a DAG that this file makes from one of a DAG file that it imports. */
export function madeStack(dag: DAG): string {
  return stacks.get(dag)?.stack ?? '';
}

export function checkOpen(what: () => string): void {
  if (!registry.sealed) return;
  throw new ThenceError(
    'DAG_FILE',
    `${what()} is made too late: its file has finished loading. Make DAGs and tasks while the file loads (with top-level await where it has to wait), not from a timer, a task or an async function that nobody awaits`,
  );
}
