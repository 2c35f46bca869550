/** What the end of a run brings along: another try of the whole run, callbacks, a DAG that has failed too often in a row. */
import type { PoolClient } from 'pg';
import type { RunEvent } from '../../dag-spec/spec';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { Instant } from '../../core/time';
import type { EndedRun, RunPk, VersionId } from '../ledger';
import type { NewCallback } from './callbacks';
import { prepared } from './connections';
import type { LockedRow } from './lock-runs';

/** A run that ends by itself. */
export interface RunEnd {
  readonly run: RunPk;
  readonly dag: CompiledDag;
  readonly version: VersionId;
  readonly state: 'success' | 'failed';
  /** Of the run, before. */
  readonly retriesUsed: number;
  readonly reason: 'fail_fast' | 'timeout' | 'marked' | null;
}

/** Milliseconds until the run is to start again; null: this end is final, as one that a person has ordered is. */
export function retryInMs({ dag: { spec }, state, retriesUsed, reason }: RunEnd): number | null {
  if (state === 'success' || reason === 'marked' || retriesUsed >= (spec.runRetries ?? 0)) return null;
  return spec.runRetryDelayMs ?? 0;
}

export function toEndedRun(row: LockedRow, { state, reason }: RunEnd, endDate: Instant): EndedRun {
  const { pk: run, dag_id: dagId, run_id: runId, run_type: runType, logical_date: logicalDate, start_date: startDate } = row;
  return { run, dagId, runId, runType, logicalDate, state, reason, startDate, endDate };
}

/** Only the last end of a run that is tried again is told. */
export function runCallbacks(ends: readonly RunEnd[]): NewCallback[] {
  return ends.flatMap((end) => {
    const event: RunEvent = end.state === 'success' ? 'success' : 'failure';
    if (retryInMs(end) !== null || !end.dag.spec.callbacks?.includes(event)) return [];
    return [{ run: end.run, ti: null, event, version: end.version, tryNumber: 0, reason: end.reason, error: null }];
  });
}

/** DAGs (by id, with the number) in which this end may be one failed run too many. */
export function failingDags(ends: readonly RunEnd[]): Map<string, number> {
  return new Map(
    ends.flatMap((end) => {
      const { dagId, maxConsecutiveFailedRuns } = end.dag.spec;
      return end.state === 'failed' && maxConsecutiveFailedRuns && retryInMs(end) === null ? [[dagId, maxConsecutiveFailedRuns]] : [];
    }),
  );
}

/** Of the runs that have ended for good, were not asked for by a backfill, and ended since the DAG was last unpaused: the newest so many. */
const pauseFailing = prepared(
  'pause_failing_dags',
  `WITH paused AS (
     UPDATE dag d SET is_paused = true FROM unnest($1::text[], $2::int[]) AS n(dag_id, count)
     WHERE d.dag_id = n.dag_id AND NOT d.is_paused AND n.count = (
       SELECT count(*) FROM (
         SELECT r.state FROM dag_run r
         WHERE r.dag_id = n.dag_id AND r.end_date IS NOT NULL AND r.backfill_id IS NULL AND r.retry_at IS NULL
           AND r.end_date > coalesce((SELECT max(l.at) FROM audit_log l WHERE l.dag_id = n.dag_id AND l.action = 'unpause_dag'), '-infinity')
         ORDER BY r.run_after DESC, r.pk DESC LIMIT n.count) newest
       WHERE state = 'failed')
     RETURNING d.dag_id, n.count),
   woken AS (INSERT INTO run_wake (run, cause) SELECT r.pk, 'paused' FROM paused JOIN dag_run r ON r.dag_id = paused.dag_id AND r.state = 'running')
   INSERT INTO audit_log (actor, via, action, dag_id, details)
   SELECT 'scheduler', 'scheduler', 'pause_dag', dag_id, jsonb_build_object('failed_runs_in_a_row', count) FROM paused`,
);

/** Under the locks of the DAGs, behind the statement that ends the runs. */
export function pauseFailingDags(client: PoolClient, dags: ReadonlyMap<string, number>) {
  return dags.size > 0 ? pauseFailing(client, [...dags.keys()], [...dags.values()]) : null;
}
