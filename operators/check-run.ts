import { ThenceError } from '../src/core/errors';
import { madeAt } from '../src/dag/location';

/** For operators whose work is an option: without it they would only fail when they run. */
export function checkRun(task: { readonly id: string; readonly madeAt: string | null; readonly options: object }): void {
  const { run } = task.options as { run?: unknown };
  if (typeof run === 'function') return;
  throw new ThenceError(
    'DAG_FILE',
    `task "${task.id}"${madeAt(task)} needs \`run\`, a function; it was given ${run === undefined ? 'none' : typeof run}`,
  );
}
