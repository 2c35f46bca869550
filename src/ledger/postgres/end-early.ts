/**
 * Ends what is left of a run before its time (failFast, dagrunTimeout): what runs or sleeps is stopped and fails, what has not begun is
 * skipped. Live attempts keep their slots until they have ended. Under the run's lock.
 */
import type { PoolClient } from 'pg';
import type { TaskReason } from '../../core/states';
import { FINISHED_TASK_STATES } from '../../core/states';
import type { RunPk } from '../ledger';
import { prepared } from './connections';
import { countOf, RECOUNT_MOVED } from './tally-sql';

/** First the rows' own locks: a claim that is under way is over then, and the statement behind this one sees the attempt that it made. */
const lockRest = prepared(
  'lock_rest',
  `SELECT FROM task_instance WHERE run = $1::bigint AND task_id <> ALL($2::text[]) AND (state IS NULL OR state <> ALL($3::text[])) ORDER BY pk FOR NO KEY UPDATE`,
);

const STOPPED = `('queued', 'running', 'restarting', 'deferred', 'up_for_reschedule', 'up_for_retry')`;

/** $1 run, $2 tasks that are spared, $3 finished states, $4 reason, $5 tasks with a callback for failures. */
const endRest = prepared(
  'end_rest',
  `WITH before AS (
     SELECT t.pk, t.state, ${countOf('t')} AS was FROM task_instance t
     WHERE t.run = $1::bigint AND t.task_id <> ALL($2::text[]) AND (t.state IS NULL OR t.state <> ALL($3::text[]))),
   ended AS (
     UPDATE task_instance t SET state = CASE WHEN before.state IN ${STOPPED} THEN 'failed' ELSE 'skipped' END, reason = $4, admissible = false, due_at = NULL,
       start_date = coalesce(t.start_date, clock_timestamp()), end_date = clock_timestamp()
     FROM before WHERE t.pk = before.pk RETURNING t.pk, t.run, t.task_id, t.map_index, t.state, t.try_number, before.was),
   waits AS (DELETE FROM wait w USING ended WHERE w.ti = ended.pk),
   attempts AS (
     UPDATE attempt a SET state = CASE WHEN a.state = 'parked' THEN 'ended' ELSE 'ending' END, ended_at = CASE WHEN a.state = 'parked' THEN clock_timestamp() END,
       end_reason = $4
     FROM ended WHERE a.ti = ended.pk AND a.state IN ('claimed', 'running', 'parked')),
   told AS (
     INSERT INTO callback (run, ti, event, version, try_number, reason)
     SELECT ended.run, ended.pk, 'failure', r.version, ended.try_number, $4 FROM ended JOIN dag_run r ON r.pk = ended.run
     WHERE ended.state = 'failed' AND ended.task_id = ANY($5::text[])),
   woken AS (INSERT INTO run_wake (run, cause) SELECT $1::bigint, $4 WHERE EXISTS (SELECT FROM ended)),
   moved AS (SELECT run, task_id, was, state AS became FROM ended WHERE map_index >= 0),
   ${RECOUNT_MOVED} SELECT count(*) FROM ended`,
);

export interface EarlyEnd {
  readonly run: RunPk;
  /** Task ids that go on. */
  readonly spared: readonly string[];
  readonly reason: TaskReason;
  /** Task ids whose file gives a callback for failures. */
  readonly tell: readonly string[];
}

/** Both statements at once, for a flush. If anything changed, the run is woken: it has to be looked at as a whole. */
export function endEarly(client: PoolClient, { run, spared, reason, tell }: EarlyEnd): Promise<unknown> {
  return Promise.all([
    lockRest(client, run, spared, FINISHED_TASK_STATES),
    endRest(client, run, spared, FINISHED_TASK_STATES, reason, tell),
  ]);
}
