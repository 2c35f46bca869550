/** What a hop does to the instances of expanded tasks, many at once, and to their tallies. All of it under the locks of the runs. */
import type { PoolClient } from 'pg';
import type { Gate, Sweep, Transition } from '../../core/run-view';
import type { TaskPk, RunPk } from '../ledger';
import { prepared } from './connections';
import { countOf, RECOUNT_MOVED, tallyColumns } from './tally-sql';
import type { TallyRow } from './tally-sql';
import { parametersOf } from './transitions';
import type { AppliedTransition } from './transitions';

const readTalliesOf = prepared<TallyRow>('read_tallies', `SELECT ${tallyColumns('y')} FROM task_tally y WHERE y.run = ANY($1::bigint[])`);
export function readTallies(client: PoolClient, runs: readonly RunPk[]) {
  return runs.length > 0 ? readTalliesOf(client, runs) : null;
}

const readExpansionsOf = prepared<{ run: RunPk; owner: string }>(
  'read_expansions',
  'SELECT run, owner FROM expansion WHERE run = ANY($1::bigint[])',
);
export function readExpansions(client: PoolClient, runs: readonly RunPk[]) {
  return runs.length > 0 ? readExpansionsOf(client, runs) : null;
}

const countEnded = prepared<TallyRow>(
  'count_ended',
  `WITH moved AS (SELECT t.run, t.task_id, 'active' AS was, ${countOf('t')} AS became FROM unnest($1::bigint[]) AS n(pk) JOIN task_instance t ON t.pk = n.pk),
   ${RECOUNT_MOVED} SELECT * FROM counted`,
);

/** Of mapped instances whose attempts were recorded as ended in this transaction: they were active until then. */
export function countEndings(client: PoolClient, endings: readonly { pk: TaskPk; map_index: number }[]) {
  const pks = endings.flatMap(({ pk, map_index: mapIndex }) => (mapIndex >= 0 ? [pk] : []));
  return pks.length > 0 ? countEnded(client, pks) : null;
}

const wakeDue = prepared<TallyRow>(
  'come_due',
  `WITH due AS (
     UPDATE task_instance t SET state = 'scheduled', reason = NULL, due_at = NULL, scheduled_at = clock_timestamp()
     WHERE t.run = ANY($1::bigint[]) AND t.map_index >= 0 AND t.state IN ('up_for_retry', 'up_for_reschedule') AND t.due_at <= statement_timestamp()
     RETURNING t.run, t.task_id, t.map_index, t.piece),
   gone AS (
     DELETE FROM xcom x USING due WHERE due.piece = 0 AND x.run = due.run AND x.task_id = due.task_id AND x.map_index = due.map_index),
   moved AS (SELECT run, task_id, 'sleeping' AS was, 'waiting' AS became FROM due),
   ${RECOUNT_MOVED} SELECT * FROM counted`,
);

/** Instances whose time has come wait for the gate again. A further try begins with nothing of the earlier ones. */
export function comeDue(client: PoolClient, runs: readonly RunPk[]) {
  return runs.length > 0 ? wakeDue(client, runs) : null;
}

const applyToInstances = prepared<AppliedTransition & TallyRow>(
  'apply_to_instances',
  `WITH n AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bool[]) AS n(pk, expected, state, reason, admissible)),
   before AS (
     SELECT t.pk, ${countOf('t')} AS was FROM n JOIN task_instance t ON t.pk = n.pk WHERE t.state IS NOT DISTINCT FROM n.expected
     ORDER BY t.pk FOR NO KEY UPDATE OF t),
   applied AS (
     UPDATE task_instance t SET state = n.state, reason = n.reason, admissible = n.admissible, due_at = NULL,
       scheduled_at = CASE WHEN n.state = 'scheduled' THEN clock_timestamp() ELSE t.scheduled_at END,
       start_date = CASE WHEN n.state = ANY($6::text[]) THEN coalesce(t.start_date, clock_timestamp()) ELSE t.start_date END,
       end_date = CASE WHEN n.state = ANY($6::text[]) THEN clock_timestamp() END
     FROM n JOIN before ON before.pk = n.pk WHERE t.pk = n.pk
     RETURNING t.pk, t.run, t.task_id, t.map_index, t.state, t.reason, t.try_number, t.admissible, t.start_date, t.end_date),
   moved AS (SELECT a.run, a.task_id, before.was, ${countOf('a')} AS became FROM applied a JOIN before ON before.pk = a.pk),
   ${RECOUNT_MOVED}
   SELECT a.pk, a.map_index, a.state, a.reason, a.try_number, a.start_date, a.end_date, ${tallyColumns('y')}
   FROM applied a JOIN counted y ON y.run = a.run AND y.task_id = a.task_id`,
);

