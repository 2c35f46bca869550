/** What a person says about a whole run, under its lock. Live attempts keep their slots until they are known to have ended. */
import type { PoolClient } from 'pg';
import type { AlsoCommit, RunPk } from '../ledger';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { insertWakes, lockRuns } from './lock-runs';

/**
 * The rows' locks are taken first, by a statement of their own: a claim that is under way is over then, and the attempt that it made is
 * seen by the statements behind it.
 */
const lockTasks = prepared('lock_tasks', 'SELECT FROM task_instance WHERE run = $1::bigint ORDER BY pk FOR NO KEY UPDATE');

const endAttempts = prepared(
  'end_attempts',
  `UPDATE attempt a SET state = 'ending' FROM task_instance t
   WHERE t.run = $1::bigint AND a.ti = t.pk AND a.state IN ('claimed', 'running')`,
);

const markTasks = prepared(
  'mark_tasks',
  `UPDATE task_instance SET reason = 'marked', admissible = false, due_at = NULL, end_date = clock_timestamp(),
     state = CASE WHEN $2 = 'success' THEN 'success' WHEN state IN ('queued', 'running', 'restarting', 'deferred', 'up_for_reschedule') THEN 'failed' ELSE 'skipped' END
   WHERE run = $1::bigint AND CASE WHEN $2 = 'success' THEN state IS NULL OR state NOT IN ('success', 'removed')
     ELSE state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed') END`,
);

const markRow = prepared(
  'mark_run',
  `UPDATE dag_run r SET state = $2, end_date = clock_timestamp(), seq = r.seq + 1,
     version = coalesce(r.version, (SELECT current_version FROM dag d WHERE d.dag_id = r.dag_id)) WHERE pk = $1::bigint`,
);

/** Cleared tasks that run become `restarting`: undecided when their attempt has ended. */
const clearTasks = prepared(
  'clear_tasks',
  `UPDATE task_instance SET reason = 'cleared', admissible = false, due_at = NULL, start_date = NULL, end_date = NULL, scheduled_at = NULL, branch = NULL,
     retries_used = 0, lost_in_a_row = 0, piece = 0, state = CASE WHEN state IN ('queued', 'running', 'restarting') THEN 'restarting' END
   WHERE run = $1::bigint AND (state IS NULL OR state <> 'removed')`,
);

/** A marked task whose attempt is still ending may not start anew before it has ended: its state says so. */
const keepRestarting = prepared(
  'keep_restarting',
  `UPDATE task_instance t SET state = 'restarting' FROM attempt a
   WHERE t.run = $1::bigint AND a.ti = t.pk AND a.id = t.attempt AND a.state <> 'ended' AND t.state IS NULL`,
);

const requeue = prepared(
  'requeue_run',
  `UPDATE dag_run SET state = 'queued', queued_at = clock_timestamp(), start_date = NULL, end_date = NULL, seq = seq + 1 WHERE pk = $1::bigint`,
);

export function markRun(context: LedgerContext, run: RunPk, state: 'success' | 'failed', also?: AlsoCommit<boolean>): Promise<boolean> {
  return underLock(context, run, also, async (client) => {
    await markTasks(client, run, state);
    await endAttempts(client, run);
    await markRow(client, run, state);
  });
}

export function clearRun(context: LedgerContext, run: RunPk, also?: AlsoCommit<boolean>): Promise<boolean> {
  return underLock(context, run, also, async (client) => {
    await clearTasks(client, run);
    await endAttempts(client, run);
    await keepRestarting(client, run);
    await requeue(client, run);
  });
}

function underLock(
  { pool }: LedgerContext,
  run: RunPk,
  also: AlsoCommit<boolean> | undefined,
  work: (client: PoolClient) => Promise<void>,
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await lockRuns(client, [run]);
    const found = rows.length === 1;
    if (found) {
      await lockTasks(client, run);
      await work(client);
      await insertWakes(client, [run], 'verdict');
    }
    await also?.(client, found);
    return found;
  });
}
