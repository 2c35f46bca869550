import type { PoolClient } from 'pg';
import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor, DeleteOptions } from './commands';
import type { CommandContext } from './context';
import { recheckUsersOf } from './recheck-pools';
import { missingError } from './store-plan';
import { inTransaction } from './transaction';

type Names = readonly string[];
type Deleted = { readonly deleted: Names };

export function deleteVariables(context: CommandContext, keys: Names, options: DeleteOptions, actor: Actor): Promise<Deleted> {
  return deleteNamed(context, { what: 'variable', column: 'key', detail: 'key' }, keys, options, actor);
}

export function deleteConnections(context: CommandContext, ids: Names, options: DeleteOptions, actor: Actor): Promise<Deleted> {
  return deleteNamed(context, { what: 'connection', column: 'conn_id', detail: 'connection_id' }, ids, options, actor);
}

export async function deletePools(context: CommandContext, names: Names, options: DeleteOptions, actor: Actor): Promise<Deleted> {
  if (names.includes('default_pool'))
    throw new ThenceError('INVALID_VALUE', 'the pool "default_pool" cannot be deleted: it is that of all tasks that name no other');
  return deleteNamed(context, { what: 'pool', column: 'name', detail: 'pool' }, names, options, actor, recheckUsersOf);
}

/** The table is called as what it holds. */
interface Kind {
  readonly what: 'variable' | 'connection' | 'pool';
  readonly column: string;
  readonly detail: string;
}

async function deleteNamed(
  { database }: CommandContext,
  { what, column, detail }: Kind,
  names: Names,
  { ifMissing = 'fail' }: DeleteOptions,
  actor: Actor,
  also?: (client: PoolClient, deleted: Names) => Promise<void>,
): Promise<Deleted> {
  return inTransaction(database.pool, async (client) => {
    const locked = `SELECT ${column} AS name FROM ${what} WHERE ${column} = ANY($1) ORDER BY ${column} FOR UPDATE`;
    const { rows } = await client.query<{ name: string }>(locked, [names.filter((name) => !name.includes('\0'))]);
    const there = new Set(rows.map(({ name }) => name));
    const missing = names.filter((name) => !there.has(name));
    if (missing.length > 0 && ifMissing === 'fail') throw missingError(what, missing);
    await client.query(`DELETE FROM ${what} WHERE ${column} = ANY($1)`, [[...there]]);
    for (const name of there) await writeAudit(client, actor, { action: `delete_${what}`, details: { [detail]: name } });
    await also?.(client, [...there]);
    return { deleted: [...new Set(names)].filter((name) => there.has(name)) };
  });
}
