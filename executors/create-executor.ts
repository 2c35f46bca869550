/** An executor by its name in THENCE_EXECUTOR: `local`, `thread`, or the path of a module that exports a class (or object) Executor. */
import path from 'node:path';
import { ThenceError } from '../src/core/errors';
import type { Config } from '../src/config/config';
import type { Executor } from './executor';
import { LocalExecutor } from './local/local-executor';
import { ThreadExecutor } from './thread/thread-executor';

type Settings = Pick<Config, 'home' | 'killGraceMs' | 'leaseMs'>;

export function createExecutor(name: string, settings: Settings): Executor {
  switch (name) {
    case 'local':
      return new LocalExecutor(settings);
    case 'thread':
      return new ThreadExecutor(settings);
    default:
      return loadExecutor(name, settings);
  }
}

function loadExecutor(name: string, settings: Settings): Executor {
  const allowed = 'allowed are "local", "thread", or the path of a module that exports an Executor';
  if (!name.includes('/')) throw new ThenceError('CONFIG', `unknown executor "${name}" in THENCE_EXECUTOR; ${allowed}`);
  const file = path.resolve(name);
  let exported: unknown;
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- named by the configuration
    const loaded = require(file) as { default?: unknown; Executor?: unknown };
    exported = loaded.Executor ?? loaded.default ?? loaded;
  } catch (error) {
    throw new ThenceError('CONFIG', `the executor module ${file} (THENCE_EXECUTOR) could not be loaded: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const executor =
    typeof exported === 'function' ? (new (exported as new (settings: Settings) => Executor)(settings) as unknown) : exported;
  if (isExecutor(executor)) return executor;
  throw new ThenceError('CONFIG', `the module ${file} (THENCE_EXECUTOR) exports no Executor: it needs name, ${methods.join(', ')}`);
}

const methods = ['start', 'capacity', 'run', 'cancel', 'stop', 'stats'] as const satisfies readonly (keyof Executor)[];

function isExecutor(value: unknown): value is Executor {
  return typeof value === 'object' && value !== null && 'name' in value && methods.every((method) => method in value);
}
