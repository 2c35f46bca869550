/**
 * The answer to "why is it not running?" for one task instance: every reason, in words. What keeps a scheduled task from its slot is
 * asked of `admit`, the function that decides it.
 */
import type { Pool } from 'pg';
import { admit } from '../../core/admission';
import type { Blocker as AdmissionBlocker, Candidate } from '../../core/admission';
import { isFinished } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { RunPage } from './run';
import type { TaskInstancePage } from './task-instance';

export interface Blocker {
  readonly kind: 'scheduler' | 'paused' | 'run-queued' | 'retry' | 'upstream' | 'limit' | AdmissionBlocker['kind'] | 'next';
  readonly text: string;
  /** Upstream tasks that it waits for. */
  readonly tasks?: readonly { readonly taskId: string; readonly state: string }[];
  readonly at?: Date | null;
}

interface Surroundings {
  readonly schedulers: number;
  readonly isPaused: boolean;
  /** Of the DAG, or of the backfill that the run belongs to. */
  readonly maxActiveRuns: number;
  readonly runningRuns: number;
  readonly slots: number | null;
  readonly usedSlots: number;
  /** Live attempts of the run. */
  readonly activeTasks: number;
  /** Attempts that could begin in processes that serve the task's executor; null: there is none. */
  readonly freeCapacity: number | null;
}

/** Empty when it runs, has ended, or its run has. */
export async function readBlockers(pool: Pool, run: RunPage, task: TaskInstancePage, dag: CompiledDag | null): Promise<Blocker[]> {
  const isUnderWay = task.state === 'running' || task.state === 'restarting' || isFinished(task.state);
  if (isUnderWay || run.state === 'success' || run.state === 'failed') return [];
  const [around, waitingFor] = await Promise.all([readSurroundings(pool, run, task), readOpenUpstreams(pool, run, task, dag)]);
  const isHeld = around.isPaused && run.backfillId === null;

  const blockers: Blocker[] = [];
  if (around.schedulers === 0) {
    blockers.push({
      kind: 'scheduler',
      text: 'No scheduler is alive, so nothing is started. Run "thence scheduler" or "thence standalone".',
    });
  }
  if (isHeld) blockers.push({ kind: 'paused', text: 'The DAG is paused: nothing new of it is started until it is switched on.' });
  if (run.state === 'queued' && !isHeld) {
    const text = `The run is queued: ${around.runningRuns} of at most ${around.maxActiveRuns} active runs are running.`;
    blockers.push({ kind: 'run-queued', text });
  }
  if (task.state === 'up_for_retry' || task.state === 'up_for_reschedule') {
    blockers.push({ kind: 'retry', text: task.state === 'up_for_retry' ? 'It is tried again' : 'It looks again', at: task.dueAt });
  }
  if (waitingFor.length > 0) {
    const rule = dag?.tasks.get(task.taskId)?.spec.triggerRule ?? 'all_success';
    const many = waitingFor.length === 1 ? 'a task' : `${waitingFor.length} tasks`;
    blockers.push({ kind: 'upstream', text: `Its trigger rule ${rule} waits for ${many} before it.`, tasks: waitingFor });
  }
  if (task.state === 'scheduled' && !isHeld) blockers.push(await admissionBlocker(pool, task, around, dag));
  return blockers;
}

async function admissionBlocker(pool: Pool, task: TaskInstancePage, around: Surroundings, dag: CompiledDag | null): Promise<Blocker> {
  if (!task.admissible && around.slots !== null && dag && around.activeTasks >= dag.spec.maxActiveTasks) {
    return {
      kind: 'limit',
      text: `${around.activeTasks} tasks of this run are active, and its maxActiveTasks is ${dag.spec.maxActiveTasks}.`,
    };
  }
  const candidates = await readCandidates(pool, task);
  const pools = new Map(around.slots === null ? [] : [[task.pool, { slots: around.slots, used: around.usedSlots }]]);
  const capacity = new Map(around.freeCapacity === null ? [] : [[task.lane, around.freeCapacity]]);
  const blocker = admit(candidates, pools, capacity).blocked.get(task.pk);
  switch (blocker?.kind) {
    case 'no-such-pool':
      return { kind: blocker.kind, text: `There is no pool "${task.pool}". Name another one in the DAG file, or make this one.` };
    case 'pool-full': {
      const wants = blocker.wanted === 1 ? 'a slot' : `${blocker.wanted} slots`;
      return {
        kind: blocker.kind,
        text: `Pool "${task.pool}" has ${blocker.used} of ${blocker.slots} slots in use; this task needs ${wants}.`,
      };
    }
    case 'behind':
      return { kind: blocker.kind, text: `In pool "${task.pool}" a task that goes before it waits for room, and nothing overtakes it.` };
    case 'no-capacity': {
      const nobody = `No living process runs tasks for the executor "${task.lane}".`;
      return { kind: blocker.kind, text: around.freeCapacity === null ? nobody : `All places of the executor "${task.lane}" are taken.` };
    }
    case undefined:
      return { kind: 'next', text: 'Nothing: it is about to be started.' };
  }
}

/** The admissible tasks of the pool that go first, with the task itself, as if its run's gate were open. */
async function readCandidates(pool: Pool, task: TaskInstancePage): Promise<Candidate[]> {
  const { rows } = await pool.query<Omit<Candidate, 'runAfter'> & { runAfter: Date }>(
    `SELECT pk, lane, pool, pool_slots AS slots, rank_class AS "rankClass", priority, run_after AS "runAfter" FROM task_instance
     WHERE pk = $1 OR (admissible AND lane = $2 AND pool = $3) ORDER BY pk = $1 DESC, rank_class, priority DESC, run_after, pk LIMIT 5000`,
    [task.pk, task.lane, task.pool],
  );
  return rows.map((row) => ({ ...row, runAfter: row.runAfter.getTime() }));
}

async function readSurroundings(pool: Pool, run: RunPage, task: TaskInstancePage): Promise<Surroundings> {
  const { rows } = await pool.query<Surroundings>(
    `WITH alive AS (SELECT id, capacity, lanes FROM session WHERE kind = 'scheduler' AND state IN ('alive','draining') AND lease_until > clock_timestamp())
     SELECT (SELECT count(*)::int FROM alive) AS schedulers,
            d.is_paused AS "isPaused", coalesce(b.max_active_runs, d.max_active_runs) AS "maxActiveRuns",
            (SELECT count(*)::int FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state = 'running' AND r.backfill_id IS NOT DISTINCT FROM $2::bigint) AS "runningRuns",
            (SELECT p.slots FROM pool p WHERE p.name = $3) AS slots,
            (SELECT coalesce(sum(a.slots), 0)::int FROM attempt a WHERE a.pool = $3 AND a.state <> 'ended') AS "usedSlots",
            (SELECT count(*)::int FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE t.run = $4 AND a.state <> 'ended') AS "activeTasks",
            (SELECT sum(greatest(0, s.capacity - (SELECT count(*) FROM attempt a WHERE a.session = s.id AND a.state <> 'ended')))::int
             FROM alive s WHERE $5 = ANY (s.lanes)) AS "freeCapacity"
     FROM dag d LEFT JOIN backfill b ON b.id = $2::bigint WHERE d.dag_id = $1`,
    [run.dagId, run.backfillId, task.pool, run.pk, task.lane],
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
