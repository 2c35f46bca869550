/**
 * Keeps a set of child processes alive. A child that ends by itself is started again, after a delay that doubles from 200 ms
 * to 10 s while it keeps dying young; one that cannot even start five times in a row ends the whole supervisor, since
 * its reason (a port in use, a schema that is too new) will not go away by itself.
 *
 * Exit code 78 (EX_CONFIG) of a child means "do not try again": the child has said why.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from '../telemetry/logger';

export const DO_NOT_RESTART = 78;

export interface ChildSpec {
  readonly name: string;
  readonly module: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface Supervisor {
  /** Resolves to the exit code for the whole when a child gave up; never while all is well. */
  readonly failed: Promise<number>;
  /** SIGTERM to all, SIGKILL to those that are left after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const youngMs = 5_000;
const mostDeaths = 5;

export function supervise(specs: readonly ChildSpec[], logger: Logger): Supervisor {
  let stopping = false;
  const children = new Map<string, ChildProcess>();
  const timers = new Set<NodeJS.Timeout>();
  let fail!: (code: number) => void;
  const failed = new Promise<number>((resolve) => (fail = resolve));

  const start = (spec: ChildSpec, deaths: number): void => {
    const startedAt = performance.now();
    const child = fork(spec.module, [...spec.args], { env: spec.env, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    children.set(spec.name, child);
    child.once('exit', (code, signal) => {
      children.delete(spec.name);
      if (stopping) return;
      if (code === DO_NOT_RESTART) return fail(1);
      const inARow = performance.now() - startedAt < youngMs ? deaths + 1 : 1;
      if (inARow > mostDeaths) {
        logger.error(`${spec.name} ended ${mostDeaths} times in a row right after its start; giving up`);
        return fail(1);
      }
      const delayMs = Math.min(10_000, 200 * 2 ** (inARow - 1));
      logger.warn(`${spec.name} ended (${signal ?? `exit code ${code}`}); it starts again in ${delayMs} ms`);
      const timer = setTimeout(() => {
        timers.delete(timer);
        start(spec, inARow);
      }, delayMs);
      timers.add(timer);
    });
  };
  for (const spec of specs) start(spec, 0);

  return {
    failed,
    async stop(graceMs) {
      stopping = true;
      for (const timer of timers) clearTimeout(timer);
      const running = [...children.values()].filter((child) => child.exitCode === null && child.signalCode === null);
      const ended = Promise.all(running.map((child) => once(child, 'exit')));
      for (const child of running) child.kill('SIGTERM');
      const kill = setTimeout(() => running.forEach((child) => child.kill('SIGKILL')), graceMs);
      await ended;
      clearTimeout(kill);
    },
  };
}
