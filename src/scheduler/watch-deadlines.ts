import type { DagSpec } from '../dag-spec/spec';
import type { Database } from '../db/database';
import type { Service } from '../service/service';
import { deadlineOf, isSettled } from '../timetables/deadline';
import type { DeadlineRun } from '../timetables/deadline';

export interface WatchDeadlinesDeps {
  readonly database: Database;
  /** Callbacks were written. */
  readonly onMissed: () => void;
}

const BATCH = 200;
/** Of how many runs, at most, an average is made: the most that `longerThanUsual` may ask for. */
const MOST_DURATIONS = 100;

interface OpenRun {
  readonly pk: number;
  readonly deadlines: NonNullable<DagSpec['deadlines']>;
  readonly timezone: string;
  readonly run_after: Date;
  readonly queued_at: Date;
  readonly start_date: Date | null;
  readonly logical_date: Date | null;
  readonly durations: number[];
}

/**
 * Writes down when each run of a DAG with deadlines should have ended, and the callbacks of those that had not by then. A deadline is told
 * once a run, also when the run is cleared and starts again; several schedulers tell it once together.
 */
export class WatchDeadlines implements Service {
  readonly name = 'watch-deadlines';
  readonly intervalMs = 1_000;

  constructor(private readonly deps: WatchDeadlinesDeps) {}

  async runOnce(): Promise<boolean> {
    const { database, onMissed } = this.deps;
    const { rows: open } = await database.pool.query<OpenRun>(UNKNOWN, [BATCH, MOST_DURATIONS]);
    if (open.length > 0) await this.write(open);
    const { rows } = await database.pool.query<{ told: boolean }>(MISSED, [BATCH]);
    if (rows.some(({ told }) => told)) onMissed();
    return open.length >= BATCH || rows.length >= BATCH;
  }

  private async write(open: readonly OpenRun[]): Promise<void> {
    const rows = open.flatMap((row) => {
      const run = toDeadlineRun(row);
      return row.deadlines.map((spec, number) => ({
        run: row.pk,
        number,
        due_at: iso(deadlineOf(spec, run, row.timezone)),
        settled: isSettled(spec, run),
      }));
    });
    await this.deps.database.pool.query(WRITE, [JSON.stringify(rows)]);
  }
}

function toDeadlineRun(row: OpenRun): DeadlineRun {
  return {
    runAfter: row.run_after.getTime(),
    queuedAt: row.queued_at.getTime(),
    startDate: row.start_date?.getTime() ?? null,
    logicalDate: row.logical_date?.getTime() ?? null,
    durationsMs: row.durations,
  };
}

const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());

/** Runs under way whose deadlines are not known, or not for good although they have started. */
const UNKNOWN = `SELECT r.pk, v.spec->'deadlines' AS deadlines, d.timezone, r.run_after, r.queued_at, r.start_date, r.logical_date,
    CASE WHEN r.start_date IS NULL THEN '{}' ELSE ARRAY(
      SELECT (extract(epoch FROM o.end_date - o.start_date) * 1000)::float8 FROM dag_run o
      WHERE o.dag_id = r.dag_id AND o.state = 'success' AND o.start_date IS NOT NULL ORDER BY o.run_after DESC, o.pk DESC LIMIT $2) END AS durations
  FROM dag d JOIN dag_run r ON r.dag_id = d.dag_id AND r.state IN ('queued', 'running')
    JOIN dag_version v ON v.id = coalesce(r.version, d.current_version)
  WHERE d.has_deadlines AND v.spec->'deadlines' IS NOT NULL AND CASE WHEN r.state = 'queued' THEN NOT EXISTS (SELECT FROM deadline e WHERE e.run = r.pk)
    ELSE NOT EXISTS (SELECT FROM deadline e WHERE e.run = r.pk AND e.settled) OR EXISTS (SELECT FROM deadline e WHERE e.run = r.pk AND NOT e.settled) END
  ORDER BY r.pk LIMIT $1`;

const WRITE = `INSERT INTO deadline (run, number, due_at, settled)
  SELECT n.run, n.number, CASE WHEN n.settled THEN n.due_at END, n.settled
  FROM json_to_recordset($1) AS n(run bigint, number smallint, due_at timestamptz, settled boolean) JOIN dag_run r ON r.pk = n.run
  ON CONFLICT (run, number) DO UPDATE SET due_at = excluded.due_at, settled = excluded.settled WHERE NOT deadline.settled`;

/** Those whose time has come: missed and told, or met by a run that has ended before, and then forgotten. */
const MISSED = `WITH due AS (
    SELECT e.run, e.number, r.end_date IS NULL OR r.end_date > e.due_at AS missed, coalesce(r.version, d.current_version) AS version
    FROM deadline e JOIN dag_run r ON r.pk = e.run JOIN dag d ON d.dag_id = r.dag_id
    WHERE e.missed_at IS NULL AND e.due_at <= clock_timestamp() ORDER BY e.due_at LIMIT $1 FOR UPDATE OF e SKIP LOCKED),
  told AS (
    UPDATE deadline e SET missed_at = clock_timestamp() FROM due WHERE e.run = due.run AND e.number = due.number AND due.missed
    RETURNING e.run, e.number, due.version),
  met AS (UPDATE deadline e SET due_at = NULL FROM due WHERE e.run = due.run AND e.number = due.number AND NOT due.missed),
  callbacks AS (INSERT INTO callback (run, event, version, deadline, reason) SELECT run, 'deadline', version, number, 'deadline missed' FROM told)
  SELECT missed AS told FROM due`;
