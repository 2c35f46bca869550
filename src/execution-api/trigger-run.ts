/** What a task does to runs: by the same commands as a person, in the audit log as "dag.task". */
import type { Pool } from 'pg';
import type { Actor, Commands } from '../commands/commands';
import { ThenceError } from '../core/errors';
import { AttemptGone } from './execution-api';
import type { RequestedRun, RunRequest } from './execution-api';

interface Deps {
  readonly pool: Pool;
  readonly commands: Pick<Commands, 'triggerRun' | 'clearRun'>;
}

export async function triggerRunOfTask({ pool, commands }: Deps, attemptId: string, request: RunRequest): Promise<RequestedRun> {
  const { dagId, runId, logicalDate, conf, ifExists } = request;
  const actor = await actorOf(pool, attemptId);
  try {
    const run = await commands.triggerRun({ dagId, runId, conf, ...(logicalDate !== null && { logicalDate }) }, actor);
    return { dagId, runId: run.runId, became: 'created', isPaused: run.isPaused };
  } catch (error) {
    if (!(error instanceof ThenceError) || error.code !== 'ALREADY_EXISTS' || ifExists === 'fail') throw error;
    const existing = (error.details as { readonly runId: string }).runId;
    if (ifExists === 'clear') await commands.clearRun({ dagId, runId: existing }, actor);
    const { rows } = await pool.query<{ is_paused: boolean }>('SELECT is_paused FROM dag WHERE dag_id = $1', [dagId]);
    return { dagId, runId: existing, became: ifExists === 'clear' ? 'cleared' : 'kept', isPaused: rows[0]?.is_paused ?? false };
  }
}

async function actorOf(pool: Pool, attemptId: string): Promise<Actor> {
  const { rows } = await pool.query<{ dag_id: string; task_id: string }>(
    `SELECT r.dag_id, t.task_id FROM attempt a JOIN task_instance t ON t.pk = a.ti AND t.attempt = a.id JOIN dag_run r ON r.pk = t.run
     WHERE a.id = $1 AND a.state IN ('claimed', 'running')`,
    [attemptId],
  );
  if (!rows[0]) throw new AttemptGone(attemptId);
  return { user: `${rows[0].dag_id}.${rows[0].task_id}`, via: 'operator', attemptId };
}