/** As `applyTransitions`, for instances of expanded tasks. Each row that comes back carries its task's tally. */
export function applyInstanceTransitions(client: PoolClient, transitions: readonly (Transition & { readonly pk: TaskPk })[]) {
  if (transitions.length === 0) return null;
  return applyToInstances(client, ...parametersOf(transitions));
}

const sweep = prepared<TallyRow>(
  'sweep_instances',
  `WITH swept AS (
     UPDATE task_instance t SET state = n.state, reason = n.reason, due_at = NULL,
       scheduled_at = CASE WHEN n.state = 'scheduled' THEN clock_timestamp() END,
       start_date = CASE WHEN n.state = 'scheduled' THEN t.start_date ELSE coalesce(t.start_date, clock_timestamp()) END,
       end_date = CASE WHEN n.state = 'scheduled' THEN NULL ELSE clock_timestamp() END
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS n(run, task_id, state, reason)
     WHERE t.run = n.run AND t.task_id = n.task_id AND t.map_index >= 0 AND t.state IS NULL
     RETURNING t.run, t.task_id, t.map_index, t.state, t.try_number),
   gone AS (
     DELETE FROM xcom x USING swept s
     WHERE s.state = 'scheduled' AND s.try_number > 0 AND x.run = s.run AND x.task_id = s.task_id AND x.map_index = s.map_index),
   moved AS (SELECT run, task_id, 'none' AS was, CASE WHEN state = 'scheduled' THEN 'waiting' ELSE state END AS became FROM swept),
   ${RECOUNT_MOVED} SELECT * FROM counted`,
);

export function sweepInstances(client: PoolClient, sweeps: readonly (Sweep & { readonly run: RunPk })[]) {
  if (sweeps.length === 0) return null;
  return sweep(
    client,
    sweeps.map(({ run }) => run),
    sweeps.map(({ taskId }) => taskId),
    sweeps.map(({ state }) => state),
    sweeps.map(({ reason }) => reason),
  );
}

const withdraw = prepared<TallyRow>(
  'withdraw_instances',
  `WITH withdrawn AS (
     UPDATE task_instance t SET admissible = false FROM unnest($1::bigint[], $2::text[]) AS n(run, task_id)
     WHERE t.run = n.run AND t.task_id = n.task_id AND t.map_index >= 0 AND t.admissible RETURNING t.run, t.task_id),
   moved AS (SELECT run, task_id, 'active' AS was, 'waiting' AS became FROM withdrawn),
   ${RECOUNT_MOVED} SELECT * FROM counted`,
);

/** Those that have passed the gate and have not begun go back before it. */
export function withdrawInstances(client: PoolClient, tasks: readonly { readonly run: RunPk; readonly taskId: string }[]) {
  if (tasks.length === 0) return null;
  return withdraw(
    client,
    tasks.map(({ run }) => run),
    tasks.map(({ taskId }) => taskId),
  );
}

const admit = prepared<TallyRow>(
  'admit_instances',
  `WITH first AS (
     SELECT x.pk FROM unnest($1::bigint[], $2::text[], $3::int[]) AS n(run, task_id, count) CROSS JOIN LATERAL (
       SELECT t.pk FROM task_instance t
       WHERE t.run = n.run AND t.task_id = n.task_id AND t.map_index >= 0 AND t.state = 'scheduled' AND NOT t.admissible
       ORDER BY t.map_index LIMIT n.count) x),
   admitted AS (UPDATE task_instance t SET admissible = true FROM first WHERE t.pk = first.pk RETURNING t.run, t.task_id),
   moved AS (SELECT run, task_id, 'waiting' AS was, 'active' AS became FROM admitted),
   ${RECOUNT_MOVED} SELECT * FROM counted`,
);

/** The gate: so many of those that wait, the lowest map index first. */
export function admitInstances(client: PoolClient, gates: readonly (Gate & { readonly run: RunPk })[]) {
  if (gates.length === 0) return null;
  return admit(
    client,
    gates.map(({ run }) => run),
    gates.map(({ taskId }) => taskId),
    gates.map(({ count }) => count),
  );
}

const insertExpansions = prepared(
  'insert_expansions',
  'INSERT INTO expansion (run, owner) SELECT * FROM unnest($1::bigint[], $2::text[]) ON CONFLICT DO NOTHING',
);

/** The instances themselves are made outside of the hop (expand.ts). */
export function askForExpansion(client: PoolClient, owners: readonly { readonly run: RunPk; readonly owner: string }[]) {
  if (owners.length === 0) return null;
  return insertExpansions(
    client,
    owners.map(({ run }) => run),
    owners.map(({ owner }) => owner),
  );
}
