/**
 * queued → running, within the limits on active runs. Locks in the one order that everybody keeps: the candidates' rows by pk, then their
 * DAGs by id, then their backfills by id; the running ones are read after that, in a newer snapshot, so that schedulers that start
 * runs of one DAG at the same moment never start too many.
 *
 * A running run that waits for earlier ones (`waits_for_past`) does not keep those out: it counts only against later runs. Otherwise a run
 * that was cleared could wait for the slot of the one that waits for it.
 */
import type { Instant } from '../../core/time';
import type { RunPk, VersionId } from '../ledger';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { lockDags } from './dag-room';
import { insertWakes } from './lock-runs';
import { makeTasks } from './make-tasks';

/** A DAG's own runs, or one backfill's, stand in one line: each line has its own limit. */
const MAY_START = `d.current_version IS NOT NULL AND d.is_active AND CASE WHEN b.id IS NULL THEN NOT d.is_paused ELSE NOT b.is_paused OR b.completed_at IS NOT NULL END`;

/**
 * The oldest queued ones of each line that might start, without any lock: as many as there is room for, and as many of those that others wait
 * for and that have room themselves (a wait for an earlier run is in the way of later runs only). The first of each line can start, so that
 * no line stands in front of the others for nothing.
 */
const findCandidates = prepared<{ pk: RunPk; dag_id: string; backfill_id: number | null }>(
  'find_queued_runs',
  `WITH line AS (SELECT DISTINCT dag_id, backfill_id FROM dag_run WHERE state = 'queued'),
   open AS (
     SELECT l.dag_id, l.backfill_id, r.waits, coalesce(b.max_active_runs, d.max_active_runs) - r.running AS room,
       coalesce(b.max_active_runs, d.max_active_runs) - r.running + coalesce(cardinality(r.waits), 0) AS room_of_first
     FROM line l JOIN dag d ON d.dag_id = l.dag_id LEFT JOIN backfill b ON b.id = l.backfill_id
       CROSS JOIN LATERAL (
         SELECT count(*)::int AS running, array_agg(logical_date ORDER BY logical_date) FILTER (WHERE waits_for_past AND logical_date IS NOT NULL) AS waits
         FROM dag_run r WHERE r.dag_id = l.dag_id AND r.backfill_id IS NOT DISTINCT FROM l.backfill_id AND r.state = 'running') r
     WHERE ${MAY_START})
   SELECT DISTINCT x.pk, open.dag_id, open.backfill_id, open.backfill_id IS NOT NULL, x.run_after FROM open CROSS JOIN LATERAL (
     (SELECT r.pk, r.run_after FROM dag_run r
      WHERE r.dag_id = open.dag_id AND r.backfill_id IS NOT DISTINCT FROM open.backfill_id AND r.state = 'queued' AND r.run_after <= clock_timestamp()
      ORDER BY r.backfill_ordinal, r.run_after, r.pk LIMIT greatest(open.room, 0))
     UNION ALL
     (SELECT r.pk, r.run_after FROM dag_run r
      WHERE open.room_of_first > 0 AND r.dag_id = open.dag_id AND r.backfill_id IS NOT DISTINCT FROM open.backfill_id AND r.state = 'queued'
        AND r.run_after <= clock_timestamp() AND r.logical_date <= coalesce(open.waits[open.room_of_first], open.waits[cardinality(open.waits)])
      ORDER BY r.backfill_ordinal, r.run_after, r.pk LIMIT greatest(open.room_of_first, 0))) x
   ORDER BY open.backfill_id IS NOT NULL, x.run_after, x.pk LIMIT $1`,
);

const lockRows = prepared<{ pk: RunPk }>(
  'lock_queued_runs',
  `SELECT pk FROM dag_run WHERE pk = ANY($1::bigint[]) AND state = 'queued' ORDER BY pk FOR NO KEY UPDATE`,
);
const lockBackfills = prepared('lock_backfills', 'SELECT FROM backfill WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE');

