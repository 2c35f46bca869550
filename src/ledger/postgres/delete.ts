/**
 * Deleting: runs with everything below them, by the foreign keys. An attempt that has not ended keeps its slot, and so its rows: what has one is
 * refused. Locks are taken in the usual order, runs before their DAG.
 */
import type { PoolClient } from 'pg';
import type { AlsoCommit, DeleteResult, RunPk } from '../ledger';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { wakeOtherRuns } from './dag-room';
import { lockRuns, takeWakes } from './lock-runs';
import { wakeNextRuns } from './past';
import { recountTallies } from './tallies';

const lockTasks = prepared('lock_tasks', 'SELECT FROM task_instance WHERE run = ANY($1::bigint[]) ORDER BY pk FOR UPDATE');
const countLive = prepared<{ live: boolean }>(
  'has_live_attempts',
  `SELECT EXISTS (SELECT FROM task_instance t JOIN attempt a ON a.ti = t.pk WHERE t.run = ANY($1::bigint[])
     AND ($2::text IS NULL OR t.task_id = $2 AND t.map_index = $3) AND a.state NOT IN ('ended', 'parked')) AS live`,
);
const deleteRuns = prepared('delete_runs', 'DELETE FROM dag_run WHERE pk = ANY($1::bigint[])');

export function deleteRun(context: LedgerContext, run: RunPk, also?: AlsoCommit<DeleteResult>): Promise<DeleteResult> {
  return inTransaction(context.pool, async (client) => {
    const result = await deleteLocked(context, client, [run]);
    await also?.(client, result);
    return result;
  });
}

async function deleteLocked(context: LedgerContext, client: PoolClient, runs: readonly RunPk[]): Promise<DeleteResult> {
  const { rows } = await lockRuns(client, runs);
  if (rows.length === 0) return 'missing';
  await lockTasks(client, runs);
  if ((await countLive(client, runs, null, null)).rows[0]!.live) return 'live';
  // Others may wait for them.
  await wakeNextRuns(client, runs);
  await wakeOtherRuns(context, client, rows);
  await deleteRuns(client, runs);
  await takeWakes(client, runs);
  return 'deleted';
}

const deleteTaskRow = prepared('delete_task', 'DELETE FROM task_instance WHERE run = $1::bigint AND task_id = $2 AND map_index = $3');
const deleteValues = prepared('delete_task_values', 'DELETE FROM xcom WHERE run = $1::bigint AND task_id = $2 AND map_index = $3');
const shortenTally = prepared(
  'shorten_tally',
  'UPDATE task_tally SET length = greatest(length, 1) - 1 WHERE run = $1::bigint AND task_id = $2',
);
const touchRun = prepared('touch_run', 'UPDATE dag_run SET seq = seq + 1 WHERE pk = $1::bigint');

export function deleteTask(
  { pool }: LedgerContext,
  run: RunPk,
  taskId: string,
  mapIndex: number,
  also?: AlsoCommit<DeleteResult>,
): Promise<DeleteResult> {
  return inTransaction(pool, async (client) => {
    const result = await deleteOne(client, run, taskId, mapIndex);
    await also?.(client, result);
    return result;
  });
}

async function deleteOne(client: PoolClient, run: RunPk, taskId: string, mapIndex: number): Promise<DeleteResult> {
  const { rows } = await lockRuns(client, [run]);
  if (!rows[0]) return 'missing';
  await lockTasks(client, [run]);
  if (rows[0].state === 'running' || (await countLive(client, [run], taskId, mapIndex)).rows[0]!.live) return 'live';
  const { rowCount } = await deleteTaskRow(client, run, taskId, mapIndex);
  if (rowCount === 0) return 'missing';
  await deleteValues(client, run, taskId, mapIndex);
  if (mapIndex >= 0) {
    await recountTallies(client, run, [taskId]);
    await shortenTally(client, run, taskId);
  }
  await touchRun(client, run);
  return 'deleted';
}

const BATCH = 200;
const findRuns = prepared<{ pk: RunPk }>('find_runs_of_dag', 'SELECT pk FROM dag_run WHERE dag_id = $1 ORDER BY pk LIMIT $2');
const activate = prepared('activate_dag', 'UPDATE dag SET is_active = $2 WHERE dag_id = $1');
const readActive = prepared<{ is_active: boolean }>('read_active', 'SELECT is_active FROM dag WHERE dag_id = $1');
const hasLiveRuns = prepared<{ live: boolean }>(
  'dag_has_live_attempts',
  `SELECT EXISTS (SELECT FROM attempt a JOIN task_instance t ON t.pk = a.ti JOIN dag_run r ON r.pk = t.run
     WHERE r.dag_id = $1 AND a.state NOT IN ('ended', 'parked')) AS live`,
);
const deleteDagRow = prepared('delete_dag', 'DELETE FROM dag WHERE dag_id = $1');

/** Nothing is begun unless nothing of it runs; from then on it starts nothing, and should it be cut off in the middle, it is begun again. */
export async function deleteDag(context: LedgerContext, dagId: string, also?: AlsoCommit<DeleteResult>): Promise<DeleteResult> {
  const { pool } = context;
  const wasActive = (await readActive(pool, dagId)).rows[0]?.is_active ?? false;
  if ((await hasLiveRuns(pool, dagId)).rows[0]!.live) return 'live';
  await activate(pool, dagId, false);
  for (;;) {
    const { rows } = await findRuns(pool, dagId, BATCH);
    if (rows.length === 0) break;
    const deleted = await inTransaction(pool, (client) =>
      deleteLocked(
        context,
        client,
        rows.map(({ pk }) => pk),
      ),
    );
    if (deleted !== 'live') continue;
    await activate(pool, dagId, wasActive);
    return 'live';
  }
  return inTransaction(pool, async (client) => {
    const { rowCount } = await deleteDagRow(client, dagId);
    const result = rowCount === 0 ? 'missing' : 'deleted';
    await also?.(client, result);
    return result;
  });
}
