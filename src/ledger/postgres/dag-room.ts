/**
 * Limits over all runs of a DAG together (maxActiveTasksPerDag, maxActiveTisPerDag). DAGs that have none cost nothing. For the others
 * the hop locks the DAG's row, after the runs and before the pools, and then counts, in a statement of its own: what is through the gate or has
 * a live attempt. What passes the gate under this lock is committed before the next one counts.
 */
import type { PoolClient } from 'pg';
import type { RunView } from '../../core/run-view';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { RunDecision, RunPk } from '../ledger';
import { prepared } from './connections';
import type { LedgerContext } from './context';
import type { LockedRow } from './lock-runs';

export type DagRoom = NonNullable<RunView['dagRoom']>;

export const lockDags = prepared('lock_dags', 'SELECT FROM dag WHERE dag_id = ANY($1::text[]) ORDER BY dag_id FOR NO KEY UPDATE');

/** An attempt that is being stopped counts until it has ended, whatever its task is by now. */
export const countActive = prepared<{ dag_id: string; task_id: string; active: number }>(
  'count_active_of_dags',
  `SELECT r.dag_id, t.task_id, count(*)::int AS active
   FROM (SELECT ti FROM attempt WHERE state <> 'ended' AND slots > 0 AND state <> 'parked' UNION SELECT pk FROM task_instance WHERE admissible) x
     JOIN task_instance t ON t.pk = x.ti JOIN dag_run r ON r.pk = t.run
   WHERE r.dag_id = ANY($1::text[]) GROUP BY r.dag_id, t.task_id`,
);

interface Limits {
  readonly tasks: number;
  readonly byTask: ReadonlyMap<string, number>;
}
const known = new WeakMap<CompiledDag, Limits | 'none'>();

export function hasDagLimits(dag: CompiledDag): boolean {
  return limitsOf(dag) !== 'none';
}

function limitsOf(dag: CompiledDag): Limits | 'none' {
  let found = known.get(dag);
  if (found === undefined) {
    const byTask = new Map(
      dag.order.flatMap(({ spec: { id, maxActiveTisPerDag } }) => (maxActiveTisPerDag === undefined ? [] : [[id, maxActiveTisPerDag]])),
    );
    const tasks = dag.spec.maxActiveTasksPerDag;
    found = tasks === undefined && byTask.size === 0 ? 'none' : { tasks: tasks ?? Infinity, byTask };
    known.set(dag, found);
  }
  return found;
}

/** Null: the DAG has no such limits. */
export function roomIn(dag: CompiledDag, active: readonly { dag_id: string; task_id: string; active: number }[]): DagRoom | null {
  const limits = limitsOf(dag);
  if (limits === 'none') return null;
  const mine = active.filter(({ dag_id }) => dag_id === dag.spec.dagId);
  const all = mine.reduce((sum, row) => sum + row.active, 0);
  const of = (taskId: string) => mine.find(({ task_id }) => task_id === taskId)?.active ?? 0;
  return {
    tasks: Math.max(0, limits.tasks - all),
    byTask: new Map([...limits.byTask].map(([taskId, limit]) => [taskId, Math.max(0, limit - of(taskId))])),
  };
}

/** What a decision leaves to the next run of the same DAG. */
export function roomAfter(room: DagRoom, { transitions, gates }: RunDecision): DagRoom {
  const byTask = new Map(room.byTask);
  let tasks = room.tasks;
  const take = (taskId: string, count: number) => {
    tasks -= count;
    if (byTask.has(taskId)) byTask.set(taskId, byTask.get(taskId)! - count);
  };
  for (const { taskId, admissible } of transitions) if (admissible) take(taskId, 1);
  for (const { taskId, count } of gates) take(taskId, count);
  return { tasks, byTask };
}

/** Under the DAGs' locks. One that has a wake already is looked at after this commit anyway: whoever takes it counts under the same lock. */
const wakeRuns = prepared(
  'wake_runs_of_dags',
  `INSERT INTO run_wake (run, cause) SELECT r.pk, 'room in the dag' FROM dag_run r
   WHERE r.dag_id = ANY($1::text[]) AND r.state = 'running' AND r.pk <> ALL($2::bigint[]) AND NOT EXISTS (SELECT FROM run_wake w WHERE w.run = r.pk)`,
);

/** An attempt of these DAGs ended: their other runs may go on. */
export function wakeRunsOfDags(client: PoolClient, dagIds: readonly string[], except: readonly RunPk[]) {
  return dagIds.length > 0 ? wakeRuns(client, dagIds, except) : null;
}

/**
 * What was through the gate in these locked runs may be so no more, without an attempt that ends: the other runs of their DAGs may go on. Takes
 * the locks of the DAGs that have limits.
 */
export async function wakeOtherRuns({ versions }: LedgerContext, client: PoolClient, rows: readonly LockedRow[]): Promise<void> {
  const pinned = rows.flatMap(({ version }) => version ?? []);
  await versions.load(client, pinned);
  const limited = [...new Set(pinned.map((version) => versions.get(version).dag).filter(hasDagLimits).map(({ spec }) => spec.dagId))]; // prettier-ignore
  if (limited.length === 0) return;
  await lockDags(client, limited);
  await wakeRunsOfDags(client, limited, rows.map(({ pk }) => pk)); // prettier-ignore
}
