import { z } from 'zod';
import { findTaskBlockers } from '../../../src/read-model/why/find-blockers';
import { blockerLine } from '../../../src/read-model/why/blocker';
import { mapIndex } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { noSuchInstance } from './task-instances';

const response = z.object({ dependencies: z.array(z.object({ name: z.string(), reason: z.string() })) });
const ofTask = z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() });
const task = '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}';

/** Why a task instance does not run: what the scheduler's own rules say. Empty for one that runs or has ended. */
export const dependencyRoutes = [
  defineRoute({
    method: 'get',
    path: `${task}/dependencies`,
    id: 'get_task_instance_dependencies',
    tag: 'Task Instance',
    summary: 'Why a task instance does not run',
    params: ofTask,
    query: z.object({ map_index: mapIndex.default(-1) }),
    response,
    errors: [404],
    handle: ({ params, query, context }) => answer(params, query.map_index, context),
  }),
  defineRoute({
    method: 'get',
    path: `${task}/{map_index}/dependencies`,
    id: 'get_task_instance_dependencies_by_map_index',
    tag: 'Task Instance',
    summary: 'Why one instance of a mapped task does not run',
    params: ofTask.extend({ map_index: mapIndex }),
    response,
    errors: [404],
    handle: ({ params, context }) => answer(params, params.map_index, context),
  }),
];

async function answer(params: z.output<typeof ofTask>, mapIndex: number, context: ApiContext): Promise<z.input<typeof response>> {
  const { dag_id: dagId, dag_run_id: runId, task_id: taskId } = params;
  const found = await findTaskBlockers(context.database.pool, { dagId, runId, taskId, mapIndex });
  if (!found) throw await noSuchInstance(params, mapIndex, context);
  return { dependencies: found.blockers.map(({ kind: name, ...blocker }) => ({ name, reason: blockerLine(blocker) })) };
}
