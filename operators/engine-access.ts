import { ThenceError } from '../src/core/errors';
import type { EngineAccess, TaskContext } from '../src/dag/context';

/** @throws where a context was made without an engine behind it, as in a unit test */
export function engineOf(context: TaskContext): EngineAccess {
  const engine = context['~engine'];
  if (engine) return engine;
  throw new ThenceError('CONFLICT', `task "${context.ti.taskId}" looks at runs of other DAGs, which there are none of where it runs now`);
}

/** Milliseconds since 1970: of the test's clock, where a test runs the task. */
export function nowOf(context: TaskContext): number {
  return context['~engine']?.now?.() ?? Date.now();
}
