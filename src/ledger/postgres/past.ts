/**
 * What a run wants to know of the one before it (dependsOnPast, waitForDownstream). It reads, and never locks, that run; whoever changes
 * what was read inserts a wake for the reader in the same transaction. A wake that is taken under the reader's lock was committed with its
 * cause, so what is read behind it has seen the cause.
 *
 * The run before is the one before by logical date. The first run of a backfill waits for none, and neither does a task that the run
 * before has never had.
 */
import type { PoolClient } from 'pg';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { RunPk } from '../ledger';
import { prepared } from './connections';

const readPast = prepared<{ run: RunPk; task_id: string }>(
  'read_past',
  `SELECT DISTINCT n.run, n.task_id FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n(run, task_id, needs)
     JOIN dag_run r ON r.pk = n.run AND r.logical_date IS NOT NULL AND r.backfill_ordinal IS DISTINCT FROM 0
     CROSS JOIN LATERAL (
       SELECT p.pk, p.state FROM dag_run p WHERE p.dag_id = r.dag_id AND p.logical_date < r.logical_date ORDER BY p.logical_date DESC LIMIT 1) p
   WHERE EXISTS (
       SELECT FROM task_instance t WHERE t.run = p.pk AND t.task_id = n.needs AND (t.state IS NULL OR t.state NOT IN ('success', 'skipped', 'removed')))
     OR p.state = 'queued' AND NOT EXISTS (SELECT FROM task_instance t WHERE t.run = p.pk AND t.task_id = n.needs AND t.state IS DISTINCT FROM 'removed')`,
);

/** Of tasks that use the past (`CompiledDag.usesPast`): those whose earlier run is not far enough. */
export function tasksWaitingForPast(
  client: PoolClient,
  tasks: readonly { readonly run: RunPk; readonly dag: CompiledDag; readonly taskId: string }[],
) {
  if (tasks.length === 0) return null;
  const needs = tasks.flatMap(({ run, dag, taskId }) => neededOf(dag, taskId).map((needed) => ({ run, taskId, needed })));
  return readPast(
    client,
    needs.map(({ run }) => run),
    needs.map(({ taskId }) => taskId),
    needs.map(({ needed }) => needed),
  );
}

function neededOf(dag: CompiledDag, taskId: string): readonly string[] {
  const { spec, downstream } = dag.tasks.get(taskId)!;
  return spec.waitForDownstream ? [taskId, ...downstream] : [taskId];
}

const observed = new WeakMap<CompiledDag, ReadonlySet<string>>();

/** The tasks that the next run looks at. */
export function observedByNextRun(dag: CompiledDag): ReadonlySet<string> {
  let found = observed.get(dag);
  if (!found) observed.set(dag, (found = new Set(dag.usesPast.flatMap((taskId) => neededOf(dag, taskId)))));
  return found;
}

/** Also a queued one, and one that has ended: it may be starting at this moment. */
const wakeNext = prepared(
  'wake_next_runs',
  `INSERT INTO run_wake (run, cause)
   SELECT next.pk, 'past' FROM unnest($1::bigint[]) AS n(run) JOIN dag_run r ON r.pk = n.run AND r.logical_date IS NOT NULL
     CROSS JOIN LATERAL (SELECT pk FROM dag_run o WHERE o.dag_id = r.dag_id AND o.logical_date > r.logical_date ORDER BY o.logical_date LIMIT 1) next`,
);

/** In the transaction in which a task ended that the next run looks at. */
export function wakeNextRuns(client: PoolClient, runs: readonly RunPk[]) {
  return runs.length > 0 ? wakeNext(client, runs) : null;
}
