import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor, NoteRequest } from './commands';
import type { CommandContext } from './context';
import { findRun } from './find-run';
import { inTransaction } from './transaction';

export async function setRunNote(
  context: CommandContext,
  { dagId, runId, note }: { dagId: string; runId: string; note: string | null },
  actor: Actor,
): Promise<void> {
  const run = await findRun(context, { dagId, runId });
  await inTransaction(context.database.pool, async (client) => {
    await client.query('UPDATE dag_run SET note = $2 WHERE pk = $1', [run.pk, note]);
    await writeAudit(client, actor, { action: 'set_run_note', dagId, runId });
  });
}

export async function setTaskNote(
  context: CommandContext,
  { dagId, runId, taskId, mapIndex = -1, note }: NoteRequest,
  actor: Actor,
): Promise<void> {
  const run = await findRun(context, { dagId, runId });
  await inTransaction(context.database.pool, async (client) => {
    const { rowCount } = await client.query(
      `INSERT INTO ti_detail (ti, note) SELECT pk, $4 FROM task_instance WHERE run = $1 AND task_id = $2 AND map_index = $3
       ON CONFLICT (ti) DO UPDATE SET note = excluded.note`,
      [run.pk, taskId, mapIndex, note],
    );
    if (rowCount === 0) throw taskNotFound({ dagId, runId, taskId, mapIndex });
    await writeAudit(client, actor, { action: 'set_task_note', dagId, runId, taskId, mapIndex });
  });
}

export function taskNotFound({ dagId, runId, taskId, mapIndex = -1 }: Omit<NoteRequest, 'note'>): ThenceError {
  const task = mapIndex < 0 ? `"${taskId}"` : `"${taskId}" with the map index ${mapIndex}`;
  return new ThenceError('NOT_FOUND', `run "${runId}" of DAG "${dagId}" has no task instance ${task}`);
}
