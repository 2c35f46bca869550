/** What a person changes of what tasks have pushed. Tasks that have read a value already are not asked again. */
import type { PoolClient } from 'pg';
import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor, XComInput, XComPlace } from './commands';
import type { CommandContext } from './context';
import { findRun, runNotFound } from './find-run';
import { taskNotFound } from './set-note';
import { inTransaction } from './transaction';

export async function createXCom(context: CommandContext, request: XComInput, actor: Actor): Promise<void> {
  const { value, bytes } = textOf(request);
  await change(context, 'create_xcom', request, actor, async (client, run) => {
    const { rowCount } = await client.query(
      `INSERT INTO xcom (run, task_id, map_index, key, value, bytes) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      [...keysOf(run, request), value, bytes],
    );
    if (rowCount === 0) throw new ThenceError('ALREADY_EXISTS', `${placeOf(request)} has the XCom ${JSON.stringify(request.key)} already`);
  });
}

export async function updateXCom(context: CommandContext, request: XComInput, actor: Actor): Promise<void> {
  const { value, bytes } = textOf(request);
  await change(context, 'update_xcom', request, actor, async (client, run) => {
    const { rowCount } = await client.query(
      `UPDATE xcom SET value = $5, bytes = $6, attempt = NULL, at = clock_timestamp()
       WHERE run = $1 AND task_id = $2 AND map_index = $3 AND key = $4`,
      [...keysOf(run, request), value, bytes],
    );
    if (rowCount === 0) throw missing(request);
  });
}

export async function deleteXCom(context: CommandContext, request: XComPlace, actor: Actor): Promise<void> {
  await change(context, 'delete_xcom', request, actor, async (client, run) => {
    const { rowCount } = await client.query(
      'DELETE FROM xcom WHERE run = $1 AND task_id = $2 AND map_index = $3 AND key = $4',
      keysOf(run, request),
    );
    if (rowCount === 0) throw missing(request);
  });
}

async function change(
  context: CommandContext,
  action: string,
  request: XComPlace,
  actor: Actor,
  write: (client: PoolClient, run: number) => Promise<void>,
): Promise<void> {
  const { dagId, runId, taskId, mapIndex = -1, key } = request;
  const run = await findRun(context, request);
  await inTransaction(context.database.pool, async (client) => {
    // The run first, as everybody locks: it may be deleted at this moment.
    const { rowCount: stays } = await client.query('SELECT FROM dag_run WHERE pk = $1 FOR KEY SHARE', [run.pk]);
    if (stays === 0) throw runNotFound(dagId, runId);
    const task = 'SELECT FROM task_instance WHERE run = $1 AND task_id = $2 AND map_index = $3';
    if ((await client.query(task, [run.pk, taskId, mapIndex])).rowCount === 0) throw taskNotFound(request);
    await write(client, run.pk);
    await writeAudit(client, actor, { action, dagId, runId, taskId, mapIndex, details: { key } });
  });
}

function textOf({ key, value, maxBytes }: XComInput): { value: string; bytes: number } {
  if (key === '' || key.length > 512 || key.includes('\0'))
    throw new ThenceError('INVALID_VALUE', 'the key of an XCom has 1 to 512 characters, and no NUL');
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw new ThenceError('INVALID_VALUE', `the XCom "${key}" is too large: ${bytes} bytes, the limit is ${maxBytes}`);
  return { value: text, bytes };
}

const keysOf = (run: number, { taskId, mapIndex = -1, key }: XComPlace) => [run, taskId, mapIndex, key];

const placeOf = ({ dagId, runId, taskId, mapIndex = -1 }: XComPlace) =>
  `task "${taskId}"${mapIndex < 0 ? '' : ` with the map index ${mapIndex}`} in run "${runId}" of DAG "${dagId}"`;

const missing = (request: XComPlace) => new ThenceError('NOT_FOUND', `${placeOf(request)} has no XCom ${JSON.stringify(request.key)}`);
