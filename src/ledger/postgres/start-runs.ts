/**
 * queued → running, within the limits on active runs. Locks in the one order that everybody keeps: the candidates' rows by pk, then their
 * DAGs by id, then their backfills by id; the running ones are counted after that, in a newer snapshot, so that schedulers that start
 * runs of one DAG at the same moment never start too many.
 */
import type { PoolClient } from 'pg';
import type { Instant } from '../../core/time';
import type { RunPk, VersionId } from '../ledger';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { insertWakes } from './lock-runs';
import { makeTasks } from './make-tasks';

/** A DAG's own runs, or one backfill's: each has its own limit. The oldest queued ones that might start, without any lock. */
const findCandidates = prepared<{ pk: RunPk; dag_id: string; backfill_id: number | null }>(
  'find_queued_runs',
  `WITH line AS (SELECT DISTINCT dag_id, backfill_id FROM dag_run WHERE state = 'queued'),
   open AS (
     SELECT l.dag_id, l.backfill_id, coalesce(b.max_active_runs, d.max_active_runs) - (
       SELECT count(*) FROM dag_run r WHERE r.dag_id = l.dag_id AND r.backfill_id IS NOT DISTINCT FROM l.backfill_id AND r.state = 'running') AS room
     FROM line l JOIN dag d ON d.dag_id = l.dag_id LEFT JOIN backfill b ON b.id = l.backfill_id
     WHERE d.current_version IS NOT NULL AND d.is_active AND CASE WHEN b.id IS NULL THEN NOT d.is_paused ELSE NOT b.is_paused OR b.completed_at IS NOT NULL END)
   SELECT x.pk, open.dag_id, open.backfill_id FROM open CROSS JOIN LATERAL (
     SELECT r.pk, r.run_after FROM dag_run r
     WHERE r.dag_id = open.dag_id AND r.backfill_id IS NOT DISTINCT FROM open.backfill_id AND r.state = 'queued' AND r.run_after <= clock_timestamp()
     ORDER BY r.backfill_ordinal, r.run_after, r.pk LIMIT greatest(open.room, 0)) x
   ORDER BY open.backfill_id IS NOT NULL, x.run_after, x.pk LIMIT $1`,
);

const lockRows = prepared<{ pk: RunPk }>(
  'lock_queued_runs',
  `SELECT pk FROM dag_run WHERE pk = ANY($1::bigint[]) AND state = 'queued' ORDER BY pk FOR NO KEY UPDATE`,
);
const lockDags = prepared('lock_dags', 'SELECT FROM dag WHERE dag_id = ANY($1::text[]) ORDER BY dag_id FOR NO KEY UPDATE');
const lockBackfills = prepared('lock_backfills', 'SELECT FROM backfill WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE');

/** Under the locks: of the candidates those that fit, each with the version that it takes: the newest, unless it was cleared to keep its own. */
const chooseRuns = prepared<{
  pk: RunPk;
  run_after: Instant;
  backfill_id: number | null;
  version: VersionId;
}>(
  'choose_runs',
  `SELECT pk, run_after, backfill_id, version FROM (
     SELECT r.pk, r.run_after, r.backfill_id, CASE WHEN r.keep_version AND r.version IS NOT NULL THEN r.version ELSE d.current_version END AS version,
       row_number() OVER (PARTITION BY r.dag_id, r.backfill_id ORDER BY r.backfill_ordinal, r.run_after, r.pk) AS place,
       coalesce(b.max_active_runs, d.max_active_runs) - (SELECT count(*) FROM dag_run o
         WHERE o.dag_id = r.dag_id AND o.backfill_id IS NOT DISTINCT FROM r.backfill_id AND o.state = 'running') AS room
     FROM dag_run r JOIN dag d ON d.dag_id = r.dag_id LEFT JOIN backfill b ON b.id = r.backfill_id
     WHERE r.pk = ANY($1::bigint[]) AND r.state = 'queued' AND d.current_version IS NOT NULL AND d.is_active
       AND CASE WHEN b.id IS NULL THEN NOT d.is_paused ELSE NOT b.is_paused OR b.completed_at IS NOT NULL END) x
   WHERE place <= room`,
);

const startRows = prepared(
  'start_runs',
  `UPDATE dag_run r SET state = 'running', version = n.version, start_date = clock_timestamp(), seq = r.seq + 1
   FROM unnest($1::bigint[], $2::uuid[]) AS n(pk, version) WHERE r.pk = n.pk AND r.state = 'queued'`,
);

export async function startQueuedRuns(context: LedgerContext, limit: number): Promise<RunPk[]> {
  const { pool, versions } = context;
  const { rows: candidates } = await findCandidates(pool, limit);
  if (candidates.length === 0) return [];

  return inTransaction(pool, async (client) => {
    await lockRows(client, unique(candidates.map(({ pk }) => pk)));
    await lockDags(client, unique(candidates.map((run) => run.dag_id)));
    await lockBackfills(client, unique(candidates.flatMap((run) => run.backfill_id ?? [])));
    const { rows: chosen } = await chooseRuns(client, unique(candidates.map(({ pk }) => pk)));
    if (chosen.length === 0) return [];

    await versions.load(
      client,
      chosen.map(({ version }) => version),
    );
    await startRows(
      client,
      chosen.map(({ pk }) => pk),
      chosen.map(({ version }) => version),
    );
    for (const version of unique(chosen.map((run) => run.version))) {
      const runs = chosen.filter((run) => run.version === version).map(({ pk }) => pk);
      await makeTasks(context, client, versions.get(version).dag, runs);
    }
    const started = inOrder(chosen);
    await insertWakes(client, started, 'started');
    return started;
  });
}

/** Live runs first, then the oldest. */
function inOrder(runs: readonly { pk: RunPk; run_after: Instant; backfill_id: number | null }[]): RunPk[] {
  const rank = (run: { backfill_id: number | null }) => (run.backfill_id === null ? 0 : 1);
  return [...runs].sort((a, b) => rank(a) - rank(b) || a.run_after - b.run_after || a.pk - b.pk).map(({ pk }) => pk);
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
