/**
 * Marking: a person says what came of task instances. Their live attempts are stopped and keep their slots until they have ended; what they
 * still report changes nothing. What rules had decided below is decided anew: a run that has ended goes on for that, on its own version, or just
 * ends once more when nothing is left to do.
 */
import type { PoolClient } from 'pg';
import { tasksBelow } from '../../core/selection';
import { FINISHED_TASK_STATES, isRunFinished } from '../../core/states';
import type { RunState } from '../../core/states';
import type { MarkRequest, TaskVerdict } from '../ledger';
import { prepared } from './connections';
import type { LedgerContext } from './context';
import type { LockedRow } from './lock-runs';
import { changedTasks, chooseTasks, forgetUnbegun, stopTasks, taskIdsOf, undecideBelow, wholeTasks } from './stop-tasks';
import { recountTallies } from './tallies';

const markRows = prepared(
  'mark_tasks',
  `UPDATE task_instance SET state = $2, reason = 'marked', admissible = false, due_at = NULL, end_date = clock_timestamp(),
     start_date = coalesce(start_date, clock_timestamp()) WHERE pk = ANY($1::bigint[])`,
);

/** Nothing more is expanded: there are as many instances as there are now. */
const endExpansion = prepared(
  'end_expansion',
  `WITH under_way AS (DELETE FROM expansion WHERE run = $1::bigint AND owner = ANY($2::text[]))
   UPDATE task_tally y SET length = (SELECT count(*) FROM task_instance t WHERE t.run = y.run AND t.task_id = y.task_id AND t.map_index >= 0 AND t.state IS DISTINCT FROM 'removed')
   WHERE y.run = $1::bigint AND y.task_id = ANY($2::text[])`,
);

const updateRun = prepared<{ state: RunState }>(
  'mark_run_row',
  `UPDATE dag_run r SET seq = r.seq + 1, state = n.state, end_date = CASE WHEN $2 THEN NULL ELSE r.end_date END,
     end_reason = CASE WHEN $2 THEN NULL ELSE r.end_reason END, deadline_at = CASE WHEN $2 THEN NULL ELSE r.deadline_at END, retry_at = CASE WHEN $2 THEN NULL ELSE r.retry_at END,
     keep_version = $2 OR r.keep_version, queued_at = CASE WHEN n.state = 'queued' AND $2 THEN clock_timestamp() ELSE r.queued_at END
   FROM (SELECT CASE WHEN NOT $2 THEN o.state
     WHEN EXISTS (SELECT FROM task_instance t WHERE t.run = $1::bigint AND (t.state IS NULL OR t.state <> ALL($3::text[]))) THEN 'queued' ELSE 'running' END AS state
     FROM dag_run o WHERE o.pk = $1::bigint) n
   WHERE r.pk = $1::bigint RETURNING r.state`,
);

/** Under the run's lock. */
export async function markLocked(
  { versions }: LedgerContext,
  client: PoolClient,
  row: LockedRow,
  { tasks, state }: Omit<MarkRequest, 'run'>,
): Promise<TaskVerdict> {
  const { pk: run, version } = row;
  const chosen = (await chooseTasks(client, run, tasks)).filter((task) => task.state !== state);
  if (chosen.length === 0) return { run, tasks: [], below: [], added: [], version, from: row.state, to: row.state };
  await stopTasks(client, chosen, 'marked');
  await markRows(
    client,
    chosen.map(({ pk }) => pk),
    state,
  );
  await endExpansion(client, run, wholeTasks(tasks));
  await forgetUnbegun(client, run);
  if (version !== null) await versions.load(client, [version]);
  const below = version === null ? new Set<string>() : tasksBelow(versions.get(version).dag, taskIdsOf(chosen));
  const undecided = await undecideBelow(client, run, below, chosen);
  await recountTallies(client, run, taskIdsOf([...chosen, ...undecided]));
  const goesOn = isRunFinished(row.state);
  const { rows: after } = await updateRun(client, run, goesOn, FINISHED_TASK_STATES);
  return {
    run,
    tasks: changedTasks(chosen),
    below: changedTasks(undecided),
    added: [],
    version,
    from: row.state,
    to: after[0]!.state,
  };
}
