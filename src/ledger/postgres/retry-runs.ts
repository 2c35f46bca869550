/** runRetries: a run that failed starts again with what failed of it, on its own version. */
import type { PoolClient } from 'pg';
import { withSetupsAndTeardowns } from '../../core/selection';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { RunPk, TaskSelection } from '../ledger';
import { clearLocked } from './clear-tasks';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { insertWakes, lockRuns } from './lock-runs';
import { oneByOne } from './one-by-one';
import { wakeNextRuns } from './past';

const findDue = prepared<{ pk: RunPk }>(
  'find_runs_to_retry',
  'SELECT pk FROM dag_run WHERE retry_at IS NOT NULL AND retry_at <= statement_timestamp() ORDER BY retry_at LIMIT $1',
);
const isDue = prepared<{ pk: RunPk }>(
  'is_run_to_retry',
  `SELECT pk FROM dag_run WHERE pk = $1::bigint AND state = 'failed' AND retry_at <= statement_timestamp()`,
);
const giveUp = prepared('give_up_run_retry', 'UPDATE dag_run SET retry_at = NULL WHERE pk = $1::bigint');

const readFailed = prepared<{ task_id: string; map_index: number }>(
  'read_failed_tasks',
  `SELECT task_id, map_index FROM task_instance WHERE run = $1::bigint AND (state IN ('failed', 'upstream_failed') OR state = 'skipped' AND reason IN ('run_ended', 'fail_fast'))`,
);

export async function retryRuns(context: LedgerContext, limit: number): Promise<RunPk[]> {
  const { rows } = await findDue(context.pool, limit);
  return oneByOne(rows, async ({ pk }) => ((await retryRun(context, pk)) ? [pk] : []));
}

function retryRun(context: LedgerContext, run: RunPk): Promise<boolean> {
  return inTransaction(context.pool, async (client) => {
    const row = (await lockRuns(client, [run])).rows[0];
    if (!row?.version || (await isDue(client, run)).rows.length === 0) return false;
    await context.versions.load(client, [row.version]);
    const { dag } = context.versions.get(row.version);
    const tasks = await whatFailed(client, run, dag);
    const verdict = await clearLocked(context, client, row, { tasks, version: 'own', conf: null, runRetry: true });
    if (verdict.to !== 'queued') {
      // Nothing that failed is left to be cleared: a person has marked it since.
      await giveUp(client, run);
      return false;
    }
    await insertWakes(client, [run], 'run retry');
    if (dag.usesPast.length > 0) await wakeNextRuns(client, [run]);
    return true;
  });
}

/** With the setups that these need, and the teardowns of those. */
async function whatFailed(client: PoolClient, run: RunPk, dag: CompiledDag): Promise<TaskSelection[]> {
  const { rows } = await readFailed(client, run);
  const failed = [...new Set(rows.map(({ task_id }) => task_id))];
  const indexesOf = (taskId: string) => rows.filter(({ task_id }) => task_id === taskId).map(({ map_index: mapIndex }) => mapIndex);
  const besides = withSetupsAndTeardowns(dag, failed).filter((id) => !failed.includes(id));
  return [
    ...failed.map((taskId) => ({ taskId, mapIndexes: indexesOf(taskId) })),
    ...besides.map((taskId) => ({ taskId, mapIndexes: null })),
  ];
}