interface Candidate {
  pk: RunPk;
  dag_id: string;
  backfill_id: number | null;
  run_after: Instant;
  logical_date: Instant | null;
  /** The newest, unless it was cleared to keep its own. */
  version: VersionId;
  /** The line's limit. */
  most: number;
  /** Running ones of the line that count against every run. */
  running: number;
  /** Logical dates of those that wait for earlier runs. */
  waiting: Instant[];
}

/** Under the locks: in the order of their line. */
const readCandidates = prepared<Candidate>(
  'read_queued_runs',
  `SELECT r.pk, r.dag_id, r.backfill_id, r.run_after, r.logical_date, CASE WHEN r.keep_version AND r.version IS NOT NULL THEN r.version ELSE d.current_version END AS version,
     coalesce(b.max_active_runs, d.max_active_runs) AS most, o.running, o.waiting
   FROM dag_run r JOIN dag d ON d.dag_id = r.dag_id LEFT JOIN backfill b ON b.id = r.backfill_id CROSS JOIN LATERAL (
     SELECT count(*) FILTER (WHERE NOT waits_for_past OR logical_date IS NULL)::int AS running,
       coalesce(array_agg(extract(epoch FROM logical_date)::float8 * 1000) FILTER (WHERE waits_for_past AND logical_date IS NOT NULL), '{}') AS waiting
     FROM dag_run o WHERE o.dag_id = r.dag_id AND o.backfill_id IS NOT DISTINCT FROM r.backfill_id AND o.state = 'running') o
   WHERE r.pk = ANY($1::bigint[]) AND r.state = 'queued' AND ${MAY_START}
   ORDER BY r.backfill_ordinal, r.run_after, r.pk`,
);

const startRows = prepared(
  'start_runs',
  `UPDATE dag_run r SET state = 'running', version = n.version, start_date = clock_timestamp(), seq = r.seq + 1, waits_for_past = false,
     deadline_at = clock_timestamp() + n.timeout_ms * interval '1 millisecond'
   FROM unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS n(pk, version, timeout_ms) WHERE r.pk = n.pk AND r.state = 'queued'`,
);

export async function startQueuedRuns(context: LedgerContext, limit: number): Promise<RunPk[]> {
  const { pool, versions } = context;
  const { rows: candidates } = await findCandidates(pool, limit);
  if (candidates.length === 0) return [];

  return inTransaction(pool, async (client) => {
    await lockRows(client, unique(candidates.map(({ pk }) => pk)));
    await lockDags(client, unique(candidates.map((run) => run.dag_id)));
    await lockBackfills(client, unique(candidates.flatMap((run) => run.backfill_id ?? [])));
    const chosen = choose((await readCandidates(client, unique(candidates.map(({ pk }) => pk)))).rows);
    if (chosen.length === 0) return [];

    await versions.load(
      client,
      chosen.map(({ version }) => version),
    );
    await startRows(
      client,
      chosen.map(({ pk }) => pk),
      chosen.map(({ version }) => version),
      chosen.map(({ version }) => versions.get(version).dag.spec.dagrunTimeoutMs ?? null),
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

/** Line by line, the first that fit. */
function choose(candidates: readonly Candidate[]): Candidate[] {
  const chosen: Candidate[] = [];
  for (const run of candidates) {
    const before = chosen.filter((other) => other.dag_id === run.dag_id && other.backfill_id === run.backfill_id).length;
    const inTheWay = run.waiting.filter((date) => run.logical_date === null || date < run.logical_date).length;
    if (run.running + inTheWay + before < run.most) chosen.push(run);
  }
  return chosen;
}

/** Live runs first, then the oldest. */
function inOrder(runs: readonly Candidate[]): RunPk[] {
  const rank = (run: Candidate) => (run.backfill_id === null ? 0 : 1);
  return [...runs].sort((a, b) => rank(a) - rank(b) || a.run_after - b.run_after || a.pk - b.pk).map(({ pk }) => pk);
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
