/**
 * Clearing: task instances are undecided again and run as further tries. What runs of them is stopped and becomes `restarting`:
 * undecided when its attempt has ended. A mapped task that is cleared as a whole is a placeholder again and is expanded anew; its instances are
 * `removed` until then, so that a map can shrink.
 *
 * A run that has ended is queued, and takes its version when it starts. A running one takes it here, in place: live attempts keep theirs.
 */
import type { PoolClient } from 'pg';
import { tasksBelow, withSetupsAndTeardowns } from '../../core/selection';
import { isRunFinished } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { ClearRequest, RunPk, TaskSelection, TaskVerdict, VersionId } from '../ledger';
import { prepared } from './connections';
import type { LedgerContext } from './context';
import type { LockedRow } from './lock-runs';
import { makeTasks } from './make-tasks';
import { changedTasks, chooseTasks, forgetUnbegun, stopTasks, taskIdsOf, undecideBelow, wholeTasks } from './stop-tasks';
import type { ChosenTask } from './stop-tasks';
import { recountTallies } from './tallies';

const clearRows = prepared(
  'clear_tasks',
  `UPDATE task_instance t SET reason = 'cleared', admissible = false, due_at = NULL, start_date = NULL, end_date = NULL, scheduled_at = NULL, branch = NULL,
     retries_used = 0, lost_in_a_row = 0, piece = 0,
     state = CASE WHEN EXISTS (SELECT FROM attempt a WHERE a.id = t.attempt AND a.state <> 'ended') THEN 'restarting' END
   WHERE pk = ANY($1::bigint[])`,
);

const readTallies = prepared<{ task_id: string }>('read_expanded', 'SELECT task_id FROM task_tally WHERE run = $1::bigint');
const readTaskIds = prepared<{ there: string[]; only_tasks: string[] | null }>(
  'read_task_ids',
  `SELECT only_tasks, ARRAY(SELECT DISTINCT task_id FROM task_instance WHERE run = r.pk AND state IS DISTINCT FROM 'removed') AS there
   FROM dag_run r WHERE pk = $1::bigint`,
);

/** What their instances returned goes with them: nobody may read it as an element of the next map. */
const unexpandRows = prepared(
  'unexpand_tasks',
  `WITH counts AS (DELETE FROM task_tally WHERE run = $1::bigint AND task_id = ANY($2::text[])),
   under_way AS (DELETE FROM expansion WHERE run = $1::bigint AND owner = ANY($3::text[])),
   outputs AS (DELETE FROM xcom WHERE run = $1::bigint AND task_id = ANY($2::text[]) AND map_index >= 0),
   gone AS (
     UPDATE task_instance SET state = 'removed', reason = 'cleared', admissible = false, due_at = NULL, end_date = clock_timestamp()
     WHERE run = $1::bigint AND task_id = ANY($2::text[]) AND map_index >= 0 AND state IS DISTINCT FROM 'removed'),
   model AS (
     SELECT DISTINCT ON (task_id) task_id, lane, pool, pool_slots, rank_class, priority, run_after FROM task_instance
     WHERE run = $1::bigint AND task_id = ANY($2::text[]) ORDER BY task_id, pk)
   INSERT INTO task_instance AS t (run, task_id, reason, lane, pool, pool_slots, rank_class, priority, run_after)
   SELECT $1::bigint, task_id, 'cleared', lane, pool, pool_slots, rank_class, priority, run_after FROM model
   ON CONFLICT (run, task_id, map_index) DO UPDATE SET state = NULL, reason = 'cleared', end_date = NULL`,
);

