/**
 * Admission: which admissible tasks start now, and the attempt (the slot) of each, in one statement. The rule is that of
 * src/core/admission.ts. Two things make pools exact with any number of schedulers:
 * - The pools' rows are locked by a statement before the one that counts live attempts: its snapshot is newer than the lock. (Counting
 *   in the locking statement over-filled a pool of 8 to 11 when measured; not locking at all, to 12.)
 * - Only pools that this very transaction has locked are filled. Work that was committed for another pool in between was admitted by
 *   whoever committed it.
 * Lock, claim and COMMIT travel in one flush: nobody thinks while the lock is held.
 *
 * Tasks that this hop made admissible (`fresh`; their runs are locked) stand in line here without having been written: those that fit go
 * to `running` in one update, and only the others are stored as scheduled.
 */
import type { JsonObject } from '../../core/json';
import type { AttemptState, RunType } from '../../core/states';
import type { Instant } from '../../core/time';
import type { ResumeInfo } from '../../core/workload';
import type { AttemptId, ClaimedAttempt, RunPk, TaskPk, VersionId } from '../ledger';
import { prepared } from './connections';
import type { LiveAttempt } from './endings';
import type { VersionCache } from './versions';

/** Those with work in the lanes $1, and $2, those of the fresh tasks; in the order of their names. */
export const lockPools = prepared<{ name: string }>(
  'lock_pools',
  `SELECT name FROM pool p
   WHERE name = ANY($2::text[]) OR EXISTS (
     SELECT FROM unnest($1::text[]) AS l(lane) JOIN task_instance t ON t.lane = l.lane AND t.pool = p.name AND t.admissible)
   ORDER BY name FOR NO KEY UPDATE`,
);

export interface ClaimRow {
  /** 'scheduled': a fresh task that has to wait; its `attempt` is not a new one. */
  state: 'running' | 'scheduled';
  attempt: AttemptId;
  pk: TaskPk;
  run: RunPk;
  task_id: string;
  map_index: number;
  lane: string;
  try_number: number;
  piece: number;
  retries_used: number;
  lost_in_a_row: number;
  version: VersionId;
  dag_id: string;
  run_id: string;
  run_type: RunType;
  logical_date: Instant | null;
  interval_start: Instant | null;
  interval_end: Instant | null;
  run_after: Instant;
  run_start: Instant | null;
  conf: JsonObject;
  start_date: Instant | null;
  /** Of a mapped instance. */
  map_lengths: number[] | null;
  /** What the last wait came to, with the try that it was for. */
  resume: (ResumeInfo & { readonly tryNumber: number }) | null;
}

const RUN_COLUMNS = `r.version, r.dag_id, r.run_id, r.run_type, r.logical_date, r.interval_start, r.interval_end, r.run_after, r.start_date AS run_start, r.conf`;
const TASK_COLUMNS = `t.state, t.attempt, t.pk, t.run, t.task_id, t.map_index, t.lane, t.try_number, t.piece, t.retries_used, t.lost_in_a_row, t.start_date,
     CASE WHEN t.map_index >= 0 THEN (SELECT y.lengths FROM task_tally y WHERE y.run = t.run AND y.task_id = t.task_id) END AS map_lengths,
     CASE WHEN t.piece > 0 THEN (SELECT d.resume FROM ti_detail d WHERE d.ti = t.pk) END AS resume`;

/**
 * $1 session, $2 lane, $3 free slots of the lane's executor, $4 fresh tasks and $5 the states that they are expected in, $6 the most that
 * this transaction may claim in all lanes, or null.
 */
