/** What clear, mark and delete begin with, under the lock of the run: the rows they mean, and an end to what goes on in them. */
import type { PoolClient } from 'pg';
import type { TaskState } from '../../core/states';
import type { ChangedTask, RunPk, TaskPk, TaskSelection } from '../ledger';
import { prepared } from './connections';

export interface ChosenTask {
  pk: TaskPk;
  task_id: string;
  map_index: number;
  state: TaskState;
}

/**
 * The rows' own locks come first, by this statement: a claim that is under way is over then, and the attempt that it made is seen by the
 * statements behind it.
 */
const choose = prepared<ChosenTask>(
  'choose_tasks',
  `SELECT pk, task_id, map_index, state FROM task_instance
   WHERE run = $1::bigint AND state IS DISTINCT FROM 'removed'
     AND ($2::text[] IS NULL OR task_id = ANY($2) OR (task_id, map_index) IN (SELECT * FROM unnest($3::text[], $4::int[])))
     AND ($5::text[] IS NULL OR coalesce(state, 'none') = ANY($5))
   ORDER BY pk FOR NO KEY UPDATE`,
);

/** `tasks` null: all of the run. Task instances that are `removed` are never among them. */
export async function chooseTasks(
  client: PoolClient,
  run: RunPk,
  tasks: readonly TaskSelection[] | null,
  onlyStates: readonly TaskState[] | null = null,
): Promise<ChosenTask[]> {
  const singles = (tasks ?? []).flatMap(({ taskId, mapIndexes }) => (mapIndexes ?? []).map((mapIndex) => ({ taskId, mapIndex })));
  const { rows } = await choose(
    client,
    run,
    tasks && wholeTasks(tasks),
    singles.map(({ taskId }) => taskId),
    singles.map(({ mapIndex }) => mapIndex),
    onlyStates && onlyStates.map((state) => state ?? 'none'),
  );
  return rows;
}

export const wholeTasks = (tasks: readonly TaskSelection[]): string[] =>
  tasks.filter(({ mapIndexes }) => mapIndexes === null).map(({ taskId }) => taskId);

/** A deferred task waits no more: its parked attempt holds nothing and ends at once. */
const endWaits = prepared(
  'end_waits',
  `WITH gone AS (DELETE FROM wait WHERE ti = ANY($1::bigint[])), forgotten AS (
     UPDATE ti_detail SET resume = NULL WHERE ti = ANY($1::bigint[]) AND resume IS NOT NULL)
   UPDATE attempt SET state = 'ended', ended_at = clock_timestamp(), end_reason = $2 WHERE ti = ANY($1::bigint[]) AND state = 'parked'`,
);

/** Live ones keep their slots until they are known to have ended. */
const stopAttempts = prepared(
  'stop_attempts',
  `UPDATE attempt SET state = 'ending' WHERE ti = ANY($1::bigint[]) AND state IN ('claimed', 'running')`,
);

export async function stopTasks(client: PoolClient, chosen: readonly ChosenTask[], why: 'cleared' | 'marked'): Promise<void> {
  const pks = chosen.map(({ pk }) => pk);
  await endWaits(client, pks, why);
  await stopAttempts(client, pks);
}

/** Expansions that were asked for and not begun are asked for again, by what they map over then. */
export const forgetUnbegun = prepared('forget_unbegun_expansions', 'DELETE FROM expansion WHERE run = $1::bigint AND lengths IS NULL');

const undecide = prepared<ChosenTask>(
  'undecide_tasks',
  `WITH was AS (
     SELECT pk, state FROM task_instance
     WHERE run = $1::bigint AND task_id = ANY($2::text[]) AND pk <> ALL($3::bigint[]) AND (
       state IN ('skipped', 'upstream_failed') AND reason IN ('rule', 'branch', 'short_circuit', 'fail_fast', 'run_ended')
       OR state = 'scheduled' AND piece = 0)
     ORDER BY pk FOR NO KEY UPDATE)
   UPDATE task_instance t SET state = NULL, reason = NULL, admissible = false, piece = 0, due_at = NULL, scheduled_at = NULL, start_date = NULL, end_date = NULL
   FROM was WHERE t.pk = was.pk RETURNING t.pk, t.task_id, t.map_index, was.state`,
);

/** What the run decided for tasks below, or has scheduled and not begun, is open again: by what stands above them now. */
export async function undecideBelow(
  client: PoolClient,
  run: RunPk,
  below: ReadonlySet<string>,
  chosen: readonly ChosenTask[],
): Promise<ChosenTask[]> {
  if (below.size === 0) return [];
  const { rows } = await undecide(
    client,
    run,
    [...below],
    chosen.map(({ pk }) => pk),
  );
  return rows;
}

export const taskIdsOf = (rows: readonly ChosenTask[]): string[] => [...new Set(rows.map(({ task_id }) => task_id))];

export const changedTasks = (rows: readonly ChosenTask[]): ChangedTask[] =>
  rows.toSorted((a, b) => a.pk - b.pk).map(({ task_id: taskId, map_index: mapIndex, state: was }) => ({ taskId, mapIndex, was }));