const updateRun = prepared<{ state: 'queued' | 'running' | 'success' | 'failed' }>(
  'clear_run_row',
  `UPDATE dag_run SET seq = seq + 1, state = CASE WHEN $2 THEN 'queued' ELSE state END,
     queued_at = CASE WHEN $2 THEN clock_timestamp() ELSE queued_at END, start_date = CASE WHEN $2 THEN NULL ELSE start_date END,
     end_date = CASE WHEN $2 THEN NULL ELSE end_date END, deadline_at = CASE WHEN $2 THEN NULL ELSE deadline_at END,
     end_reason = CASE WHEN $2 OR state = 'running' THEN NULL ELSE end_reason END, retry_at = CASE WHEN $2 THEN NULL ELSE retry_at END,
     keep_version = $3, version = coalesce($4::uuid, version), conf = coalesce($5::jsonb, conf), waits_for_past = false,
     retries_used = CASE WHEN $6 THEN retries_used + 1 WHEN $2 THEN 0 ELSE retries_used END,
     only_tasks = CASE WHEN only_tasks IS NOT NULL THEN ARRAY(SELECT DISTINCT unnest(only_tasks || $7::text[])) END
   WHERE pk = $1::bigint RETURNING state`,
);

const readCurrentVersion = prepared<{ current_version: VersionId | null; keeps: boolean }>(
  'read_current_version',
  `SELECT d.current_version, coalesce((v.spec->>'rerunWithLatestVersion')::boolean, true) = false AS keeps
   FROM dag d LEFT JOIN dag_version v ON v.id = d.current_version WHERE d.dag_id = $1`,
);

/** A clear that does not say which version: as the DAG has it. */
export async function defaultVersion(client: PoolClient, dagId: string): Promise<'latest' | 'own'> {
  const { rows } = await readCurrentVersion(client, dagId);
  return rows[0]?.keeps ? 'own' : 'latest';
}

/** Under the run's lock. */
export async function clearLocked(
  context: LedgerContext,
  client: PoolClient,
  row: LockedRow,
  request: Omit<ClearRequest, 'run'>,
): Promise<TaskVerdict> {
  const { pk: run } = row;
  const { tasks, onlyStates, version, conf, runRetry = false, keepRunState = false } = request;
  const newest = (await readCurrentVersion(client, row.dag_id)).rows[0]?.current_version ?? null;
  const target = (version === 'own' ? row.version : newest) ?? row.version ?? newest;
  const dag = target === null ? null : await load(context, client, target);

  const isAnew = tasks === null && !onlyStates;
  const meant = await chooseTasks(client, run, tasks, onlyStates ?? null);
  const helpers = dag && !isAnew ? setupsFor(dag, tasks ?? [], meant) : [];
  const chosen = helpers.length === 0 ? meant : unite(meant, await chooseTasks(client, run, helpers));
  const wanted = onlyStates ? [] : wholeTasks(tasks ?? []);
  const added = dag && row.version !== null ? await missingTasks(client, run, dag, wanted, target !== row.version) : [];
  if (chosen.length === 0 && !isAnew && !added.some((id) => wanted.includes(id)))
    return { run, tasks: [], below: [], added: [], version: target, from: row.state, to: row.state };
  await stopTasks(client, chosen, 'cleared');
  await forgetUnbegun(client, run);
  const unexpanded =
    dag && !onlyStates ? await unexpand(client, run, dag, tasks && new Set(wholeTasks([...tasks, ...helpers]))) : new Set<string>();
  const cleared = chosen.filter(({ task_id }) => !unexpanded.has(task_id));
  await clearRows(
    client,
    cleared.map(({ pk }) => pk),
  );
  const below = dag ? tasksBelow(dag, taskIdsOf(chosen)) : new Set<string>();
  const undecided = await undecideBelow(client, run, below, chosen);

  const isQueued = row.state === 'queued' || ((isAnew || isRunFinished(row.state)) && !keepRunState);
  const repinned = row.state === 'running' && !isQueued && dag && (target !== row.version || added.length > 0);
  const { rows: after } = await updateRun(
    client,
    run,
    isQueued,
    version === 'own' && row.version !== null,
    repinned ? target : null,
    conf && JSON.stringify(conf),
    runRetry,
    wanted,
  );
  if (repinned) await makeTasks(context, client, dag, [run]);
  await recountTallies(client, run, taskIdsOf([...chosen, ...undecided]));
  return {
    run,
    tasks: changedTasks(chosen),
    below: changedTasks(undecided),
    added,
    version: target,
    from: row.state,
    to: after[0]!.state,
  };
}

