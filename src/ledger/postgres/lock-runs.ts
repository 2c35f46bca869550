/** The mutex of a run is its row. Locked in the order of pk, in a statement of its own: what reads states behind it has a newer snapshot. */
import type { PoolClient } from 'pg';
import type { RunState, RunType } from '../../core/states';
import type { Instant } from '../../core/time';
import type { RunPk, VersionId } from '../ledger';
import { prepared } from './connections';

export interface LockedRow {
  pk: RunPk;
  seq: number;
  state: RunState;
  /** Null while queued for the first time. */
  version: VersionId | null;
  dag_id: string;
  run_id: string;
  run_type: RunType;
  logical_date: Instant | null;
  start_date: Instant | null;
  waits_for_past: boolean;
  /** `runRetries` used. */
  retries_used: number;
  /** `marked`: a person has marked it failed, and only its teardowns are left to run. */
  end_reason: string | null;
  is_paused: boolean;
  now: Instant;
}

export const lockRuns = prepared<LockedRow>(
  'lock_runs',
  `SELECT r.pk, r.seq, r.state, r.version, r.dag_id, r.run_id, r.run_type, r.logical_date, r.start_date, r.waits_for_past, r.retries_used, r.end_reason, d.is_paused, clock_timestamp() AS now
   FROM dag_run r JOIN dag d ON d.dag_id = r.dag_id
   WHERE r.pk = ANY($1::bigint[]) ORDER BY r.pk FOR NO KEY UPDATE OF r`,
);

/** Under the runs' locks only: a wake is gone when what it asks for is committed. */
export const takeWakes = prepared<{ run: RunPk }>('take_wakes', 'DELETE FROM run_wake WHERE run = ANY($1::bigint[]) RETURNING run');

export interface RunUpdate {
  readonly run: RunPk;
  /** Default: it goes on. */
  readonly ends?: 'success' | 'failed' | null;
  readonly endReason?: string | null;
  /** Milliseconds until a run that ends is to start again. */
  readonly retryInMs?: number | null;
  /** Default: as it is. */
  readonly waitsForPast?: boolean;
}

const update = prepared<{ pk: RunPk; seq: number; end_date: Instant | null }>(
  'update_runs',
  `UPDATE dag_run r SET seq = r.seq + 1, state = coalesce(n.ends, r.state), end_date = CASE WHEN n.ends IS NULL THEN r.end_date ELSE clock_timestamp() END,
     end_reason = CASE WHEN n.ends IS NULL THEN r.end_reason ELSE n.end_reason END,
     retry_at = CASE WHEN n.ends IS NULL THEN r.retry_at ELSE clock_timestamp() + n.retry_in_ms * interval '1 millisecond' END,
     waits_for_past = coalesce(n.waits_for_past, r.waits_for_past)
   FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bool[]) AS n(pk, ends, end_reason, retry_in_ms, waits_for_past) WHERE r.pk = n.pk
   RETURNING r.pk, r.seq, r.end_date`,
);

/** Raises `seq`, which makes every cached copy of the run's tasks invalid, and ends the runs that end. */
export function updateRuns(client: PoolClient, runs: readonly RunUpdate[]) {
  return update(
    client,
    runs.map(({ run }) => run),
    runs.map(({ ends }) => ends ?? null),
    runs.map(({ endReason }) => endReason ?? null),
    runs.map(({ retryInMs }) => retryInMs ?? null),
    runs.map(({ waitsForPast }) => waitsForPast ?? null),
  );
}

export const insertWakes = prepared<{ id: number }>(
  'insert_wakes',
  `INSERT INTO run_wake (run, cause) SELECT pk, $2 FROM dag_run WHERE pk = ANY($1::bigint[])`,
);
