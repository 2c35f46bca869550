/** Marking, noting and deleting single task instances. */
import { z } from 'zod';
import type { Actor, MarkTasksRequest } from '../../../src/commands/commands';
import { getInstancesOfTask, getTaskInstances, type TaskInstanceRow } from '../../../src/read-model/rest/task-instances';
import { ApiError, notFound } from '../api-error';
import { texts } from '../fields';
import { defineRoute, type ApiContext, type Route } from '../route';
import { maskedFields } from '../update-mask';
import { collection, reach, reachOf, taskInstanceCollection, taskInstancesOf } from './task-instance-collection';

export const verdict = {
  new_state: z.enum(['success', 'failed', 'skipped']).nullish(),
  note: z.string().max(1000).nullish(),
  ...reach,
};
const patchBody = z.strictObject(verdict);
type PatchBody = z.output<typeof patchBody>;
export const patchFields = Object.keys(verdict);

const ofTask = z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() });
const ofInstance = z.object({ ...ofTask.shape, map_index: z.int().min(-1).max(2147483647) });
const mapIndex = z.int().min(-1).max(2147483647);
const task = '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}';

/** What a change has, however its instances are addressed. */
const patching = (path: string, id: string, dryRun: boolean) => ({
  method: 'patch' as const,
  path,
  id,
  tag: 'Task Instance',
  summary: dryRun
    ? 'The task instances that such a change would mark. Writes nothing'
    : 'Marks a task instance success, failed or skipped, or changes its note; `update_mask` leaves out what it does not name',
  body: patchBody,
  response: taskInstanceCollection,
  errors: dryRun ? [400, 404] : [400, 404, 409],
});

export const patchTaskInstanceRoutes: readonly Route[] = [
  patchRoute(`${task}/dry_run`, 'patch_task_instance_dry_run', true),
  patchRoute(task, 'patch_task_instance', false),
  patchInstanceRoute(`${task}/{map_index}/dry_run`, 'patch_task_instance_dry_run_by_map_index', true),
  patchInstanceRoute(`${task}/{map_index}`, 'patch_task_instance_by_map_index', false),
  defineRoute({
    method: 'delete',
    path: task,
    id: 'delete_task_instance',
    tag: 'Task Instance',
    summary: 'Deletes a task instance of a run that has ended; a clear of the run makes it anew',
    params: ofTask,
    query: z.object({ map_index: mapIndex.default(-1) }),
    response: z.null(),
    errors: [404, 409],
    handle: async ({ params, query, actor, context: { commands } }) => {
      const at = { dagId: params.dag_id, runId: params.dag_run_id, taskId: params.task_id, mapIndex: query.map_index };
      await commands.deleteTask(at, actor);
      return null;
    },
  }),
];

function patchRoute(path: string, id: string, dryRun: boolean): Route {
  return defineRoute({
    ...patching(path, id, dryRun),
    params: ofTask,
    query: z.object({ map_index: mapIndex.optional(), update_mask: texts }),
    handle: ({ params, query: { map_index: index, update_mask: mask }, body, actor, context }) =>
      patch({ ...placeOf(params), mapIndex: index }, maskedFields(body, mask, patchFields), dryRun ? null : actor, context),
  });
}

function patchInstanceRoute(path: string, id: string, dryRun: boolean): Route {
  return defineRoute({
    ...patching(path, id, dryRun),
    params: ofInstance,
    query: z.object({ update_mask: texts }),
    handle: ({ params, query: { update_mask: mask }, body, actor, context }) =>
      patch({ ...placeOf(params), mapIndex: params.map_index }, maskedFields(body, mask, patchFields), dryRun ? null : actor, context),
  });
}

export interface Place {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** undefined: all instances. */
  readonly mapIndex?: number;
}
const placeOf = (params: z.output<typeof ofTask>): Place => ({
  dagId: params.dag_id,
  runId: params.dag_run_id,
  taskId: params.task_id,
});

/** `actor` null: a dry run. */
export async function patch(
  place: Place,
  body: Partial<PatchBody>,
  actor: Actor | null,
  context: ApiContext,
): Promise<z.input<typeof taskInstanceCollection>> {
  const { commands, database } = context;
  const { dagId, runId, taskId } = place;
  const found = await instancesAt(place, context);
  if (body.new_state) {
    const request: MarkTasksRequest = {
      dagId,
      runId,
      tasks: place.mapIndex === undefined ? [taskId] : [[taskId, place.mapIndex]],
      state: body.new_state,
      ...reachOf(body),
      note: body.note,
    };
    const plan = actor ? await commands.markTasks(request, actor) : await commands.planMark(request);
    if (plan.items.length > 0 || !actor) return taskInstancesOf(plan, 'mark', context);
    throw new ApiError(409, `Task "${taskId}" is already in the state "${body.new_state}"`);
  }
  if (actor && body.note !== undefined) {
    for (const { map_index: mapIndex } of found) await commands.setTaskNote({ dagId, runId, taskId, mapIndex, note: body.note }, actor);
  }
  const named = found.map(({ map_index: mapIndex }) => ({ runId, taskId, mapIndex }));
  return collection(await getTaskInstances(database.pool, dagId, named));
}

export async function instancesAt({ dagId, runId, taskId, mapIndex }: Place, { database }: ApiContext): Promise<TaskInstanceRow[]> {
  const all = await getInstancesOfTask(database.pool, dagId, runId, taskId);
  const found = mapIndex === undefined ? all : all.filter((row) => row.map_index === mapIndex);
  if (found.length === 0)
    throw notFound(
      `The task instance of run "${runId}" of DAG "${dagId}"`,
      mapIndex === undefined || mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`,
    );
  return found;
}