export const claimTasks = prepared<ClaimRow>(
  'claim_tasks',
  `WITH fresh AS (
     SELECT t.pk, t.pool, t.pool_slots, t.rank_class, t.priority, t.run_after, t.lane
     FROM unnest($4::bigint[], $5::text[]) AS n(pk, expected) JOIN task_instance t ON t.pk = n.pk WHERE t.state IS NOT DISTINCT FROM n.expected),
   room AS (
     SELECT p.name, CASE WHEN p.slots < 0 THEN 1000000000
       ELSE p.slots - coalesce((SELECT sum(a.slots)::int FROM attempt a WHERE a.pool = p.name AND a.state <> 'ended' AND a.slots > 0), 0) END AS free
     FROM pool p
     WHERE p.xmax = pg_current_xact_id()::xid -- locked by this transaction
       AND EXISTS (SELECT FROM session WHERE id = $1::uuid AND state = 'alive' AND lease_until > clock_timestamp())),
   candidate AS (
     SELECT room.free, x.* FROM room CROSS JOIN LATERAL (
       SELECT * FROM (
         SELECT t.pk, t.pool, t.pool_slots, t.rank_class, t.priority, t.run_after FROM task_instance t
         WHERE t.admissible AND t.lane = $2 AND t.pool = room.name
         ORDER BY t.rank_class, t.priority DESC, t.run_after, t.pk
         LIMIT least($3::int, room.free) FOR UPDATE SKIP LOCKED) stored
       UNION ALL
       SELECT pk, pool, pool_slots, rank_class, priority, run_after FROM fresh WHERE fresh.pool = room.name AND fresh.lane = $2) x
     WHERE room.free > 0),
   fitting AS (
     SELECT pk FROM (
       SELECT c.*, sum(c.pool_slots) OVER (PARTITION BY c.pool ORDER BY c.rank_class, c.priority DESC, c.run_after, c.pk) AS upto FROM candidate c) z
     WHERE upto <= free -- the first that does not fit keeps its place: nobody behind it in the pool goes ahead
     ORDER BY rank_class, priority DESC, run_after, pk
     LIMIT CASE WHEN $6::int IS NULL THEN $3::int ELSE greatest(0, least($3::int, $6::int - (
       SELECT count(*)::int FROM attempt WHERE session = $1::uuid AND state = 'claimed' AND state <> 'ended' AND xmin = pg_current_xact_id()::xid))) END),
   started AS (
     UPDATE task_instance t SET state = 'running', reason = NULL, admissible = false, due_at = NULL, attempt = gen_random_uuid(),
       scheduled_at = CASE WHEN t.admissible THEN t.scheduled_at ELSE clock_timestamp() END,
       try_number = t.try_number + CASE WHEN t.piece = 0 THEN 1 ELSE 0 END,
       start_date = CASE WHEN t.piece = 0 THEN clock_timestamp() ELSE coalesce(t.start_date, clock_timestamp()) END
     FROM fitting WHERE t.pk = fitting.pk RETURNING t.*),
   waiting AS (
     UPDATE task_instance t SET state = 'scheduled', reason = NULL, admissible = true, due_at = NULL, scheduled_at = clock_timestamp()
     FROM fresh WHERE t.pk = fresh.pk AND NOT EXISTS (SELECT FROM fitting WHERE fitting.pk = fresh.pk) RETURNING t.*),
   made AS (
     INSERT INTO attempt (id, ti, try_number, piece, session, version, pool, slots)
     SELECT t.attempt, t.pk, t.try_number, t.piece, $1::uuid, r.version, t.pool, t.pool_slots FROM started t JOIN dag_run r ON r.pk = t.run)
   SELECT ${TASK_COLUMNS}, ${RUN_COLUMNS} FROM (SELECT * FROM started UNION ALL SELECT * FROM waiting) t JOIN dag_run r ON r.pk = t.run
   ORDER BY t.rank_class, t.priority DESC, t.run_after, t.pk`,
);

/** Live attempts of a session: what it must know of when the answer to a COMMIT was lost. */
export const readClaims = prepared<ClaimRow & { attempt_state: AttemptState }>(
  'read_claims',
  `SELECT ${TASK_COLUMNS}, ${RUN_COLUMNS}, a.state AS attempt_state
   FROM attempt a JOIN task_instance t ON t.pk = a.ti AND t.attempt = a.id JOIN dag_run r ON r.pk = t.run
   WHERE a.session = $1::uuid AND a.state <> 'ended' AND a.state <> 'parked'`,
);

/** The version must be loaded. */
export function toClaimedAttempt(row: ClaimRow, versions: VersionCache): ClaimedAttempt {
  const { dag, bundleHash, filePath } = versions.get(row.version);
  const { retries } = dag.tasks.get(row.task_id)!.spec;
  return {
    attemptId: row.attempt,
    run: row.run,
    version: row.version,
    lane: row.lane,
    taskId: row.task_id,
    mapIndex: row.map_index,
    tryNumber: row.try_number,
    piece: row.piece,
    maxTries: row.try_number + Math.max(0, retries - row.retries_used),
    dagId: row.dag_id,
    runId: row.run_id,
    runType: row.run_type,
    logicalDate: row.logical_date,
    interval: row.interval_start === null || row.interval_end === null ? null : { start: row.interval_start, end: row.interval_end },
    runAfter: row.run_after,
    runStart: row.run_start,
    conf: row.conf,
    bundleHash,
    filePath,
    mapLengths: row.map_lengths,
    resume: resumeOf(row),
    tryStartedAt: row.piece > 0 ? row.start_date : null,
    dag,
  };
}

export function toLiveAttempt(row: ClaimRow): LiveAttempt {
  return {
    attemptId: row.attempt,
    run: row.run,
    ti: row.pk,
    taskId: row.task_id,
    mapIndex: row.map_index,
    version: row.version,
    retriesUsed: row.retries_used,
    lostInARow: row.lost_in_a_row,
    piece: row.piece,
    resumed: resumeOf(row) !== null,
  };
}

/** One of an earlier try is over. */
function resumeOf({ resume, try_number: tryNumber }: ClaimRow): ResumeInfo | null {
  return resume?.tryNumber === tryNumber ? { method: resume.method, event: resume.event } : null;
}
