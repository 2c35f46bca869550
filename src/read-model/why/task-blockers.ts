/**
 * The answer to "why is it not running?" for one task instance: every reason, in words. What decides is asked of the functions that decide
 * it: the rules of src/core for what is undecided, `admit` for what is scheduled.
 */
import type { Pool } from 'pg';
import { durationToMs } from '../../core/duration';
import { isFinished } from '../../core/states';
import type { TaskReason, TaskState } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import { admissionBlocker } from './admission-blockers';
import type { Blocker } from './blocker';
import { readRunBlockers } from './run-blockers';
import type { WhyRun } from './run-blockers';
import { undecidedBlockers } from './undecided-blockers';
import { waitBlocker } from './wait-blocker';

export type { Blocker } from './blocker';
export type { WhyRun } from './run-blockers';

export interface WhyTask {
  readonly pk: number;
  readonly taskId: string;
  readonly mapIndex: number;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
  readonly pool: string;
  readonly lane: string;
  readonly dueAt: Date | null;
}

/** Empty when it runs, has ended, or its run has. @param dag the version that the run uses; null: the run has not started */
export async function readBlockers(pool: Pool, run: WhyRun, task: WhyTask, dag: CompiledDag | null): Promise<Blocker[]> {
  const { state } = task;
  if (state === 'running' || isFinished(state) || run.state === 'success' || run.state === 'failed') return [];
  if (run.state === 'queued') return readRunBlockers(pool, run);

  const { schedulers, isPaused } = await readAround(pool, run);
  const isHeld = isPaused && run.backfillId === null;
  const blockers: Blocker[] = [];
  if (schedulers === 0) {
    blockers.push({
      kind: 'scheduler',
      text: 'No scheduler is alive, so nothing is started. Run "thence scheduler" or "thence standalone".',
    });
  }
  if (isHeld && state !== 'restarting') {
    blockers.push({ kind: 'paused', text: 'The DAG is paused: nothing new of it is started until it is switched on.' });
  }
  switch (state) {
    case 'restarting':
      blockers.push({ kind: 'stopping', text: 'It was cleared while it ran: the try that is still running is being stopped first.' });
      break;
    case 'up_for_retry':
      blockers.push({ kind: 'retry', text: 'It is tried again', at: task.dueAt });
      break;
    case 'up_for_reschedule':
      blockers.push({
        kind: 'retry',
        text: 'It holds nothing until it looks again',
        at: task.dueAt,
        until: await sensorEnd(pool, task, dag),
      });
      break;
    case 'deferred':
      blockers.push(...(await waitBlocker(pool, task)));
      break;
    case 'scheduled':
      if (!isHeld) blockers.push(await admissionBlocker(pool, run, task, dag));
      break;
    case null:
      if (dag) blockers.push(...(await undecidedBlockers(pool, run, task, dag)));
      break;
    case 'queued':
  }
  return blockers;
}

/** When a sensor gives up, as far as its options say. */
async function sensorEnd(pool: Pool, task: WhyTask, dag: CompiledDag | null): Promise<Date | null> {
  const timeout = dag?.tasks.get(task.taskId)?.spec.options['timeout'];
  if (timeout === undefined || timeout === null) return null;
  const { rows } = await pool.query<{ start_date: Date | null }>('SELECT start_date FROM task_instance WHERE pk = $1', [task.pk]);
  const began = rows[0]?.start_date;
  return began ? new Date(began.getTime() + durationToMs(timeout, 'timeout')) : null;
}

async function readAround(pool: Pool, run: WhyRun): Promise<{ schedulers: number; isPaused: boolean }> {
  const { rows } = await pool.query<{ schedulers: number; isPaused: boolean }>(
    `SELECT (SELECT count(*)::int FROM session WHERE kind = 'scheduler' AND state IN ('alive','draining') AND lease_until > clock_timestamp()) AS schedulers,
            d.is_paused AS "isPaused" FROM dag d WHERE d.dag_id = $1`,
    [run.dagId],
  );
  return rows[0]!;
}
