/** Whether what a task waits for in another DAG has happened. Pure: the sensor and the triggerer ask the same function. */
import type { TaskState } from './states';
import type { ExternalQuery, ExternalStates } from './waits';

/** What is there of one run that was asked for. */
export interface ExternalRun {
  /** null: no such run yet. */
  readonly state: TaskState;
  /** By task id, the states of all its instances ('none': undecided, or not made yet); a task that the run does not have is absent. */
  readonly tasks: { readonly [taskId: string]: readonly string[] };
  /** The tasks of the group that was asked for, in the version that the run has. */
  readonly groupTasks: readonly string[];
}

export type ExternalVerdict = 'allowed' | 'failed' | 'skipped' | 'waiting';

/**
 * @param runs one for each logical date and run id
 * @returns failed and skipped at the first state that says so · allowed when all that is waited for is in an allowed state
 */
export function judgeExternal(query: ExternalQuery & ExternalStates, runs: readonly ExternalRun[]): ExternalVerdict {
  const states = runs.flatMap((run) => statesOf(query, run));
  const some = (wanted: readonly string[]) => states.some((state) => wanted.includes(state));
  if (some(query.failed)) return 'failed';
  if (some(query.skipped)) return 'skipped';
  const isMet = states.every((state) => (query.allowed as readonly string[]).includes(state));
  return isMet ? 'allowed' : 'waiting';
}

const absent: readonly string[] = ['none'];

function statesOf({ taskIds, groupId }: ExternalQuery, run: ExternalRun): readonly string[] {
  if (run.state === null) return absent;
  if (taskIds === null && groupId === null) return [run.state];
  const ids = taskIds ?? run.groupTasks;
  return ids.length === 0 ? absent : ids.flatMap((id) => run.tasks[id] ?? absent);
}
