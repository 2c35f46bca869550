/**
 * The task instances of a run are those of its version. Made when the run starts, and again when it changes its version: missing ones are
 * added, those that are there take the version's options, and those that the version does not have are removed (what runs of them is stopped).
 * A task that is expanded has its instances already, and gets no placeholder beside them.
 */
import type { PoolClient } from 'pg';
import { FINISHED_TASK_STATES } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { RunPk } from '../ledger';
import { prepared } from './connections';
import { laneOf } from './context';
import type { LedgerContext } from './context';
import { stopTasks } from './stop-tasks';
import type { ChosenTask } from './stop-tasks';

const options = `unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::int[]) WITH ORDINALITY AS n(task_id, lane, pool, pool_slots, priority, place)`;
const rankClass = `CASE WHEN r.run_type = 'backfill' THEN 1 ELSE 0 END`;

/**
 * A removed one begins a new try; while its last attempt is still being stopped it is `restarting`, and undecided when that has ended.
 * (`piece` counts within a try: what was removed in the middle of one has an attempt with this number already.)
 */
const insertTasks = prepared(
  'insert_task_instances',
  `INSERT INTO task_instance AS t (run, task_id, lane, pool, pool_slots, priority, rank_class, run_after)
   SELECT r.pk, n.task_id, n.lane, n.pool, n.pool_slots, n.priority, ${rankClass}, r.run_after
   FROM dag_run r CROSS JOIN ${options}
   WHERE r.pk = ANY($1::bigint[]) AND NOT EXISTS (SELECT FROM task_tally y WHERE y.run = r.pk AND y.task_id = n.task_id)
   ORDER BY r.pk, n.place
   ON CONFLICT (run, task_id, map_index) DO UPDATE SET lane = excluded.lane, pool = excluded.pool, pool_slots = excluded.pool_slots,
     priority = excluded.priority, rank_class = excluded.rank_class, run_after = excluded.run_after,
     end_date = CASE WHEN t.state = 'removed' THEN NULL ELSE t.end_date END,
     piece = CASE WHEN t.state = 'removed' THEN 0 ELSE t.piece END, branch = CASE WHEN t.state = 'removed' THEN NULL ELSE t.branch END,
     retries_used = CASE WHEN t.state = 'removed' THEN 0 ELSE t.retries_used END, lost_in_a_row = CASE WHEN t.state = 'removed' THEN 0 ELSE t.lost_in_a_row END,
     state = CASE WHEN t.state IS DISTINCT FROM 'removed' THEN t.state
       WHEN EXISTS (SELECT FROM attempt a WHERE a.id = t.attempt AND a.state <> 'ended') THEN 'restarting' END`,
);

const alignInstances = prepared(
  'align_mapped_instances',
  `UPDATE task_instance t SET lane = n.lane, pool = n.pool, pool_slots = n.pool_slots, priority = n.priority, rank_class = ${rankClass}, run_after = r.run_after
   FROM task_tally y JOIN dag_run r ON r.pk = y.run JOIN ${options} ON n.task_id = y.task_id
   WHERE y.run = ANY($1::bigint[]) AND t.run = y.run AND t.task_id = y.task_id AND t.map_index >= 0
     AND (t.lane, t.pool, t.pool_slots, t.priority, t.rank_class, t.run_after) IS DISTINCT FROM (n.lane, n.pool, n.pool_slots, n.priority, ${rankClass}, r.run_after)`,
);

const removeTasks = prepared<ChosenTask>(
  'remove_task_instances',
  `UPDATE task_instance SET state = 'removed', reason = NULL, admissible = false, due_at = NULL, end_date = clock_timestamp()
   WHERE run = ANY($1::bigint[]) AND task_id <> ALL($2::text[]) AND (state IS NULL OR state <> ALL($3::text[]))
   RETURNING pk, task_id, map_index, state`,
);
/** An earlier version had this task, and its instances that were finished are still there: the placeholder is expanded anew in their place. */
const setInstancesAside = prepared(
  'set_instances_aside',
  `UPDATE task_instance t SET state = 'removed', reason = NULL
   WHERE t.run = ANY($1::bigint[]) AND t.task_id = ANY($2::text[]) AND t.map_index >= 0 AND t.state IS DISTINCT FROM 'removed'
     AND NOT EXISTS (SELECT FROM task_tally y WHERE y.run = t.run AND y.task_id = t.task_id)`,
);
const forgetTallies = prepared('forget_tallies', 'DELETE FROM task_tally WHERE run = ANY($1::bigint[]) AND task_id <> ALL($2::text[])');

/** Of a run that has only some of the tasks. */
const leaveOut = prepared(
  'leave_out_tasks',
  `UPDATE task_instance t SET state = 'removed', reason = NULL, end_date = clock_timestamp()
   FROM dag_run r WHERE r.pk = ANY($1::bigint[]) AND r.only_tasks IS NOT NULL AND t.run = r.pk AND t.task_id <> ALL(r.only_tasks) AND t.state IS NULL`,
);

/** Under the locks of the runs. */
export async function makeTasks(context: LedgerContext, client: PoolClient, dag: CompiledDag, runs: readonly RunPk[]): Promise<void> {
  const of = <T>(value: (task: CompiledDag['order'][number]) => T) => dag.order.map(value);
  const ids = of((task) => task.spec.id);
  const columns = [
    runs,
    ids,
    of(({ spec: { executor } }) => laneOf(context, executor)),
    of((task) => task.spec.pool),
    of((task) => task.spec.poolSlots),
    of((task) => task.priority),
  ];
  await insertTasks(client, ...columns);
  await setInstancesAside(client, runs, ids);
  await alignInstances(client, ...columns);
  const { rows: removed } = await removeTasks(client, runs, ids, FINISHED_TASK_STATES);
  if (removed.length > 0) await stopTasks(client, removed, 'cleared');
  await forgetTallies(client, runs, ids);
  await leaveOut(client, runs);
}
