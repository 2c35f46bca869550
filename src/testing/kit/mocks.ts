/** What takes the place of tasks in a test. */
import { durationToMs, type DurationInput } from '../../core/duration';
import type { BaseOperator } from '../../dag/base-operator';
import type { TaskContext } from '../../dag/context';

/** A value that the task returns, or a function in the place of its `execute`. */
export type TaskMock = MockBehaviour | ((context: TaskContext) => unknown) | JsonLike;
type JsonLike = string | number | boolean | null | undefined | readonly unknown[] | { readonly [key: string]: unknown };

const BEHAVIOUR = Symbol('thence.testing.behaviour');

/** Made by `returns`, `fails` and `takes`. */
export interface MockBehaviour {
  readonly [BEHAVIOUR]: true;
  readonly execute: ((context: TaskContext) => unknown) | null;
  /** On the clock of the test; null: no time at all. */
  readonly takesMs: number | null;
}

/** The task returns this, also when it is a function. */
export function returns(value: unknown): MockBehaviour {
  return { [BEHAVIOUR]: true, execute: () => value, takesMs: null };
}

/**
 * The task throws. `times`: only its first so many tries do, then it returns `then`; left out: all of them.
 * @example { load: fails('no connection', { times: 2, then: 42 }) }
 */
export function fails(error: string | Error, { times = Infinity, then }: { times?: number; then?: unknown } = {}): MockBehaviour {
  const execute = ({ tryNumber }: TaskContext): unknown => {
    if (tryNumber > times) return then;
    throw typeof error === 'string' ? new Error(error) : error;
  };
  return { [BEHAVIOUR]: true, execute, takesMs: null };
}

/** How long a try takes on the clock of the test. `what` as a mock; left out: the task's own code runs. */
export function takes(duration: DurationInput, ...what: readonly TaskMock[]): MockBehaviour {
  const takesMs = durationToMs(duration, 'the duration of takes()');
  return { [BEHAVIOUR]: true, execute: what.length === 0 ? null : behaviourOf(what[0]).execute, takesMs };
}

export function behaviourOf(mock: TaskMock): MockBehaviour {
  if (typeof mock === 'object' && mock !== null && BEHAVIOUR in mock) return mock;
  return typeof mock === 'function' ? { [BEHAVIOUR]: true, execute: mock, takesMs: null } : returns(mock);
}

type AnyTask = BaseOperator<unknown, object, string>;

/** While `work` runs, the task has another `execute`. On the task itself: edges and options know it by its identity. */
export async function whileMocked<T>(task: AnyTask | undefined, mock: MockBehaviour | undefined, work: () => Promise<T>): Promise<T> {
  if (!task || !mock?.execute) return work();
  const { execute } = mock;
  Object.defineProperty(task, 'execute', { value: (context: TaskContext) => execute(context), configurable: true });
  try {
    return await work();
  } finally {
    delete (task as { execute?: unknown }).execute;
  }
}
