/** What a person says about a run or its tasks, under its lock. Live attempts keep their slots until they are known to have ended. */
import type { PoolClient } from 'pg';
import { isFinished } from '../../core/states';
import type { AlsoCommit, ClearRequest, MarkRequest, RunPk, TaskVerdict } from '../ledger';
import { clearLocked, defaultVersion } from './clear-tasks';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { wakeOtherRuns } from './dag-room';
import { insertWakes, lockRuns } from './lock-runs';
import type { LockedRow } from './lock-runs';
import { markLocked } from './mark-tasks';
import { wakeNextRuns } from './past';
import { chooseTasks, stopTasks } from './stop-tasks';
import type { ChosenTask } from './stop-tasks';
import { recountTallies } from './tallies';

/** What has not begun is skipped as by a rule: clearing what stands above it lets it run. */
const markRows = prepared(
  'mark_all_tasks',
  `UPDATE task_instance SET admissible = false, due_at = NULL, end_date = clock_timestamp(),
     state = CASE WHEN $2 = 'success' THEN 'success' WHEN state IN ('queued', 'running', 'restarting', 'deferred', 'up_for_reschedule') THEN 'failed' ELSE 'skipped' END,
     reason = CASE WHEN $2 = 'success' OR state IN ('queued', 'running', 'restarting', 'deferred', 'up_for_reschedule') THEN 'marked' ELSE 'run_ended' END
   WHERE pk = ANY($1::bigint[]) AND CASE WHEN $2 = 'success' THEN state IS DISTINCT FROM 'success'
     ELSE state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed') END`,
);

const endExpansions = prepared(
  'end_expansions',
  `WITH under_way AS (DELETE FROM expansion WHERE run = $1::bigint)
   UPDATE task_tally y SET length = (SELECT count(*) FROM task_instance t WHERE t.run = y.run AND t.task_id = y.task_id AND t.map_index >= 0 AND t.state IS DISTINCT FROM 'removed')
   WHERE y.run = $1::bigint`,
);

const markRow = prepared(
  'mark_run',
  `UPDATE dag_run r SET state = $2, end_date = clock_timestamp(), end_reason = 'marked', retry_at = NULL, waits_for_past = false, seq = r.seq + 1,
     version = coalesce(r.version, (SELECT current_version FROM dag d WHERE d.dag_id = r.dag_id)) WHERE pk = $1::bigint`,
);

/** Of the DAG, when its file gives one for this end. */
const insertCallback = prepared(
  'insert_run_callback',
  `INSERT INTO callback (run, event, version, reason)
   SELECT r.pk, $2, r.version, 'marked' FROM dag_run r JOIN dag_version v ON v.id = r.version
   WHERE r.pk = $1::bigint AND (v.spec->'callbacks')::jsonb ? $2`,
);

/** Its teardowns run first. */
const markEnding = prepared(
  'mark_run_ending',
  `UPDATE dag_run SET end_reason = 'marked', retry_at = NULL, waits_for_past = false, seq = seq + 1 WHERE pk = $1::bigint`,
);

export async function markRun(
  context: LedgerContext,
  run: RunPk,
  state: 'success' | 'failed',
  also?: AlsoCommit<boolean>,
): Promise<boolean> {
  return underLock(context, run, false, also, async (client, row) => {
    const all = await chooseTasks(client, run, null);
    const teardowns = state === 'failed' ? await unfinishedTeardowns(context, client, row, all) : new Set<ChosenTask>();
    const tasks = all.filter((task) => !teardowns.has(task));
    await stopTasks(client, state === 'success' ? tasks : tasks.filter((task) => task.state !== 'success'), 'marked');
    await markRows(
      client,
      tasks.map(({ pk }) => pk),
      state,
    );
    await endExpansions(client, run);
    await recountTallies(client, run, null);
    if (teardowns.size > 0) await markEnding(client, run);
    else {
      await markRow(client, run, state);
      await insertCallback(client, run, state === 'success' ? 'success' : 'failure');
    }
    return true;
  });
}

/** They clean up behind a run that is marked failed, as far as their setups have run. Marked once more, it ends without them. */
async function unfinishedTeardowns(
  { versions }: LedgerContext,
  client: PoolClient,
  row: LockedRow,
  tasks: readonly ChosenTask[],
): Promise<Set<ChosenTask>> {
  if (row.state !== 'running' || row.version === null || row.end_reason === 'marked') return new Set();
  await versions.load(client, [row.version]);
  const { dag } = versions.get(row.version);
  return new Set(tasks.filter(({ task_id: id, state }) => dag.tasks.get(id)?.spec.teardown && !isFinished(state)));
}

export async function clearRun(context: LedgerContext, run: RunPk, also?: AlsoCommit<boolean>): Promise<boolean> {
  return underLock(context, run, false, also, async (client, row) => {
    const version = await defaultVersion(client, row.dag_id);
    await clearLocked(context, client, row, { tasks: null, version, conf: null });
    return true;
  });
}

export function clearTasks(context: LedgerContext, { run, ...request }: ClearRequest, also?: AlsoCommit<TaskVerdict | null>) {
  return underLock<TaskVerdict | null>(context, run, null, also, (client, row) => clearLocked(context, client, row, request));
}

export function markTasks(context: LedgerContext, { run, ...request }: MarkRequest, also?: AlsoCommit<TaskVerdict | null>) {
  return underLock<TaskVerdict | null>(context, run, null, also, (client, row) => markLocked(context, client, row, request));
}

function underLock<T>(
  context: LedgerContext,
  run: RunPk,
  missing: T,
  also: AlsoCommit<T> | undefined,
  work: (client: PoolClient, row: LockedRow) => Promise<T>,
): Promise<T> {
  return inTransaction(context.pool, async (client) => {
    const { rows } = await lockRuns(client, [run]);
    const result = rows[0] ? await work(client, rows[0]) : missing;
    if (rows[0]) {
      await insertWakes(client, [run], 'verdict');
      await wakeNextRuns(client, [run]);
      await wakeOtherRuns(context, client, rows);
    }
    await also?.(client, result);
    return result;
  });
}
