/** The DAG and task that a workload names, in the file as it was evaluated here. */
import { ThenceError } from '../core/errors';
import type { BundleCode, RunCallback, RunTask } from '../core/workload';
import type { BaseOperator } from '../dag/base-operator';
import type { DAG } from '../dag/dag';
import type { TriggerClasses } from '../dag/trigger';
import { errorInfo } from './error-info';

export type AnyTask = BaseOperator<unknown, object, string>;

export interface LoadedFile {
  readonly dags: readonly DAG[];
  readonly files: BundleCode['files'];
  readonly triggers: TriggerClasses;
}

/** The evaluated bundle of the workload; cached by the host. */
export type LoadFile = (workload: RunTask | RunCallback) => Promise<LoadedFile>;

export interface FoundDag {
  readonly dag: DAG;
  readonly files: BundleCode['files'];
  readonly triggers: TriggerClasses;
}
export interface FoundTask extends FoundDag {
  readonly task: AnyTask;
}

/** @param what for the message: 'to run task "load"' */
export async function findDag(workload: RunTask | RunCallback, what: string, load: LoadFile): Promise<FoundDag> {
  const { filePath, run } = workload;
  let loaded: LoadedFile;
  try {
    loaded = await load(workload);
  } catch (error) {
    if (error instanceof ThenceError && error.code === 'UNAVAILABLE') throw error;
    throw new Error(`the DAG file ${filePath} could not be loaded ${what}: ${errorInfo(error).message}`, { cause: error });
  }
  const { dags, files, triggers } = loaded;
  const dag = dags.find((candidate) => candidate.id === run.dagId);
  if (dag) return { dag, files, triggers };
  throw notMade(filePath, `DAG "${run.dagId}"`, `DAGs ${list(dags.map((one) => one.id))}`);
}

export function findTask(found: FoundDag, taskId: string, filePath: string): FoundTask {
  const { dag } = found;
  const task = dag.nodes.get(taskId);
  if (task && 'execute' in task) return { ...found, task: task as unknown as AnyTask };
  throw notMade(filePath, `task "${taskId}" of DAG "${dag.id}"`, `tasks ${list([...dag.nodes.keys()])}`);
}

function notMade(filePath: string, what: string, made: string): ThenceError {
  return new ThenceError(
    'DAG_FILE',
    `the file ${filePath} no longer makes ${what}: evaluated here it makes the ${made}. ` +
      `It did when this version was stored, so it depends on something outside its code, such as a file, a table or the environment`,
  );
}

const list = (ids: readonly string[]) =>
  ids.length === 0
    ? '(none)'
    : ids
        .slice(0, 20)
        .map((id) => `"${id}"`)
        .join(', ') + (ids.length > 20 ? ' …' : '');
