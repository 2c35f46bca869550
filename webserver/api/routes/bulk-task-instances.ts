import { z } from 'zod';
import type { Actor } from '../../../src/commands/commands';
import { ThenceError } from '../../../src/core/errors';
import { ApiError } from '../api-error';
import { bulkBody, bulkResponse, runBulk } from '../bulk';
import { defineRoute, type ApiContext } from '../route';
import { maskedFields } from '../update-mask';
import { instancesAt, patch, patchFields, verdict, type Place } from './patch-task-instances';

const entityBody = z.strictObject({
  task_id: z.string(),
  map_index: z.int().min(-1).nullish(),
  dag_id: z.string().nullish().describe('Needed where the path has `~`'),
  dag_run_id: z.string().nullish(),
  ...verdict,
});
type Entity = z.output<typeof entityBody>;

const ofRun = z.object({ dag_id: z.string(), dag_run_id: z.string() });
export const bulkTaskInstanceRoutes = [
  defineRoute({
    method: 'patch',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances',
    id: 'bulk_task_instances',
    tag: 'Task Instance',
    summary: 'Marks, notes and deletes many task instances; `~` in the path leaves the DAG, or the run, to each of them',
    params: ofRun,
    body: bulkBody(entityBody),
    response: bulkResponse,
    handle: ({ params, body, actor, context }) => bulk(params, body, actor, context),
  }),
];

async function bulk(
  params: z.output<typeof ofRun>,
  body: z.output<ReturnType<typeof bulkBody<typeof entityBody>>>,
  actor: Actor,
  context: ApiContext,
) {
  const entities = new Map<string, Entity>();
  const at = ({ dag_id, dag_run_id, task_id, map_index }: Entity): Place => ({
    dagId: ofPathOr('dag_id', params.dag_id, dag_id),
    runId: ofPathOr('dag_run_id', params.dag_run_id, dag_run_id),
    taskId: task_id,
    mapIndex: map_index ?? undefined,
  });
  const nameOf = (entity: Entity): string => {
    const { dagId, runId, taskId, mapIndex = -1 } = at(entity);
    const name = `${dagId}.${runId}.${taskId}[${mapIndex}]`;
    entities.set(name, entity);
    return name;
  };
  const present = async (wanted: readonly Entity[], ifMissing: 'fail' | 'skip'): Promise<Entity[]> => {
    const found: Entity[] = [];
    for (const entity of wanted) {
      const isThere = await instancesAt(at(entity), context).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
        if (ifMissing === 'fail') throw new ThenceError('NOT_FOUND', error.message);
        return null;
      });
      if (isThere) found.push(entity);
    }
    return found;
  };
  return runBulk<Entity>(body, {
    nameOf,
    create: () => {
      throw new ThenceError('USAGE', 'task instances are made by their runs and cannot be created');
    },
    update: async (wanted, mask, ifMissing) => {
      const updated: string[] = [];
      for (const entity of await present(wanted, ifMissing)) {
        const { task_id: _, map_index: __, dag_id: ___, dag_run_id: ____, ...fields } = entity;
        await patch(at(entity), maskedFields(fields, mask, patchFields), actor, context).catch(asRefusal);
        updated.push(nameOf(entity));
      }
      return { created: [], updated, skipped: [] };
    },
    delete: async (names, ifMissing) => {
      const wanted = names.map((name) => entities.get(name) ?? entityBody.parse({ task_id: name }));
      const deleted: string[] = [];
      for (const entity of await present(wanted, ifMissing)) {
        for (const { map_index: mapIndex } of await instancesAt(at(entity), context)) {
          await context.commands.deleteTask({ ...at(entity), mapIndex }, actor);
        }
        deleted.push(nameOf(entity));
      }
      return { deleted };
    },
  });
}

function ofPathOr(name: string, inPath: string, given: string | null | undefined): string {
  if (inPath !== '~') return inPath;
  if (given) return given;
  throw new ThenceError('INVALID_VALUE', `the path leaves ${name} open (\`~\`): each entity has to give it`);
}

/** What a single request answers by itself is one of several refusals here. */
function asRefusal(error: unknown): never {
  if (error instanceof ApiError) throw new ThenceError(error.status === 404 ? 'NOT_FOUND' : 'CONFLICT', error.message);
  throw error;
}
