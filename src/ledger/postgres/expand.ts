/**
 * Makes the instances of a mapped task or group, outside of the hop and in chunks: 100,000 rows take most of a second. Each chunk is one
 * transaction under the run's lock that also counts its instances and moves the expansion on, so a crash or a second scheduler at any point
 * loses and doubles nothing. While rows are missing the tally's sum is below its length, so nothing below takes the task for finished.
 */
import type { PoolClient } from 'pg';
import { mapLengths, mapSourceOf } from '../../core/map-lengths';
import type { MapLengths, MapSource } from '../../core/map-lengths';
import type { CompiledDag, CompiledTask, Expansion } from '../../dag-spec/compiled-dag';
import type { RunPk } from '../ledger';
import { inTransaction, prepared, storable } from './connections';
import { laneOf } from './context';
import type { LedgerContext } from './context';
import { insertWakes, lockRuns, updateRuns } from './lock-runs';
import { oneByOne } from './one-by-one';
import { wakeNextRuns } from './past';
import { countOf, TALLY_COLUMNS } from './tally-sql';

const ROWS_PER_CHUNK = 1_000;

/** Those of a run that is queued or has ended (it was timed out) go on when it has started again. */
const findExpansions = prepared<{ run: RunPk; owner: string }>(
  'find_expansions',
  `SELECT e.run, e.owner FROM expansion e JOIN dag_run r ON r.pk = e.run WHERE r.state = 'running' ORDER BY e.at, e.run, e.owner LIMIT $1`,
);

/** Returns the runs that got on: a chunk of each of the expansions that have waited longest. */
export async function expandTasks(context: LedgerContext, limit: number): Promise<RunPk[]> {
  const { rows } = await findExpansions(context.pool, limit);
  const runs = await oneByOne(
    rows,
    async ({ run, owner }) => ((await expandChunk(context, run, owner)) ? [run] : []),
    ({ run, owner }) => postpone(context.pool, run, owner),
  );
  return [...new Set(runs)];
}

const postpone = prepared('postpone_expansion', 'UPDATE expansion SET at = clock_timestamp() WHERE run = $1::bigint AND owner = $2');

interface Progress {
  /** Null until the first chunk. */
  lengths: number[] | null;
  next_index: number;
}
const readProgress = prepared<Progress>(
  'read_expansion',
  'SELECT lengths, next_index FROM expansion WHERE run = $1::bigint AND owner = $2',
);
const deleteProgress = prepared('delete_expansion', 'DELETE FROM expansion WHERE run = $1::bigint AND owner = $2');
const moveOn = prepared(
  'move_expansion_on',
  'UPDATE expansion SET lengths = $3, next_index = $4, at = clock_timestamp() WHERE run = $1::bigint AND owner = $2',
);

async function expandChunk(context: LedgerContext, run: RunPk, owner: string): Promise<boolean> {
  return inTransaction(context.pool, async (client) => {
    const { rows } = await lockRuns(client, [run]);
    const row = rows[0];
    const progress = (await readProgress(client, run, owner)).rows[0];
    if (!row || !progress) return false; // somebody else was quicker
    if (row.state !== 'running') return false;
    const dag = row.version === null ? null : await load(context, client, row.version);
    const expansion = dag?.expansions.get(owner);
    if (!dag || !expansion) await deleteProgress(client, run, owner);
    else await work(context, client, { run, dag, expansion, progress });

    await updateRuns(client, [{ run }]);
    await insertWakes(client, [run], 'expanded');
    return true;
  });
}

async function load({ versions }: LedgerContext, client: PoolClient, version: string): Promise<CompiledDag> {
  await versions.load(client, [version]);
  return versions.get(version).dag;
}

interface Work {
  readonly run: RunPk;
  readonly dag: CompiledDag;
  readonly expansion: Expansion;
  readonly progress: Progress;
}

