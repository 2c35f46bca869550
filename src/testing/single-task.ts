import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { DagSpec, TaskSpec } from '../dag-spec/spec';
import type { FoundDag } from './find-dag-file';

/**
 * The DAG as if it had this task only: nothing before it, no inputs, one try; of a mapped task over literals all instances.
 * @throws ThenceError NOT_FOUND with close ids, INVALID_VALUE when it is mapped over what another task gives
 */
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
  checkMapping(found.spec, task);
  const { failFast: _, ...alone } = spec;
  return { ...found, spec: { ...alone, tasks: [{ ...task, inputs: {}, retries: 0, triggerRule: 'always' }], edges: [] } };
}

/** Alone there is nothing of other tasks that it could be mapped over; literals are in the file. */
function checkMapping({ dagId, groups }: DagSpec, task: TaskSpec): void {
  const around = new Map(groups.map((group) => [group.id, group]));
  const expands = [task.expand];
  for (let at = task.group; at !== null; at = around.get(at)?.parent ?? null) expands.push(around.get(at)?.expand);
  const source = expands.flatMap((expand) => expand?.keys ?? []).find((key) => key.source.kind === 'task')?.source;
  if (source?.kind !== 'task') return;
  throw new ThenceError(
    'INVALID_VALUE',
    `task "${task.id}" is mapped over the output of "${source.taskId}", which is not there when it is tested alone: run "thence dags test ${dagId}"`,
  );
}
