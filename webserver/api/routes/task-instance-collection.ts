/** What the routes that change task instances share. */
import { z } from 'zod';
import type { TaskPlan } from '../../../src/commands/commands';
import { getTaskInstances, type TaskInstanceRow } from '../../../src/read-model/rest/task-instances';
import type { ApiContext } from '../route';
import { taskInstanceResponse, taskInstanceSchema } from './task-instance-response';

export const taskInstanceCollection = z.object({ task_instances: z.array(taskInstanceSchema), total_entries: z.int() });

export const reach = {
  include_upstream: z.boolean().default(false),
  include_downstream: z.boolean().default(false),
  include_past: z.boolean().default(false),
  include_future: z.boolean().default(false),
};

type Reach = Readonly<Partial<Record<keyof typeof reach, boolean>>>;

export const reachOf = (body: Reach) => ({
  upstream: body.include_upstream,
  downstream: body.include_downstream,
  past: body.include_past,
  future: body.include_future,
});

export const versionOf = (latest: boolean | undefined) => (latest === undefined ? null : latest ? 'latest' : 'own');

/** The task instances that were asked for, as they are now. */
export async function taskInstancesOf({ dagId, items }: TaskPlan, action: 'clear' | 'mark', { database }: ApiContext) {
  return collection(
    await getTaskInstances(
      database.pool,
      dagId,
      items.filter((item) => item.action === action),
    ),
  );
}

export function collection(rows: readonly TaskInstanceRow[]): z.input<typeof taskInstanceCollection> {
  return { task_instances: rows.map(taskInstanceResponse), total_entries: rows.length };
}