async function work(context: LedgerContext, client: PoolClient, { run, dag, expansion, progress }: Work): Promise<void> {
  const { owner, tasks } = expansion;
  if (progress.lengths === null) {
    // A task that came to a group which is expanded already has as many instances as the others.
    const [other] = (await readTallies(client, run, tasks)).rows;
    const found = other ? { ok: true as const, ...other } : await lengthsOf(client, run, expansion);
    if (found.ok && found.length > 0) await replacePlaceholders(client, run, tasks, found.lengths, found.length);
    else await endUnexpanded(client, run, dag, expansion, found.ok ? null : found.error);
  }
  // Those that a person has marked meanwhile stay as they are: shorter than the others, when the marking came in the middle.
  const { rows: counted } = await readTallies(client, run, tasks);
  const length = Math.max(0, ...counted.map((tally) => tally.length));
  const tallies = counted.filter((tally) => tally.length === length);
  const lengths = tallies[0]?.lengths ?? [];
  const from = progress.next_index;
  const upTo = Math.min(length, from + Math.max(1, Math.floor(ROWS_PER_CHUNK / tasks.length)));
  for (const { task_id: id } of tallies) await insertInstances(context, client, run, dag.tasks.get(id)!, from, upTo);
  if (upTo >= length) await deleteProgress(client, run, owner);
  else await moveOn(client, run, owner, lengths, upTo);
}

const readTallies = prepared<{ task_id: string; lengths: number[]; length: number }>(
  'read_lengths',
  'SELECT task_id, lengths, length FROM task_tally WHERE run = $1::bigint AND task_id = ANY($2::text[])',
);

const readOutputs = prepared<{ task_id: string; mapped: boolean; outputs: number; value: string | null }>(
  'read_map_sources',
  `SELECT n.task_id, y.run IS NOT NULL AS mapped,
     CASE WHEN y.run IS NOT NULL THEN (
       SELECT count(*)::int FROM xcom x JOIN task_instance t ON t.run = x.run AND t.task_id = x.task_id AND t.map_index = x.map_index
       WHERE x.run = $1::bigint AND x.task_id = n.task_id AND x.map_index >= 0 AND x.key = 'return_value' AND t.state IS DISTINCT FROM 'removed') END AS outputs,
     CASE WHEN y.run IS NULL THEN (
       SELECT x.value FROM xcom x WHERE x.run = $1::bigint AND x.task_id = n.task_id AND x.map_index = -1 AND x.key = 'return_value') END AS value
   FROM unnest($2::text[]) AS n(task_id) LEFT JOIN task_tally y ON y.run = $1::bigint AND y.task_id = n.task_id`,
);

/** Of a mapped source each instance with an output is an element. */
async function lengthsOf(client: PoolClient, run: RunPk, { owner, spec, sources }: Expansion): Promise<MapLengths> {
  const { rows } = sources.length > 0 ? await readOutputs(client, run, sources) : { rows: [] };
  const found = new Map<string, MapSource>(
    rows.map((row) => [row.task_id, row.mapped ? { kind: 'elements', length: row.outputs } : mapSourceOf(row.value)]),
  );
  return mapLengths(owner, spec, (taskId) => found.get(taskId)!);
}

/** $2 tasks, $3 error or null, $4 those with a callback for failures. */
const endPlaceholders = prepared(
  'end_placeholders',
  `WITH ended AS (
     UPDATE task_instance t SET state = CASE WHEN $3::json IS NULL THEN 'skipped' ELSE 'failed' END, reason = CASE WHEN $3::json IS NULL THEN 'rule' ELSE 'executed' END,
       start_date = coalesce(t.start_date, clock_timestamp()), end_date = clock_timestamp()
     WHERE t.run = $1::bigint AND t.task_id = ANY($2::text[]) AND t.map_index = -1 AND t.state IS NULL RETURNING t.pk, t.run, t.task_id, t.state),
   told AS (
     INSERT INTO callback (run, ti, event, version, reason, error)
     SELECT ended.run, ended.pk, 'failure', r.version, 'executed', $3::json FROM ended JOIN dag_run r ON r.pk = ended.run
     WHERE ended.state = 'failed' AND ended.task_id = ANY($4::text[]))
   INSERT INTO ti_detail (ti, error) SELECT pk, $3::json FROM ended WHERE state = 'failed' ON CONFLICT (ti) DO UPDATE SET error = excluded.error`,
);

