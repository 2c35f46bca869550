/** What a DAG wants and this installation does not have: no errors, since it may come later; but until then its tasks wait. */
import type { PoolClient } from 'pg';
import type { DagSpec } from '../dag-spec/spec';

/** Slots by name; -1: without a limit. */
export type Pools = ReadonlyMap<string, number>;

export async function selectPools(client: PoolClient): Promise<Pools> {
  const { rows } = await client.query<{ name: string; slots: number }>('SELECT name, slots FROM pool');
  return new Map(rows.map((row) => [row.name, row.slots]));
}

export function* storeWarnings(spec: DagSpec, pools: Pools, executors: readonly string[]): Iterable<string> {
  for (const { id, pool, poolSlots, executor } of spec.tasks) {
    const slots = pools.get(pool);
    if (slots === undefined) {
      yield `task "${id}" wants the pool "${pool}", which does not exist: it waits until somebody makes that pool (there are ${[...pools.keys()].sort().join(', ')})`;
    } else if (slots >= 0 && poolSlots > slots) {
      yield `task "${id}" wants ${poolSlots} slots of the pool "${pool}", which has ${slots}: it waits until somebody makes the pool larger`;
    }
    if (executor !== null && !executors.includes(executor)) {
      yield `task "${id}" wants the executor "${executor}", which is not configured: it waits until THENCE_EXECUTOR names it (now ${executors.join(', ')})`;
    }
  }
}
