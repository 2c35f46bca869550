/** The answer to "why is it not running?" for one task instance: every reason, most telling first. */
import type { Pool } from 'pg';
import { isFinished } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { RunPage } from './run';
import type { TaskInstancePage } from './task-instance';

export interface Blocker {
  readonly kind: 'paused' | 'run-queued' | 'upstream' | 'retry' | 'pool' | 'limit' | 'scheduler' | 'missing-pool' | 'ready';
  readonly text: string;
  /** Upstream tasks that it waits for. */
  readonly tasks?: readonly { readonly taskId: string; readonly state: string }[];
  readonly at?: Date | null;
}

interface Surroundings {
  schedulers: number; isPaused: boolean; maxActiveRuns: number; runningRuns: number; slots: number | null; usedSlots: number; activeTasks: number;
} // prettier-ignore

export async function readBlockers(pool: Pool, run: RunPage, task: TaskInstancePage, dag: CompiledDag | null): Promise<Blocker[]> {
  if (
    isFinished(task.state) ||
    task.state === 'running' ||
    task.state === 'restarting' ||
    run.state === 'success' ||
    run.state === 'failed'
  ) {
    return [];
  }
  const [around, waitingFor] = await Promise.all([readSurroundings(pool, run, task), readOpenUpstreams(pool, run, task, dag)]);
  const blockers: Blocker[] = [];
  if (around.schedulers === 0) {
    blockers.push({
      kind: 'scheduler',
      text: 'No scheduler is alive, so nothing is started. Run `thence scheduler` or `thence standalone`.',
    });
  }
  if (run.state === 'queued') {
    blockers.push(
      around.isPaused && run.backfillId === null
        ? { kind: 'paused', text: 'The DAG is paused: its queued runs start when it is switched on.' }
        : {
            kind: 'run-queued',
            text: `The run is queued: ${around.runningRuns} of at most ${around.maxActiveRuns} active runs of this DAG are running.`,
          },
    );
  }
  if (task.state === 'up_for_retry' || task.state === 'up_for_reschedule') {
    blockers.push({
      kind: 'retry',
      text: task.state === 'up_for_retry' ? 'It waits for its next try.' : 'It looks again later.',
      at: task.dueAt,
    });
  }
  if (waitingFor.length > 0) {
    const rule = dag?.tasks.get(task.taskId)?.spec.triggerRule ?? 'all_success';
    blockers.push({
      kind: 'upstream',
      text: `Its trigger rule ${rule} waits for ${waitingFor.length === 1 ? 'a task' : `${waitingFor.length} tasks`} before it.`,
      tasks: waitingFor,
    });
  }
  if (task.state === 'scheduled') blockers.push(...admissionBlockers(task, around, dag));
  return blockers;
}

function admissionBlockers(task: TaskInstancePage, around: Surroundings, dag: CompiledDag | null): Blocker[] {
  if (around.slots === null) {
    return [{ kind: 'missing-pool', text: `There is no pool "${task.pool}". Create it, or name another pool in the DAG file.` }];
  }
  if (!task.admissible && dag && around.activeTasks >= dag.spec.maxActiveTasks) {
    return [
      { kind: 'limit', text: `${around.activeTasks} tasks of this run are active, and maxActiveTasks is ${dag.spec.maxActiveTasks}.` },
    ];
  }
  if (around.slots >= 0 && around.usedSlots + task.poolSlots > around.slots) {
    const wants = task.poolSlots === 1 ? 'a slot' : `${task.poolSlots} slots`;
    return [
      { kind: 'pool', text: `Pool "${task.pool}" has ${around.usedSlots} of ${around.slots} slots in use; this task needs ${wants}.` },
    ];
  }
  return around.schedulers === 0
    ? []
    : [{ kind: 'ready', text: 'Nothing holds it back but its turn: tasks of higher priority go first, and an executor must have room.' }];
}

async function readSurroundings(pool: Pool, run: RunPage, task: TaskInstancePage): Promise<Surroundings> {
  const { rows } = await pool.query<Surroundings>(
    `SELECT (SELECT count(*)::int FROM session WHERE kind = 'scheduler' AND state IN ('alive','draining') AND lease_until > clock_timestamp()) AS schedulers,
            d.is_paused AS "isPaused", coalesce(b.max_active_runs, d.max_active_runs) AS "maxActiveRuns",
            (SELECT count(*)::int FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state = 'running' AND r.backfill_id IS NOT DISTINCT FROM $2::bigint) AS "runningRuns",
            (SELECT p.slots FROM pool p WHERE p.name = $3) AS slots,
            (SELECT coalesce(sum(a.slots), 0)::int FROM attempt a WHERE a.pool = $3 AND a.state <> 'ended') AS "usedSlots",
            (SELECT count(*)::int FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE t.run = $4 AND a.state <> 'ended') AS "activeTasks"
     FROM dag d LEFT JOIN backfill b ON b.id = $2::bigint WHERE d.dag_id = $1`,
    [run.dagId, run.backfillId, task.pool, run.pk],
  );
  return rows[0]!;
}

async function readOpenUpstreams(
  pool: Pool,
  run: RunPage,
  task: TaskInstancePage,
  dag: CompiledDag | null,
): Promise<{ taskId: string; state: string }[]> {
  const upstream = dag?.tasks.get(task.taskId)?.upstream ?? [];
  if (task.state !== null || upstream.length === 0) return [];
  const { rows } = await pool.query<{ taskId: string; state: string }>(
    `SELECT task_id AS "taskId", coalesce(state, 'none') AS state FROM task_instance
     WHERE run = $1 AND task_id = ANY ($2) AND (state IS NULL OR state NOT IN ('success','failed','skipped','upstream_failed','removed'))
     ORDER BY pk LIMIT 50`,
    [run.pk, upstream],
  );
  return rows;
}
