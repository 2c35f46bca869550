/** `PATCH` of a collection: a list of actions, each of which is carried out for all its entities or for none. */
import { z } from 'zod';
import type { Stored } from '../../src/commands/commands';
import { ThenceError } from '../../src/core/errors';

const ifExists = z.enum(['fail', 'skip', 'overwrite']).default('fail');
const ifMissing = z.enum(['fail', 'skip']).default('fail');

export function bulkBody<E extends z.ZodObject>(entity: E) {
  return z.strictObject({
    actions: z.array(
      z.discriminatedUnion('action', [
        z.strictObject({ action: z.literal('create'), entities: z.array(entity), action_on_existence: ifExists }),
        z.strictObject({
          action: z.literal('update'),
          entities: z.array(entity),
          action_on_non_existence: ifMissing,
          update_mask: z.array(z.string()).nullish(),
        }),
        z.strictObject({
          action: z.literal('delete'),
          entities: z.array(z.union([z.string(), entity])),
          action_on_non_existence: ifMissing,
        }),
      ]),
    ),
  });
}

const result = z
  .object({ success: z.array(z.string()), errors: z.array(z.object({ error: z.string(), status_code: z.int() })) })
  .nullable()
  .describe('null: the action was not asked for');
export const bulkResponse = z.object({ create: result, update: result, delete: result });

type BulkAction<Entity> =
  | { readonly action: 'create'; readonly entities: readonly Entity[]; readonly action_on_existence: 'fail' | 'skip' | 'overwrite' }
  | {
      readonly action: 'update';
      readonly entities: readonly Entity[];
      readonly action_on_non_existence: 'fail' | 'skip';
      readonly update_mask?: readonly string[] | null;
    }
  | { readonly action: 'delete'; readonly entities: readonly (string | Entity)[]; readonly action_on_non_existence: 'fail' | 'skip' };

export interface BulkHandlers<Entity> {
  create(entities: readonly Entity[], ifExists: 'fail' | 'skip' | 'overwrite'): Promise<Stored>;
  update(entities: readonly Entity[], mask: readonly string[] | undefined, ifMissing: 'fail' | 'skip'): Promise<Stored>;
  delete(names: readonly string[], ifMissing: 'fail' | 'skip'): Promise<{ readonly deleted: readonly string[] }>;
  nameOf(entity: Entity): string;
}

/** What one action is refused for stands in the answer; the others are carried out all the same. */
export async function runBulk<Entity extends object>(
  { actions }: { readonly actions: readonly BulkAction<Entity>[] },
  handlers: BulkHandlers<Entity>,
): Promise<z.input<typeof bulkResponse>> {
  type Result = NonNullable<z.input<typeof result>>;
  const results: Record<'create' | 'update' | 'delete', Result | null> = { create: null, update: null, delete: null };
  for (const action of actions) {
    const { success, errors } = (results[action.action] ??= { success: [], errors: [] });
    try {
      success.push(...(await carryOut(action, handlers)));
    } catch (error) {
      if (!(error instanceof ThenceError) || error.status >= 500) throw error;
      errors.push({ error: error.message, status_code: error.status });
    }
  }
  return results;
}

/** The names that were created, changed or deleted. */
async function carryOut<Entity extends object>(action: BulkAction<Entity>, handlers: BulkHandlers<Entity>): Promise<readonly string[]> {
  switch (action.action) {
    case 'create': {
      const { created, updated } = await handlers.create(action.entities, action.action_on_existence);
      return [...created, ...updated];
    }
    case 'update':
      return (await handlers.update(action.entities, action.update_mask ?? undefined, action.action_on_non_existence)).updated;
    case 'delete': {
      const names = action.entities.map((entity) => (typeof entity === 'string' ? entity : handlers.nameOf(entity)));
      return (await handlers.delete(names, action.action_on_non_existence)).deleted;
    }
  }
}
