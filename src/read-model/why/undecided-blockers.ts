/** Why nothing has been decided about a task: what is above it, what it is mapped over, and the run before. */
import type { Pool } from 'pg';
import type { CompiledDag, CompiledTask } from '../../dag-spec/compiled-dag';
import { named } from './blocker';
import type { Blocker } from './blocker';
import type { WhyRun } from './run-blockers';

export interface WhyUndecided {
  readonly taskId: string;
  readonly mapIndex: number;
}

interface OpenTask {
  readonly taskId: string;
  readonly state: string;
}

export async function undecidedBlockers(pool: Pool, run: WhyRun, task: WhyUndecided, dag: CompiledDag): Promise<Blocker[]> {
  const compiled = dag.tasks.get(task.taskId);
  if (!compiled) return [];
  const { triggerRule } = compiled.spec;
  const owner = compiled.mappedGroup ?? (compiled.spec.expand ? compiled.spec.id : null);
  const sources = owner === null || task.mapIndex >= 0 ? [] : (dag.expansions.get(owner)?.sources ?? []);
  const indirectSetups = compiled.setups.filter((id) => !compiled.upstream.includes(id));
  const open = await readOpen(pool, run.pk, dag, compiled, task.mapIndex, [...compiled.upstream, ...sources, ...indirectSetups]);
  const among = (ids: readonly string[]) => open.filter(({ taskId }) => ids.includes(taskId));

  const blockers: Blocker[] = [];
  const upstream = among(compiled.upstream.filter((id) => !sources.includes(id)));
  if (upstream.length > 0) {
    const many = upstream.length === 1 ? 'a task' : `${upstream.length} tasks`;
    blockers.push({ kind: 'upstream', text: `Its trigger rule ${triggerRule} waits for ${many} before it.`, tasks: upstream });
  }
  const mapped = among(sources);
  if (mapped.length > 0) blockers.push({ kind: 'sources', text: 'What it is mapped over is not complete.', tasks: mapped });
  const setups = among(indirectSetups);
  if (setups.length > 0) blockers.push({ kind: 'setup', text: 'It runs once its setup has succeeded.', tasks: setups });
  if (blockers.length > 0) return blockers;

  if (owner !== null && task.mapIndex < 0 && (await isExpanding(pool, run.pk, owner))) {
    return [{ kind: 'expanding', text: 'Its instances are being made.' }];
  }
  const past = await pastBlocker(pool, run, compiled);
  return past ? [past] : [{ kind: 'next', text: 'Nothing: it is about to be decided.' }];
}

/** Those of `ids` that have not ended; of a task of the same mapped group, the instance of the same index. An expanded one with its counts. */
async function readOpen(
  pool: Pool,
  run: number,
  dag: CompiledDag,
  task: CompiledTask,
  mapIndex: number,
  ids: readonly string[],
): Promise<OpenTask[]> {
  const ofIndex = ids.filter((id) => mapIndex >= 0 && task.mappedGroup !== null && dag.tasks.get(id)?.mappedGroup === task.mappedGroup);
  const { rows } = await pool.query<OpenTask>(
    `SELECT t.task_id AS "taskId", coalesce(t.state, 'none') AS state FROM task_instance t
     WHERE t.run = $1 AND t.task_id = ANY ($2) AND t.map_index = CASE WHEN t.task_id = ANY ($3) THEN $4 ELSE -1 END
       AND (t.state IS NULL OR t.state NOT IN ('success','failed','skipped','upstream_failed','removed'))
     UNION ALL
     SELECT y.task_id, CASE WHEN y.active > 0 THEN 'running' WHEN y.sleeping > 0 THEN 'up_for_retry' WHEN y.waiting > 0 THEN 'scheduled' ELSE 'none' END
     FROM task_tally y WHERE y.run = $1 AND y.task_id = ANY ($2) AND y.task_id <> ALL ($3)
       AND y.success + y.failed + y.skipped + y.upstream_failed < y.length
     ORDER BY 1`,
    [run, [...new Set(ids)], ofIndex, mapIndex],
  );
  return rows;
}

async function isExpanding(pool: Pool, run: number, owner: string): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT FROM expansion WHERE run = $1 AND owner = $2', [run, owner]);
  return rowCount === 1;
}

/** The rule of the ledger: the run before by logical date, this task there and, with waitForDownstream, those right behind it. */
async function pastBlocker(pool: Pool, run: WhyRun, { spec, downstream }: CompiledTask): Promise<Blocker | null> {
  if (!spec.dependsOnPast && !spec.waitForDownstream) return null;
  const needed = spec.waitForDownstream ? [spec.id, ...downstream] : [spec.id];
  const { rows } = await pool.query<{ runId: string; runState: string; taskId: string | null; state: string | null }>(
    `SELECT p.run_id AS "runId", p.state AS "runState", t.task_id AS "taskId", coalesce(t.state, 'none') AS state
     FROM dag_run r CROSS JOIN LATERAL (
       SELECT * FROM dag_run p WHERE p.dag_id = r.dag_id AND p.logical_date < r.logical_date ORDER BY p.logical_date DESC LIMIT 1) p
       LEFT JOIN task_instance t ON t.run = p.pk AND t.task_id = ANY ($2) AND (t.state IS NULL OR t.state NOT IN ('success','skipped','removed'))
     WHERE r.pk = $1 AND r.backfill_ordinal IS DISTINCT FROM 0 ORDER BY t.pk LIMIT 20`,
    [run.pk, needed],
  );
  const before = rows[0];
  const open = [...new Set(rows.flatMap(({ taskId, state }) => (taskId === null ? [] : [`${taskId} (${state})`])))];
  if (!before || (open.length === 0 && before.runState !== 'queued')) return null;
  const option = spec.waitForDownstream ? 'waitForDownstream' : 'dependsOnPast';
  const what = open.length === 0 ? 'has not started' : `has to succeed in ${named(open)} first`;
  return { kind: 'past', text: `With ${option} the run before it, ${before.runId}, ${what}.`, runs: [before.runId] };
}
