/** What there is of runs of other DAGs: one statement for all questions of a moment. Asked by sensors, and by the triggerer for those that are deferred. */
import type { Pool } from 'pg';
import type { ExternalRun } from '../core/external-task';
import type { RunState } from '../core/states';
import type { ExternalQuery } from '../core/waits';
import type { DagTasks } from './execution-api';

interface Row {
  readonly n: number;
  readonly i: number;
  readonly state: RunState | null;
  readonly tasks: Record<string, string[]> | null;
  readonly group_tasks: string[] | null;
}

/** @returns for each query its runs, in the order of its logical dates, then of its run ids */
export async function selectExternalRuns(pool: Pool, queries: readonly ExternalQuery[]): Promise<ExternalRun[][]> {
  if (queries.length === 0) return [];
  const { rows } = await pool.query<Row>({ name: 'external_runs', text: sql, values: [JSON.stringify(queries)] });
  const answers: ExternalRun[][] = queries.map(() => []);
  for (const { n, i, state, tasks, group_tasks: groupTasks } of rows)
    answers[n - 1]![i - 1] = { state, tasks: tasks ?? {}, groupTasks: groupTasks ?? [] };
  return answers;
}

/** While an expanded task's instances are still being made, those that are missing count as undecided. */
const sql = `
  SELECT q.n::int, d.i::int, r.state, g.ids AS group_tasks, t.tasks
  FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS q(query, n)
    CROSS JOIN LATERAL (
      SELECT row_number() OVER (ORDER BY one.kind, one.i) AS i, one.at, one.run_id FROM (
        SELECT 1 AS kind, i, to_timestamp(at::bigint / 1000.0) AS at, NULL AS run_id
          FROM jsonb_array_elements_text(q.query->'logicalDates') WITH ORDINALITY AS a(at, i)
        UNION ALL SELECT 2, i, NULL, run_id FROM jsonb_array_elements_text(q.query->'runIds') WITH ORDINALITY AS b(run_id, i)) one) d
    LEFT JOIN LATERAL (
      SELECT pk, state, version FROM dag_run WHERE dag_id = q.query->>'dagId' AND logical_date = d.at
      UNION ALL SELECT pk, state, version FROM dag_run WHERE dag_id = q.query->>'dagId' AND run_id = d.run_id) r ON true
    LEFT JOIN LATERAL (
      SELECT array_agg(s->>'id') AS ids FROM dag_version v, json_array_elements(v.spec->'tasks') AS s
      WHERE q.query->>'groupId' IS NOT NULL AND v.id = r.version
        AND (s->>'group' = q.query->>'groupId' OR starts_with(s->>'group', q.query->>'groupId' || '.'))) g ON true
    LEFT JOIN LATERAL (
      SELECT jsonb_object_agg(each.task_id, each.states) AS tasks FROM (
        SELECT ti.task_id, array_agg(DISTINCT coalesce(ti.state, 'none')) || CASE WHEN EXISTS (
            SELECT FROM task_tally y WHERE y.run = r.pk AND y.task_id = ti.task_id
              AND y.none + y.waiting + y.active + y.sleeping + y.success + y.failed + y.skipped + y.upstream_failed < y.length)
          THEN '{none}'::text[] ELSE '{}' END AS states
        FROM task_instance ti
        WHERE ti.run = r.pk AND ti.state IS DISTINCT FROM 'removed'
          AND (ti.task_id IN (SELECT jsonb_array_elements_text(nullif(q.query->'taskIds', 'null'))) OR ti.task_id = ANY (g.ids))
        GROUP BY ti.task_id) each) t ON true
  ORDER BY q.n, d.i`;

/** @returns for each the run's state; null: there is no such run */
export async function selectRunStates(
  pool: Pool,
  runs: readonly { readonly dagId: string; readonly runId: string }[],
): Promise<(RunState | null)[]> {
  const { rows } = await pool.query<{ state: RunState | null }>({
    name: 'run_states',
    text: `SELECT r.state FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q(dag_id, run_id, n)
       LEFT JOIN dag_run r ON r.dag_id = q.dag_id AND r.run_id = q.run_id ORDER BY q.n`,
    values: [runs.map(({ dagId }) => dagId), runs.map(({ runId }) => runId)],
  });
  return rows.map(({ state }) => state);
}

export async function selectDagTasks(pool: Pool, dagId: string): Promise<DagTasks | null> {
  const { rows } = await pool.query<{ task_ids: string[]; group_ids: string[] }>(
    `SELECT array(SELECT t->>'id' FROM json_array_elements(v.spec->'tasks') t) AS task_ids,
       array(SELECT g->>'id' FROM json_array_elements(v.spec->'groups') g) AS group_ids
     FROM dag d JOIN dag_version v ON v.id = d.current_version WHERE d.dag_id = $1 AND d.is_active`,
    [dagId],
  );
  return rows[0] ? { taskIds: rows[0].task_ids, groupIds: rows[0].group_ids } : null;
}
