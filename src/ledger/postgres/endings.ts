/**
 * Recording what became of attempts. The fence: an attempt ends once, and its task instance follows only while it still belongs to
 * that attempt and is live; a cleared one (`restarting`) goes back to undecided, a marked one stays as it was marked.
 */
import { afterAttempt } from '../../core/retry';
import type { AfterAttempt } from '../../core/retry';
import type { TaskReason, TaskState } from '../../core/states';
import { FINISHED_TASK_STATES } from '../../core/states';
import type { Instant } from '../../core/time';
import type { AttemptOutcome, ErrorInfo, Outcome } from '../../core/workload';
import type { Pool, PoolClient } from 'pg';
import type { AttemptId, RunPk, StartedAttempt, TaskPk, VersionId } from '../ledger';
import { prepared, storable, timestamp } from './connections';
import type { VersionCache } from './versions';

/** What has to be known of a live attempt to end it; fixed from its claim on. */
export interface LiveAttempt {
  readonly attemptId: AttemptId;
  readonly run: RunPk;
  readonly ti: TaskPk;
  readonly taskId: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  readonly version: VersionId;
  readonly retriesUsed: number;
  readonly lostInARow: number;
  readonly piece: number;
  /** It goes on after a wait. */
  readonly resumed: boolean;
}

export interface Ending {
  readonly attempt: LiveAttempt;
  readonly report: AttemptOutcome;
  readonly after: AfterAttempt;
  /** Where it began, when that has not been recorded yet. */
  readonly started: StartedAttempt | null;
}

const readLiveAttempts = prepared<{
  id: string;
  run: number;
  ti: number;
  task_id: string;
  map_index: number;
  version: string;
  retries_used: number;
  lost_in_a_row: number;
  piece: number;
  resumed: boolean;
}>(
  'read_live_attempts',
  `SELECT a.id, t.run, a.ti, t.task_id, t.map_index, a.version, t.retries_used, t.lost_in_a_row, a.piece,
     a.piece > 0 AND EXISTS (SELECT FROM ti_detail d WHERE d.ti = a.ti AND d.resume IS NOT NULL) AS resumed
   FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE a.id = ANY($1::uuid[]) AND a.state <> 'ended' AND a.state <> 'parked'`,
);

/** Of attempts that this process did not claim itself. Those that have ended, or hold nothing any more, are left out. */
export async function findLiveAttempts(client: Pool | PoolClient, ids: readonly AttemptId[]): Promise<LiveAttempt[]> {
  if (ids.length === 0) return [];
  const { rows } = await readLiveAttempts(client, ids);
  return rows.map((row) => ({
    attemptId: row.id,
    run: row.run,
    ti: row.ti,
    taskId: row.task_id,
    mapIndex: row.map_index,
    version: row.version,
    retriesUsed: row.retries_used,
    lostInARow: row.lost_in_a_row,
    piece: row.piece,
    resumed: row.resumed,
  }));
}

/** Decides what each task instance becomes. The versions must be loaded. */
export function decideEnding(
  attempt: LiveAttempt,
  report: AttemptOutcome,
  versions: VersionCache,
  started: StartedAttempt | null,
  now: Instant,
  maxLostTries: number,
): Ending {
  const task = versions.get(attempt.version).dag.tasks.get(attempt.taskId)!.spec;
  const seed = `${attempt.run} ${attempt.taskId}${attempt.mapIndex >= 0 ? ` ${attempt.mapIndex}` : ''}`;
  const after = afterAttempt(report.outcome, task, attempt, seed, now, maxLostTries);
  return { attempt, report, after, started };
}

export interface RecordedEnding {
  attempt: AttemptId;
  pk: TaskPk;
  run: RunPk;
  task_id: string;
  map_index: number;
  state: TaskState;
  reason: TaskReason | null;
  due_at: Instant | null;
  start_date: Instant | null;
  end_date: Instant | null;
  branch: string[] | null;
  try_number: number;
  piece: number;
}

