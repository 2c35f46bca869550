/**
 * Deferral: a task that waits has a row here and a parked attempt, and holds nothing else. The wait's end is fenced by its id and its
 * generation, so that of two triggerers that see it come true, or of one that was taken for dead, only one is believed.
 */
import type { PoolClient } from 'pg';
import type { WaitSpec } from '../../core/workload';
import type { AttemptId, RunPk, TaskPk, VersionId, WaitEvent } from '../ledger';
import { inTransaction, prepared, timestamp } from './connections';
import type { LedgerContext } from './context';
import { insertWakes, lockRuns, updateRuns } from './lock-runs';

export interface NewWait {
  readonly ti: TaskPk;
  readonly run: RunPk;
  readonly attempt: AttemptId;
  readonly version: VersionId;
  readonly wait: WaitSpec;
}

const insert = prepared(
  'insert_waits',
  `INSERT INTO wait (ti, run, attempt, version, kind, trigger, args, resume, interval_ms, next_check_at, timeout_at)
   SELECT ti, run, attempt, version, kind, trigger, args, resume, interval_ms, coalesce(next_check_at, clock_timestamp()), timeout_at
   FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::json[], $8::text[], $9::bigint[], $10::timestamptz[],
     $11::timestamptz[]) AS n(ti, run, attempt, version, kind, trigger, args, resume, interval_ms, next_check_at, timeout_at)`,
);

/** Null when there is nothing to insert. */
export function insertWaits(client: PoolClient, waits: readonly NewWait[]): Promise<unknown> | null {
  if (waits.length === 0) return null;
  const of = <T>(value: (wait: NewWait) => T) => waits.map(value);
  return insert(
    client,
    of(({ ti }) => ti),
    of(({ run }) => run),
    of(({ attempt }) => attempt),
    of(({ version }) => version),
    of(({ wait }) => wait.kind),
    of(({ wait }) => wait.trigger),
    of(({ wait }) => JSON.stringify(wait.args)),
    of(({ wait }) => wait.resume),
    of(({ wait }) => (wait.intervalMs === null ? null : Math.max(1, Math.round(wait.intervalMs)))),
    of(({ wait }) => timestamp(wait.firstCheckAt)),
    of(({ wait }) => timestamp(wait.timeoutAt)),
  );
}

const readRuns = prepared<{ run: RunPk }>('read_runs_of_waits', 'SELECT DISTINCT run FROM wait WHERE id = ANY($1::uuid[])');

const forget = prepared('forget_resumes', 'UPDATE ti_detail SET resume = NULL WHERE ti = ANY($1::bigint[]) AND resume IS NOT NULL');

/** Of tries that went on after a wait and now come back for another reason: their next piece begins with `execute` again. */
export function forgetResumes(client: PoolClient, tasks: readonly TaskPk[]): Promise<unknown> | null {
  return tasks.length > 0 ? forget(client, tasks) : null;
}

/** The piece that goes on finds the event in `ti_detail.resume`, with the try that it is for. */
const fire = prepared<{ run: RunPk }>(
  'fire_waits',
  `WITH event AS (SELECT * FROM unnest($1::uuid[], $2::int[], $3::json[]) AS e(id, generation, event)),
   gone AS (
     DELETE FROM wait w USING event e WHERE w.id = e.id AND w.generation = e.generation RETURNING w.ti, w.attempt, w.resume, e.event),
   ended AS (
     UPDATE attempt a SET state = 'ended', ended_at = clock_timestamp() FROM gone WHERE a.id = gone.attempt AND a.state = 'parked'),
   woken AS (
     UPDATE task_instance t SET state = 'scheduled', reason = NULL, scheduled_at = clock_timestamp() FROM gone
     WHERE t.pk = gone.ti AND t.attempt = gone.attempt AND t.state = 'deferred' RETURNING t.pk, t.run, t.task_id, t.map_index, t.try_number),
   detail AS (
     INSERT INTO ti_detail (ti, resume)
     SELECT woken.pk, json_build_object('method', gone.resume, 'event', gone.event, 'tryNumber', woken.try_number) FROM woken JOIN gone ON gone.ti = woken.pk
     ON CONFLICT (ti) DO UPDATE SET resume = excluded.resume),
   counted AS (
     UPDATE task_tally y SET sleeping = y.sleeping - c.n, waiting = y.waiting + c.n
     FROM (SELECT run, task_id, count(*)::int AS n FROM woken WHERE map_index >= 0 GROUP BY run, task_id) c WHERE y.run = c.run AND y.task_id = c.task_id)
   SELECT run FROM woken`,
);

export async function fireWaits({ pool }: LedgerContext, events: readonly WaitEvent[]): Promise<number> {
  const ids = events.map(({ wait }) => wait);
  const { rows } = await readRuns(pool, ids);
  if (rows.length === 0) return 0;
  return inTransaction(pool, async (client) => {
    await lockRuns(
      client,
      rows.map(({ run }) => run),
    );
    const fired = await fire(
      client,
      ids,
      events.map(({ generation }) => generation),
      events.map(({ event }) => JSON.stringify(event)),
    );
    const runs = [...new Set(fired.rows.map(({ run }) => run))];
    if (runs.length === 0) return 0;
    await updateRuns(
      client,
      runs.map((run) => ({ run })),
    );
    await insertWakes(client, runs, 'wait over');
    return fired.rows.length;
  });
}
