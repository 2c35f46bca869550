import { z } from 'zod';
import { findTaskBlockers } from '../../../src/read-model/why/find-blockers';
import type { Blocker } from '../../../src/read-model/why/blocker';
import { notFound } from '../api-error';
import { defineRoute, type ApiContext } from '../route';

const response = z.object({ dependencies: z.array(z.object({ name: z.string(), reason: z.string() })) });

/** Why a task instance does not run: what the scheduler's own rules say. Empty for one that runs or has ended. */
export const dependencyRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies',
    id: 'get_task_instance_dependencies',
    tag: 'Task Instance',
    summary: 'Why a task instance does not run',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() }),
    response,
    errors: [404],
    handle: async ({ params, context }) => answer(context, params.dag_id, params.dag_run_id, params.task_id, -1),
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dependencies',
    id: 'get_mapped_task_instance_dependencies',
    tag: 'Task Instance',
    summary: 'Why one instance of a mapped task does not run',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string(), map_index: z.coerce.number().int() }),
    response,
    errors: [404],
    handle: async ({ params, context }) => answer(context, params.dag_id, params.dag_run_id, params.task_id, params.map_index),
  }),
];

async function answer({ database }: ApiContext, dagId: string, runId: string, taskId: string, mapIndex: number) {
  const found = await findTaskBlockers(database.pool, { dagId, runId, taskId, mapIndex });
  if (!found) {
    throw notFound(`The task instance of run "${runId}" of DAG "${dagId}"`, mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`);
  }
  return { dependencies: found.blockers.map(({ kind: name, ...blocker }) => ({ name, reason: reasonOf(blocker) })) };
}

function reasonOf({ text, tasks, at }: Omit<Blocker, 'kind'>): string {
  const names = tasks ? ` ${tasks.map(({ taskId, state }) => `${taskId} (${state})`).join(', ')}` : '';
  return `${text}${names}${at ? ` ${at.toISOString()}` : ''}`;
}
