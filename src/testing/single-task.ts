import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { FoundDag } from './find-dag-file';

/** The DAG as if it had this task only: nothing before it, no inputs, one try. @throws ThenceError (NOT_FOUND) with close ids */
export function onlyTask(found: FoundDag, taskId: string): FoundDag {
  const { spec } = found;
  const task = spec.tasks.find((each) => each.id === taskId);
  if (!task) {
    const known = spec.tasks.map((each) => each.id);
    throw new ThenceError(
      'NOT_FOUND',
      `DAG "${spec.dagId}" has no task "${taskId}"${didYouMean(taskId, known) || `; its tasks are ${known.join(', ')}`}`,
    );
  }
  return { ...found, spec: { ...spec, tasks: [{ ...task, inputs: {}, retries: 0, triggerRule: 'always' }], edges: [] } };
}
