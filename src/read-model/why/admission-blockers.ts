/** Why a scheduled task has no slot yet: the limits of its run and DAG, then its pool and executor, as `admit` says. */
import type { Pool } from 'pg';
import { admit } from '../../core/admission';
import type { Candidate } from '../../core/admission';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import { named } from './blocker';
import type { Blocker } from './blocker';
import type { WhyRun } from './run-blockers';

export interface WhyScheduled {
  readonly pk: number;
  readonly taskId: string;
  readonly admissible: boolean;
  readonly pool: string;
  readonly lane: string;
}

interface Surroundings {
  readonly slots: number | null;
  readonly usedSlots: number;
  /** At work: through the gate, or with an attempt that has not ended. Of the run, of this task in it, of the DAG, of this task in all runs. */
  readonly inRun: number;
  readonly ofTaskInRun: number;
  readonly inDag: number;
  readonly ofTaskInDag: number;
  /** Attempts that could begin in processes that serve the task's executor; null: there is none. */
  readonly freeCapacity: number | null;
}

export async function admissionBlocker(pool: Pool, run: WhyRun, task: WhyScheduled, dag: CompiledDag | null): Promise<Blocker> {
  const around = await readSurroundings(pool, run, task);
  const limit = task.admissible || !dag ? null : limitOf(dag, task.taskId, around);
  if (limit) return { kind: 'limit', text: limit };

  const candidates = await readCandidates(pool, task);
  const pools = new Map(around.slots === null ? [] : [[task.pool, { slots: around.slots, used: around.usedSlots }]]);
  const capacity = new Map(around.freeCapacity === null ? [] : [[task.lane, around.freeCapacity]]);
  const blocker = admit(candidates, pools, capacity).blocked.get(task.pk);
  switch (blocker?.kind) {
    case 'no-such-pool':
      return { kind: blocker.kind, text: `There is no pool "${task.pool}". Name another one in the DAG file, or make this one.` };
    case 'pool-full': {
      const wants = blocker.wanted === 1 ? 'a slot' : `${blocker.wanted} slots`;
      const holders = named(await readHolders(pool, task.pool));
      const by = holders === '' ? '' : ` (${holders})`;
      const never = blocker.wanted > blocker.slots ? ' It can never have them: the pool is too small for it.' : '';
      return {
        kind: blocker.kind,
        text: `Pool "${task.pool}" has ${blocker.used} of ${blocker.slots} slots in use${by}; this task needs ${wants}.${never}`,
      };
    }
    case 'behind': {
      const head = await readName(pool, blocker.head);
      return {
        kind: blocker.kind,
        text: `In pool "${task.pool}" ${head} goes before it and waits for room, and nothing overtakes it.`,
      };
    }
    case 'no-capacity': {
      const nobody = `No living process runs tasks for the executor "${task.lane}".`;
      return { kind: blocker.kind, text: around.freeCapacity === null ? nobody : `All places of the executor "${task.lane}" are taken.` };
    }
    case undefined:
      return { kind: 'next', text: 'Nothing: it is about to be started.' };
  }
}

function limitOf({ spec, tasks }: CompiledDag, taskId: string, around: Surroundings): string | null {
  const task = tasks.get(taskId)?.spec;
  const { maxActiveTasksPerDag = Infinity } = spec;
  const { maxActiveTisPerDagRun = Infinity, maxActiveTisPerDag = Infinity } = task ?? {};
  const { inRun, inDag, ofTaskInRun, ofTaskInDag } = around;
  if (inRun >= spec.maxActiveTasks) return `${inRun} tasks of this run are active, and its maxActiveTasks is ${spec.maxActiveTasks}.`;
  if (ofTaskInRun >= maxActiveTisPerDagRun) {
    return `${ofTaskInRun} instances of this task are active in this run, and its maxActiveTisPerDagRun is ${maxActiveTisPerDagRun}.`;
  }
  if (inDag >= maxActiveTasksPerDag) {
    return `${inDag} tasks of this DAG are active in all of its runs, and its maxActiveTasksPerDag is ${maxActiveTasksPerDag}.`;
  }
  if (ofTaskInDag >= maxActiveTisPerDag) {
    return `${ofTaskInDag} instances of this task are active in all runs, and its maxActiveTisPerDag is ${maxActiveTisPerDag}.`;
  }
  return null;
}

/** The admissible tasks of the pool that go first, with the task itself, as if its run's gate were open. */
async function readCandidates(pool: Pool, task: WhyScheduled): Promise<Candidate[]> {
  const { rows } = await pool.query<Omit<Candidate, 'runAfter'> & { runAfter: Date }>(
    `SELECT pk, lane, pool, pool_slots AS slots, rank_class AS "rankClass", priority, run_after AS "runAfter" FROM task_instance
     WHERE pk = $1 OR (admissible AND lane = $2 AND pool = $3) ORDER BY pk = $1 DESC, rank_class, priority DESC, run_after, pk LIMIT 5000`,
    [task.pk, task.lane, task.pool],
  );
  return rows.map((row) => ({ ...row, runAfter: row.runAfter.getTime() }));
}

/** Who has the slots of a pool, the longest first. */
async function readHolders(pool: Pool, name: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT ${NAME} AS name FROM attempt a JOIN task_instance t ON t.pk = a.ti JOIN dag_run r ON r.pk = t.run
     WHERE a.pool = $1 AND a.state <> 'ended' AND a.slots > 0 ORDER BY a.claimed_at LIMIT 6`,
    [name],
  );
  return rows.map((row) => row.name);
}

async function readName(pool: Pool, pk: number): Promise<string> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT ${NAME} AS name FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE t.pk = $1`,
    [pk],
  );
  return rows[0] ? `task ${rows[0].name}` : 'another task';
}
const NAME = `format('%s.%s%s', r.dag_id, t.task_id, CASE WHEN t.map_index >= 0 THEN format('[%s]', t.map_index) ELSE '' END)`;

/** What is at work is what the gate counts: admissible, or with a live attempt that is not parked. */
async function readSurroundings(pool: Pool, run: WhyRun, task: WhyScheduled): Promise<Surroundings> {
  const { rows } = await pool.query<Surroundings>(
    `WITH active AS (
       SELECT t.run, t.task_id FROM (
         SELECT ti FROM attempt WHERE state NOT IN ('ended', 'parked') UNION SELECT pk FROM task_instance WHERE admissible) x
       JOIN task_instance t ON t.pk = x.ti JOIN dag_run r ON r.pk = t.run WHERE r.dag_id = $1)
     SELECT (SELECT p.slots FROM pool p WHERE p.name = $2) AS slots,
            (SELECT coalesce(sum(a.slots), 0)::int FROM attempt a WHERE a.pool = $2 AND a.state <> 'ended') AS "usedSlots",
            (SELECT count(*)::int FROM active WHERE run = $3) AS "inRun",
            (SELECT count(*)::int FROM active WHERE run = $3 AND task_id = $4) AS "ofTaskInRun",
            (SELECT count(*)::int FROM active) AS "inDag",
            (SELECT count(*)::int FROM active WHERE task_id = $4) AS "ofTaskInDag",
            (SELECT sum(greatest(0, s.capacity - (SELECT count(*) FROM attempt a WHERE a.session = s.id AND a.state NOT IN ('ended', 'parked'))))::int
             FROM session s WHERE s.kind IN ('scheduler', 'worker') AND s.state IN ('alive','draining') AND s.lease_until > clock_timestamp()
               AND $5 = ANY (s.lanes)) AS "freeCapacity"`,
    [run.dagId, task.pool, run.pk, task.taskId, task.lane],
  );
  return rows[0]!;
}
