/** dagrunTimeout: the run fails, what runs of it is stopped, what has not begun is skipped. */
import type { EndedRun, RunPk } from '../ledger';
import { insertCallbacks } from './callbacks';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { lockDags, wakeOtherRuns } from './dag-room';
import { endEarly } from './end-early';
import { insertWakes, lockRuns, updateRuns } from './lock-runs';
import { oneByOne } from './one-by-one';
import { wakeNextRuns } from './past';
import { failingDags, pauseFailingDags, retryInMs, runCallbacks, toEndedRun } from './run-ends';
import type { RunEnd } from './run-ends';

const findLate = prepared<{ pk: RunPk }>(
  'find_late_runs',
  `SELECT pk FROM dag_run WHERE state = 'running' AND deadline_at IS NOT NULL AND deadline_at <= statement_timestamp() ORDER BY deadline_at LIMIT $1`,
);
/** Under the run's lock. */
const isLate = prepared<{ pk: RunPk }>(
  'is_run_late',
  `SELECT pk FROM dag_run WHERE pk = $1::bigint AND state = 'running' AND deadline_at <= statement_timestamp()`,
);

export async function timeOutRuns(context: LedgerContext, limit: number): Promise<EndedRun[]> {
  const { rows } = await findLate(context.pool, limit);
  return oneByOne(rows, ({ pk }) => timeOut(context, pk));
}

function timeOut(context: LedgerContext, run: RunPk): Promise<EndedRun[]> {
  const { pool, versions } = context;
  return inTransaction(pool, async (client) => {
    const row = (await lockRuns(client, [run])).rows[0];
    if (!row?.version || (await isLate(client, run)).rows.length === 0) return [];
    await versions.load(client, [row.version]);
    const { dag } = versions.get(row.version);
    // One that a person has marked, and of which only the teardowns were left, stays marked.
    const reason = row.end_reason === 'marked' ? 'marked' : 'timeout';
    const end: RunEnd = { run, dag, version: row.version, state: 'failed', retriesUsed: row.retries_used, reason };

    const tell = dag.order.filter(({ spec }) => spec.callbacks?.includes('failure')).map(({ spec }) => spec.id);
    await endEarly(client, { run, spared: [], reason: 'run_ended', tell });
    const { rows: updated } = await updateRuns(client, [
      { run, ends: 'failed', endReason: reason, retryInMs: retryInMs(end), waitsForPast: false },
    ]);
    await insertCallbacks(client, runCallbacks([end]));
    if (dag.usesPast.length > 0) await wakeNextRuns(client, [run]);
    // Live attempts are stopped by the schedulers that own them.
    await insertWakes(client, [run], 'timed out');
    await wakeOtherRuns(context, client, [row]);
    const failing = failingDags([end]);
    if (failing.size > 0) await lockDags(client, [...failing.keys()]);
    await pauseFailingDags(client, failing);
    return [toEndedRun(row, end, updated[0]!.end_date!)];
  });
}