/** Nothing to map over skips; what cannot be mapped over fails, with a sentence that the task's page shows. */
async function endUnexpanded(client: PoolClient, run: RunPk, dag: CompiledDag, { tasks }: Expansion, error: string | null): Promise<void> {
  const told = tasks.filter((id) => dag.tasks.get(id)!.spec.callbacks?.includes('failure'));
  const stored = error === null ? null : JSON.stringify({ name: 'MapError', message: storable(error), stack: null });
  await endPlaceholders(client, run, tasks, stored, told);
  if (dag.usesPast.length > 0) await wakeNextRuns(client, [run]);
}

const replacePlaceholders = prepared(
  'replace_placeholders',
  `WITH gone AS (DELETE FROM task_instance WHERE run = $1::bigint AND task_id = ANY($2::text[]) AND map_index = -1 AND state IS NULL RETURNING task_id)
   INSERT INTO task_tally (run, task_id, lengths, length) SELECT $1::bigint, task_id, $3::int[], $4 FROM gone`,
);

/**
 * $3 from, $4 to (exclusive), $5 the state of those that are new. One that an earlier expansion made (`removed`) comes back with its try
 * number; while its last attempt is still being stopped as `restarting`, undecided when that has ended.
 */
const insertRows = prepared(
  'insert_instances',
  `WITH made AS (
     INSERT INTO task_instance AS t (run, task_id, map_index, state, scheduled_at, lane, pool, pool_slots, priority, rank_class, run_after)
     SELECT r.pk, $2, i, $5, CASE WHEN $5 = 'scheduled' THEN clock_timestamp() END, $6, $7, $8, $9, CASE WHEN r.run_type = 'backfill' THEN 1 ELSE 0 END, r.run_after
     FROM dag_run r CROSS JOIN generate_series($3::int, $4::int - 1) i WHERE r.pk = $1::bigint ORDER BY i
     ON CONFLICT (run, task_id, map_index) DO UPDATE SET
       state = CASE WHEN EXISTS (SELECT FROM attempt a WHERE a.id = t.attempt AND a.state <> 'ended') THEN 'restarting' ELSE excluded.state END,
       reason = NULL, admissible = false, due_at = NULL, branch = NULL, retries_used = 0, lost_in_a_row = 0, piece = 0, scheduled_at = excluded.scheduled_at,
       start_date = NULL, end_date = NULL, lane = excluded.lane, pool = excluded.pool, pool_slots = excluded.pool_slots, priority = excluded.priority,
       rank_class = excluded.rank_class, run_after = excluded.run_after
     WHERE t.state = 'removed'
     RETURNING t.map_index, t.state, t.admissible),
   outputs AS (DELETE FROM xcom x USING made WHERE x.run = $1::bigint AND x.task_id = $2 AND x.map_index = made.map_index),
   counts AS (SELECT ${TALLY_COLUMNS.map((c) => `count(*) FILTER (WHERE ${countOf('made')} = '${c}')::int AS ${c}`).join(', ')} FROM made)
   UPDATE task_tally y SET ${TALLY_COLUMNS.map((c) => `${c} = y.${c} + counts.${c}`).join(', ')} FROM counts WHERE y.run = $1::bigint AND y.task_id = $2`,
);
/** Those of a mapped task wait for the gate: its rule was met before. Those of a group follow their rules, each at its own index. */
async function insertInstances(
  context: LedgerContext,
  client: PoolClient,
  run: RunPk,
  task: CompiledTask,
  from: number,
  to: number,
): Promise<void> {
  const { id, executor, pool, poolSlots } = task.spec;
  const state = task.mappedGroup === null ? 'scheduled' : null;
  await insertRows(client, run, id, from, to, state, laneOf(context, executor), pool, poolSlots, task.priority);
}
