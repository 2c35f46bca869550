/** Deleting what was run. Logs go after the commit: should that be cut off, they are left over, and nothing else is. */
import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor, NoteRequest } from './commands';
import type { CommandContext } from './context';
import { unknownDag } from './find-dag';
import { findRun, runNotFound } from './find-run';
import { taskNotFound } from './set-note';

export async function deleteRun(context: CommandContext, { dagId, runId }: { dagId: string; runId: string }, actor: Actor): Promise<void> {
  const run = await findRun(context, { dagId, runId });
  if (run.state === 'running') {
    throw new ThenceError('CONFLICT', `run "${runId}" of DAG "${dagId}" is running; mark it success or failed first, then delete it`);
  }
  const result = await context.ledger.deleteRun(run.pk, async (transaction, result) => {
    if (result === 'deleted') await writeAudit(transaction, actor, { action: 'delete_run', dagId, runId, details: { state: run.state } });
  });
  if (result === 'missing') throw runNotFound(dagId, runId);
  if (result === 'live') {
    throw new ThenceError('CONFLICT', `tasks of run "${runId}" of DAG "${dagId}" are still being stopped; try again in a moment`);
  }
  await context.logs?.deleteRun(dagId, runId);
  context.wakeup();
}

export async function deleteTask(context: CommandContext, request: Omit<NoteRequest, 'note'>, actor: Actor): Promise<void> {
  const { dagId, runId, taskId, mapIndex = -1 } = request;
  const run = await findRun(context, { dagId, runId });
  const result = await context.ledger.deleteTask(run.pk, taskId, mapIndex, async (transaction, result) => {
    if (result === 'deleted') await writeAudit(transaction, actor, { action: 'delete_task', dagId, runId, taskId, mapIndex });
  });
  if (result === 'missing') throw taskNotFound(request);
  if (result === 'live') {
    throw new ThenceError(
      'CONFLICT',
      `run "${runId}" of DAG "${dagId}" is running, or task "${taskId}" is still being stopped; task instances can be deleted when it has ended`,
    );
  }
}

export async function deleteDag(context: CommandContext, dagId: string, actor: Actor): Promise<{ runs: number; filePath: string }> {
  const { pool } = context.database;
  const { rows } = await pool.query<{ file_path: string }>('SELECT file_path FROM dag WHERE dag_id = $1', [dagId]);
  if (!rows[0]) throw await unknownDag(context.database, dagId);
  const { rows: runs } = await pool.query<{ run_id: string }>('SELECT run_id FROM dag_run WHERE dag_id = $1', [dagId]);
  const result = await context.ledger.deleteDag(dagId, async (transaction, result) => {
    if (result === 'deleted') await writeAudit(transaction, actor, { action: 'delete_dag', dagId, details: { runs: runs.length } });
  });
  if (result === 'missing') throw await unknownDag(context.database, dagId);
  if (result === 'live') {
    throw new ThenceError(
      'CONFLICT',
      `tasks of DAG "${dagId}" are running; pause it and mark its running runs failed first, then delete it`,
    );
  }
  for (const { run_id: runId } of runs) await context.logs?.deleteRun(dagId, runId);
  context.wakeup();
  return { runs: runs.length, filePath: rows[0].file_path };
}
