import { ThenceError } from '../core/errors';
import type { RunState } from '../core/states';
import type { RunPk } from '../ledger/ledger';
import type { CommandContext } from './context';
import { unknownDag } from './find-dag';

export interface FoundRun {
  readonly pk: RunPk;
  readonly state: RunState;
}

/** Also of a DAG whose file is gone: what it did can still be marked. */
export async function findRun({ database }: CommandContext, { dagId, runId }: { dagId: string; runId: string }): Promise<FoundRun> {
  const { rows } = await database.pool.query<FoundRun>('SELECT pk, state FROM dag_run WHERE dag_id = $1 AND run_id = $2', [dagId, runId]);
  if (rows[0]) return rows[0];
  const { rowCount } = await database.pool.query('SELECT FROM dag WHERE dag_id = $1', [dagId]);
  if (rowCount === 0) throw await unknownDag(database, dagId);
  throw runNotFound(dagId, runId);
}

export function runNotFound(dagId: string, runId: string): ThenceError {
  return new ThenceError('NOT_FOUND', `DAG "${dagId}" has no run "${runId}"`);
}