const record = prepared<RecordedEnding>(
  'record_endings',
  `WITH o AS (
     SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::int[], $6::int[], $7::int[], $8::jsonb[], $9::text[], $10::text[],
       $11::jsonb[], $12::int[], $13::int[], $14::text[], $15::int[])
       AS o(attempt, state, reason, due_at, retries_used, lost_in_a_row, piece, branch, end_state, end_reason, error, cpu_ms, peak_kb, host, pid)),
   a AS (
     UPDATE attempt SET
       -- One that defers is parked, unless it is being stopped: it holds nothing, and a slot only where the pool says so.
       state = CASE WHEN o.state = 'deferred' AND attempt.state <> 'ending' THEN 'parked' ELSE 'ended' END,
       ended_at = CASE WHEN o.state = 'deferred' AND attempt.state <> 'ending' THEN NULL ELSE clock_timestamp() END,
       slots = CASE WHEN o.state = 'deferred' AND attempt.state <> 'ending'
         AND NOT EXISTS (SELECT FROM pool p WHERE p.name = attempt.pool AND p.include_deferred) THEN 0 ELSE attempt.slots END,
       end_state = o.end_state, end_reason = o.end_reason, error = o.error,
       cpu_ms = o.cpu_ms, peak_kb = o.peak_kb, host = coalesce(o.host, attempt.host), pid = coalesce(o.pid, attempt.pid),
       started_at = CASE WHEN o.host IS NULL THEN attempt.started_at ELSE coalesce(attempt.started_at, attempt.claimed_at) END
     FROM o WHERE attempt.id = o.attempt AND attempt.state <> 'ended' AND attempt.state <> 'parked' RETURNING attempt.id, attempt.ti)
   UPDATE task_instance t SET
     state = CASE WHEN t.state = 'restarting' THEN NULL ELSE o.state END,
     reason = CASE WHEN t.state = 'restarting' THEN 'cleared' ELSE o.reason END,
     due_at = CASE WHEN t.state = 'restarting' THEN NULL ELSE o.due_at END,
     retries_used = CASE WHEN t.state = 'restarting' THEN t.retries_used ELSE o.retries_used END,
     lost_in_a_row = CASE WHEN t.state = 'restarting' THEN t.lost_in_a_row ELSE o.lost_in_a_row END,
     piece = CASE WHEN t.state = 'restarting' THEN 0 ELSE o.piece END,
     branch = CASE WHEN t.state = 'restarting' THEN NULL ELSE o.branch END,
     end_date = CASE WHEN t.state <> 'restarting' AND o.state = ANY($16::text[]) THEN clock_timestamp() END
   FROM a JOIN o ON o.attempt = a.id
   WHERE t.pk = a.ti AND t.attempt = a.id AND t.state IN ('queued', 'running', 'restarting')
   RETURNING t.attempt, t.pk, t.run, t.task_id, t.map_index, t.state, t.reason, t.due_at, t.start_date, t.end_date, t.branch, t.try_number, t.piece`,
);

/** Under the locks of the runs. Returns the task instances that followed; an attempt that is missing there was refused. */
export function recordEndings(client: PoolClient, endings: readonly Ending[]) {
  const of = <T>(value: (ending: Ending) => T) => endings.map(value);
  return record(
    client,
    of(({ attempt }) => attempt.attemptId),
    of(({ after }) => after.state),
    of(({ after }) => after.reason),
    of(({ after }) => timestamp(after.dueAt)),
    of(({ after }) => after.retriesUsed),
    of(({ after }) => after.lostInARow),
    of(({ after }) => after.piece),
    of(({ report: { outcome } }) => (outcome.kind === 'success' && outcome.branch ? JSON.stringify(outcome.branch) : null)),
    of(({ report: { outcome } }) => endStateOf(outcome)),
    of(({ report: { outcome }, after }) => (outcome.kind === 'not-started' ? 'not-started' : after.reason)),
    of(({ report: { outcome } }) => errorOf(outcome)),
    of(({ report }) => whole(report.cpuMs)),
    of(({ report }) => whole(report.peakKb)),
    of(({ started }) => started?.host ?? null),
    of(({ started }) => started?.pid ?? null),
    FINISHED_TASK_STATES,
  );
}

const recordStarts = prepared(
  'record_starts',
  `UPDATE attempt SET state = 'running', started_at = clock_timestamp(), host = n.host, pid = n.pid
   FROM unnest($1::uuid[], $2::text[], $3::int[]) AS n(id, host, pid) WHERE attempt.id = n.id AND attempt.state = 'claimed'`,
);

/** claimed → running. Late or unknown ids are ignored. */
export function recordStarted(client: PoolClient, started: readonly StartedAttempt[]) {
  return recordStarts(
    client,
    started.map(({ attemptId }) => attemptId),
    started.map(({ host }) => host),
    started.map(({ pid }) => pid),
  );
}

/** How the try itself ended, whatever the task instance does next. */
function endStateOf(outcome: Outcome): TaskState {
  switch (outcome.kind) {
    case 'success':
    case 'skipped':
    case 'failed':
      return outcome.kind;
    case 'lost':
      return 'failed';
    case 'deferred':
      return 'deferred';
    case 'rescheduled':
    case 'not-started':
      return 'up_for_reschedule';
  }
}

export function errorOf(outcome: Outcome): string | null {
  const error = outcome.kind === 'failed' ? outcome.error : 'message' in outcome ? messageOnly(outcome.kind, outcome.message) : null;
  if (!error) return null;
  const { name, message, stack } = error;
  return JSON.stringify({ name: storable(name), message: storable(message), stack: stack === null ? null : storable(stack) });
}

const messageOnly = (kind: string, message: string | null): ErrorInfo | null =>
  message === null ? null : { name: kind, message, stack: null };
const whole = (value: number | null) => (value === null ? null : Math.round(value));
