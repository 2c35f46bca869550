/** Why a queued run does not start: the rules of `startQueuedRuns`, each with its numbers. */
import type { Pool } from 'pg';
import type { RunState } from '../../core/states';
import { named } from './blocker';
import type { Blocker } from './blocker';

export interface WhyRun {
  readonly pk: number;
  readonly dagId: string;
  readonly state: RunState;
  readonly backfillId: number | null;
}

interface Surroundings {
  readonly schedulers: number;
  readonly isActive: boolean;
  readonly isPaused: boolean;
  readonly isBackfillPaused: boolean | null;
  readonly runAfter: Date;
  readonly isLater: boolean;
  readonly retryAt: Date | null;
  /** Of the DAG, or of the backfill that the run belongs to. */
  readonly maxActiveRuns: number;
  /** What counts against it. */
  readonly running: readonly string[];
  /** Queued ones that start before it. */
  readonly ahead: number;
}

/** Empty when it has started and nobody has to start it again. */
export async function readRunBlockers(pool: Pool, run: WhyRun): Promise<Blocker[]> {
  const around = await readSurroundings(pool, run);
  if (run.state === 'failed' && around.retryAt !== null) {
    return [
      ...schedulerBlocker(around),
      { kind: 'run-retry', text: 'The run failed, and its failed tasks start again', at: around.retryAt },
    ];
  }
  if (run.state !== 'queued') return [];

  const blockers = schedulerBlocker(around);
  if (!around.isActive) {
    blockers.push({
      kind: 'inactive',
      text: `No file in the dags folder makes the DAG "${run.dagId}" any more, so no run of it is started.`,
    });
  }
  if (around.isBackfillPaused === true) {
    blockers.push({ kind: 'backfill', text: `Backfill ${run.backfillId} is paused: its queued runs start when it is resumed.` });
  } else if (around.isPaused && run.backfillId === null) {
    blockers.push({ kind: 'paused', text: 'The DAG is paused: nothing new of it is started until it is switched on.' });
  }
  if (around.isLater) blockers.push({ kind: 'run-after', text: 'It may not start earlier than its run_after', at: around.runAfter });
  const { running, maxActiveRuns, ahead } = around;
  if (running.length >= maxActiveRuns) {
    const whose = run.backfillId === null ? 'the DAG' : `backfill ${run.backfillId}`;
    blockers.push({
      kind: 'run-queued',
      text: `The run is queued: ${running.length} of at most ${maxActiveRuns} active runs of ${whose} are running${ahead > 0 ? `, and ${ahead} queued ${ahead === 1 ? 'one goes' : 'ones go'} first` : ''}: ${named(running)}.`,
      runs: running,
    });
  }
  return blockers.length > 0 ? blockers : [{ kind: 'next', text: 'Nothing: it is about to be started.' }];
}

function schedulerBlocker({ schedulers }: Surroundings): Blocker[] {
  const text = 'No scheduler is alive, so nothing is started. Run "thence scheduler" or "thence standalone".';
  return schedulers === 0 ? [{ kind: 'scheduler', text }] : [];
}

/** The runs that count are those of startQueuedRuns: one that waits for an earlier run counts for that one, and for those before it, not. */
async function readSurroundings(pool: Pool, run: WhyRun): Promise<Surroundings> {
  const { rows } = await pool.query<Surroundings>(
    `SELECT (SELECT count(*)::int FROM session WHERE kind = 'scheduler' AND state IN ('alive','draining') AND lease_until > clock_timestamp()) AS schedulers,
            d.is_active AS "isActive", d.is_paused AS "isPaused", b.is_paused AND b.completed_at IS NULL AS "isBackfillPaused", r.run_after AS "runAfter",
            r.run_after > clock_timestamp() AS "isLater", r.retry_at AS "retryAt", coalesce(b.max_active_runs, d.max_active_runs) AS "maxActiveRuns",
            ARRAY(SELECT o.run_id FROM dag_run o WHERE o.dag_id = r.dag_id AND o.state = 'running' AND o.backfill_id IS NOT DISTINCT FROM r.backfill_id
                    AND NOT (o.waits_for_past AND o.logical_date > r.logical_date) ORDER BY o.run_after, o.pk) AS running,
            (SELECT count(*)::int FROM dag_run o WHERE o.dag_id = r.dag_id AND o.state = 'queued' AND o.backfill_id IS NOT DISTINCT FROM r.backfill_id
               AND (coalesce(o.backfill_ordinal, 0), o.run_after, o.pk) < (coalesce(r.backfill_ordinal, 0), r.run_after, r.pk)) AS ahead
     FROM dag_run r JOIN dag d ON d.dag_id = r.dag_id LEFT JOIN backfill b ON b.id = r.backfill_id WHERE r.pk = $1`,
    [run.pk],
  );
  return rows[0]!;
}
