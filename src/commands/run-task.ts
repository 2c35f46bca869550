/** One task instance of a run that exists, on its own: a clear of just that one, of which the scheduler does the rest. */
import { ThenceError } from '../core/errors';
import type { TaskState } from '../core/states';
import { instanceName } from '../core/workload';
import type { TaskVerdict } from '../ledger/ledger';
import { clear } from './clear-tasks';
import type { Actor, RunTaskRequest, RunTaskStarted } from './commands';
import type { CommandContext } from './context';
import { findRun } from './find-run';

const atWork: readonly TaskState[] = ['running', 'queued', 'restarting'];
/** Not begun, or failed. */
const open: readonly TaskState[] = [null, 'scheduled', 'failed', 'upstream_failed', 'up_for_retry'];

/** What is below it keeps its states, but for what rules had decided, as with every clear. */
export async function runTask(context: CommandContext, request: RunTaskRequest, actor: Actor): Promise<RunTaskStarted> {
  const { dagId, runId, taskId, mapIndex } = request;
  const run = await findRun(context, request);
  const { rows } = await context.database.pool.query<{ try_number: number }>(
    'SELECT try_number FROM task_instance WHERE run = $1 AND task_id = $2 AND map_index = $3',
    [run.pk, taskId, mapIndex],
  );
  let was: TaskState = null;
  await clear(context, { dagId, runId, tasks: [mapIndex < 0 ? taskId : [taskId, mapIndex]] }, actor, 'run_task', (_run, verdict) => {
    was = checkState(request, verdict);
  });
  return { was, lastTry: rows[0]?.try_number ?? 0 };
}

/** Under the lock of the run: nobody starts it meanwhile. */
function checkState({ dagId, runId, taskId, mapIndex, force = false }: RunTaskRequest, { tasks, from }: TaskVerdict): TaskState {
  const instances = tasks.filter((task) => task.taskId === taskId);
  const indexes = instances.filter((instance) => instance.mapIndex >= 0).map((instance) => instance.mapIndex);
  if (mapIndex < 0 && indexes.length > 0) {
    throw new ThenceError(
      'INVALID_VALUE',
      `task "${taskId}" of run "${runId}" is mapped: name one of its ${indexes.length} instances with --map-index, from ${Math.min(...indexes)} to ${Math.max(...indexes)}`,
    );
  }
  const instance = instances.find((each) => each.mapIndex === mapIndex);
  const name = `task "${instanceName({ taskId, mapIndex })}" of run "${runId}" of DAG "${dagId}"`;
  if (!instance && mapIndex >= 0) {
    throw new ThenceError(
      'NOT_FOUND',
      from === 'queued' ? `there is no ${name}: the run has not started, and instances are made when it does` : `there is no ${name}`,
    );
  }
  const was = instance?.was ?? null;
  if (atWork.includes(was)) {
    throw new ThenceError('CONFLICT', `${name} is ${was}: it runs already. "thence tasks clear" stops it, and it starts again`);
  }
  if (!force && !open.includes(was)) throw new ThenceError('CONFLICT', `${name} is ${was}; --force runs it again`);
  return was;
}