/** A task runs again with its setups and their teardowns, whatever states these are in; inside a mapped group, with those of its own index. */
function setupsFor(dag: CompiledDag, tasks: readonly TaskSelection[], meant: readonly ChosenTask[]): TaskSelection[] {
  const ids = new Set(meant.map(({ task_id }) => task_id));
  const whole = new Set(wholeTasks(tasks));
  return withSetupsAndTeardowns(dag, [...ids]).flatMap((taskId) => {
    if (ids.has(taskId) && whole.has(taskId)) return [];
    const { spec, mappedGroup: group } = dag.tasks.get(taskId)!;
    if (!spec.setup && !spec.teardown) return [];
    const near = meant.filter(({ task_id }) => group !== null && dag.tasks.get(task_id)?.mappedGroup === group);
    const isSplit = near.length > 0 && near.every(({ task_id, map_index }) => !whole.has(task_id) && map_index >= 0);
    if (ids.has(taskId) && !isSplit) return [];
    return [{ taskId, mapIndexes: isSplit ? [...new Set(near.map(({ map_index }) => map_index))] : null }];
  });
}

function unite(some: readonly ChosenTask[], more: readonly ChosenTask[]): ChosenTask[] {
  return [...new Map([...some, ...more].map((task) => [task.pk, task])).values()];
}

async function load({ versions }: LedgerContext, client: PoolClient, version: VersionId): Promise<CompiledDag> {
  await versions.load(client, [version]);
  return versions.get(version).dag;
}

/**
 * Expanded tasks among `whole` (null: all) become placeholders again. Those of a mapped group only together with the whole group and with
 * something that it maps over; cleared alone, their instances are kept.
 */
async function unexpand(client: PoolClient, run: RunPk, dag: CompiledDag, whole: ReadonlySet<string> | null): Promise<Set<string>> {
  const { rows } = await readTallies(client, run);
  const isCleared = (taskId: string) => whole === null || whole.has(taskId);
  const expanded = rows.map(({ task_id }) => task_id).filter((id) => isCleared(id) && (groupIsCleared(dag, id, isCleared) ?? true));
  if (expanded.length === 0) return new Set();
  const groups = expanded.flatMap((id) => dag.tasks.get(id)?.mappedGroup ?? []);
  await unexpandRows(client, run, expanded, [...expanded, ...groups]);
  return new Set(expanded);
}

/** Null: the task is in no mapped group. */
function groupIsCleared(dag: CompiledDag, taskId: string, isCleared: (taskId: string) => boolean): boolean | null {
  const group = dag.tasks.get(taskId)?.mappedGroup ?? null;
  if (group === null) return null;
  const { tasks, sources } = dag.expansions.get(group)!;
  return tasks.every(isCleared) && (sources.length === 0 || sources.some(isCleared));
}

/**
 * Tasks that the run will have and does not have yet: those that came with the version, and those that are asked for by name, also where the
 * run was to have only some of the tasks.
 */
async function missingTasks(
  client: PoolClient,
  run: RunPk,
  dag: CompiledDag,
  wanted: readonly string[],
  isOtherVersion: boolean,
): Promise<string[]> {
  const { rows } = await readTaskIds(client, run);
  const { there, only_tasks: only } = rows[0]!;
  const comes = (id: string) => wanted.includes(id) || (isOtherVersion && (only?.includes(id) ?? true));
  return dag.order.map((task) => task.spec.id).filter((id) => !there.includes(id) && comes(id));
}
