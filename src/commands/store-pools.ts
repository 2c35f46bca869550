import type { PoolClient } from 'pg';
import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor, PoolInput, Stored, StoreOptions } from './commands';
import type { CommandContext } from './context';
import { recheckUsersOf } from './recheck-pools';
import { assertInserted, assertText, planStore, storedBy } from './store-plan';
import { inTransaction } from './transaction';

const mostSlots = 1_000_000_000;

export async function storePools(
  context: CommandContext,
  pools: readonly PoolInput[],
  options: StoreOptions,
  actor: Actor,
): Promise<Stored> {
  pools.forEach(check);
  const names = pools.map(({ name }) => name);
  const stored = await inTransaction(context.database.pool, async (client) => {
    // Pools by name, as everybody locks them: a claim that counts their slots at this moment comes before or after.
    const { rows } = await client.query<{ name: string; include_deferred: boolean }>(
      'SELECT name, include_deferred FROM pool WHERE name = ANY($1) ORDER BY name FOR NO KEY UPDATE',
      [names],
    );
    const existing = new Map(rows.map((row) => [row.name, row.include_deferred]));
    const actionOf = planStore('pool', names, new Set(existing.keys()), options);
    for (const { name, slots, description, includeDeferred } of pools) {
      const action = actionOf(name);
      if (action === 'skip') continue;
      if (action === 'create') {
        if (slots === undefined) throw new ThenceError('INVALID_VALUE', `the new pool "${name}" needs a number of slots`);
        const { rowCount } = await client.query(
          'INSERT INTO pool (name, slots, description, include_deferred) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
          [name, slots, description || null, includeDeferred ?? false],
        );
        assertInserted('pool', name, rowCount);
      } else {
        await client.query(
          `UPDATE pool SET slots = coalesce($2, slots), include_deferred = coalesce($3, include_deferred),
             description = CASE WHEN $4 THEN $5 ELSE description END WHERE name = $1`,
          [name, slots ?? null, includeDeferred ?? null, description !== undefined, description || null],
        );
        if (includeDeferred !== undefined && includeDeferred !== existing.get(name)) await changeParked(client, name, includeDeferred);
      }
      const details = {
        pool: name,
        ...(slots !== undefined && { slots }),
        ...(includeDeferred !== undefined && { include_deferred: includeDeferred }),
        ...(description !== undefined && { description }),
      };
      await writeAudit(client, actor, { action: `${action}_pool`, details });
    }
    await recheckUsersOf(client, names);
    return storedBy(names, actionOf);
  });
  // What waits for slots may find some.
  context.wakeup();
  return stored;
}

/**
 * Those that are deferred now get their slots back, or give them up. A hop locks attempts before pools, so that nothing is waited for
 * here: one that ends its wait at this very moment is left to it.
 */
async function changeParked(client: PoolClient, pool: string, keepsSlots: boolean): Promise<void> {
  await client.query(
    `UPDATE attempt SET slots = CASE WHEN $2 THEN parked.pool_slots ELSE 0 END FROM (
       SELECT a.id, t.pool_slots FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE a.pool = $1 AND a.state = 'parked'
       FOR UPDATE OF a SKIP LOCKED) parked
     WHERE attempt.id = parked.id`,
    [pool, keepsSlots],
  );
}

function check({ name, slots, description }: PoolInput): void {
  if (name.trim() === '' || name.length > 256)
    throw new ThenceError('INVALID_VALUE', `the name of a pool has 1 to 256 characters; "${name.slice(0, 50)}" has ${name.length}`);
  if (slots !== undefined && !(Number.isInteger(slots) && slots >= -1 && slots <= mostSlots))
    throw new ThenceError(
      'INVALID_VALUE',
      `the slots of pool "${name}" are ${slots}; allowed is a whole number from 0, or -1 for no limit`,
    );
  assertText('the name of a pool', name);
  assertText(`the description of pool "${name}"`, description);
}
