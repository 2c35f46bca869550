import type { PoolClient } from 'pg';
import type { AlsoCommit, CreateRunResult, NewRun, RunPk } from '../ledger';
import { inTransaction, prepared, timestamp } from './connections';
import type { LedgerContext } from './context';

const insert = prepared<{ pk: RunPk; dag_id: string; run_id: string }>(
  'create_runs',
  `INSERT INTO dag_run (dag_id, run_id, run_type, logical_date, interval_start, interval_end, run_after, conf, triggered_by, triggering_user, note,
     backfill_id, backfill_ordinal)
   SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::jsonb[],
     $9::text[], $10::text[], $11::text[], $12::bigint[], $13::int[])
   ON CONFLICT DO NOTHING RETURNING pk, dag_id, run_id`,
);

/** Of each (dag, run id, logical date) the run in the way; the same run id is the plainer reason. */
const findClashes = prepared<{ i: number; pk: RunPk; clash: 'run_id' | 'logical_date' }>(
  'find_clashing_runs',
  `SELECT DISTINCT ON (n.i) n.i::int AS i, r.pk, CASE WHEN r.run_id = n.run_id THEN 'run_id' ELSE 'logical_date' END AS clash
   FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[]) AS n(i, dag_id, run_id, logical_date)
   CROSS JOIN LATERAL (
     SELECT pk, run_id FROM dag_run WHERE dag_id = n.dag_id AND run_id = n.run_id
     UNION ALL SELECT pk, run_id FROM dag_run WHERE dag_id = n.dag_id AND logical_date = n.logical_date) r
   ORDER BY n.i, r.run_id = n.run_id DESC`,
);

/** The unique constraints decide which of two racing creators wins; the other is told whose run is there. */
export async function createRuns(
  { pool }: LedgerContext,
  runs: readonly NewRun[],
  also?: AlsoCommit<readonly CreateRunResult[]>,
): Promise<readonly CreateRunResult[]> {
  if (runs.length === 0 && !also) return [];
  return inTransaction(pool, async (client) => {
    const results = await createIn(client, runs);
    await also?.(client, results);
    return results;
  });
}

async function createIn(client: PoolClient, runs: readonly NewRun[]): Promise<CreateRunResult[]> {
  const of = <T>(value: (run: NewRun) => T) => runs.map(value);
  const { rows } = await insert(
    client,
    of((run) => run.dagId),
    of((run) => run.runId),
    of((run) => run.runType),
    of((run) => timestamp(run.logicalDate)),
    of((run) => timestamp(run.interval?.start ?? null)),
    of((run) => timestamp(run.interval?.end ?? null)),
    of((run) => timestamp(run.runAfter)),
    of((run) => JSON.stringify(run.conf)),
    of((run) => run.triggeredBy),
    of((run) => run.triggeringUser),
    of((run) => run.note),
    of((run) => run.backfill?.id ?? null),
    of((run) => run.backfill?.ordinal ?? null),
  );
  // A run id given twice in one call was created once: the first takes it.
  const created = new Map(rows.map((row) => [keyOf(row.dag_id, row.run_id), row.pk]));
  const mine = runs.map((run) => {
    const pk = created.get(keyOf(run.dagId, run.runId));
    created.delete(keyOf(run.dagId, run.runId));
    return pk;
  });

  const refused = runs.flatMap((run, i) => (mine[i] === undefined ? [{ i, run }] : []));
  const clashes = new Map<number, { pk: RunPk; clash: 'run_id' | 'logical_date' }>();
  if (refused.length > 0) {
    const found = await findClashes(
      client,
      refused.map(({ i }) => i),
      refused.map(({ run }) => run.dagId),
      refused.map(({ run }) => run.runId),
      refused.map(({ run }) => timestamp(run.logicalDate)),
    );
    for (const row of found.rows) clashes.set(row.i, row);
  }
  return runs.map((run, i) => {
    if (mine[i] !== undefined) return { created: true, run: mine[i] };
    const { pk, clash } = clashes.get(i)!;
    return { created: false, run: pk, clash };
  });
}

const keyOf = (dagId: string, runId: string) => `${dagId} ${runId}`;
