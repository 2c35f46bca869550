import type { Clock, Instant } from '../core/time';
import type { DagSpec } from '../dag-spec/spec';
import type { Database } from '../db/database';
import type { Ledger, NewRun, Transaction } from '../ledger/ledger';
import type { Service } from '../service/service';
import { runIdOf } from '../commands/run-ids';
import { dueRunOf, restrictionOf, timetableOfDag } from '../timetables/next-run';
import type { ScheduledRun } from '../timetables/timetable';

export interface CreateDueRunsDeps {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Runs have been made: start them. */
  readonly onCreated: () => void;
  /** A pass is wanted at this time, before the next regular one. */
  readonly wakeAt: (at: Instant) => void;
}

interface DueDag {
  readonly dag_id: string;
  readonly schedule: Pick<DagSpec, 'timetable' | 'startDate' | 'endDate' | 'catchup'>;
  readonly next_run_after: Date;
  readonly next_logical_date: Date;
  readonly next_interval_start: Date;
  readonly next_interval_end: Date;
  /** How many runs maxActiveRuns leaves room for. */
  readonly room: number;
}

const INTERVAL_MS = 1_000;
const DAGS_PER_PASS = 50;
/** Of a DAG that catches up, in one transaction. */
const RUNS_PER_DAG = 50;

/**
 * Makes the runs that schedules ask for. `dag.next_*` says what comes next and is moved on in the transaction that makes the run, fenced
 * by its old value: of two schedulers that see the same DAG one moves it, and the other's transaction is undone.
 *
 * As in Airflow no more scheduled runs are made than maxActiveRuns lets run (backfills count for themselves), so a DAG that catches up
 * years does not flood the table.
 */
export class CreateDueRuns implements Service {
  readonly name = 'create-due-runs';
  readonly intervalMs = INTERVAL_MS;
  /** DAGs whose next run waits for one of their runs to end. */
  private blocked: ReadonlySet<string> = new Set();

  constructor(private readonly deps: CreateDueRunsDeps) {}

  /** Whether the end of a run of this DAG makes room for its next one. */
  waitsFor(dagId: string): boolean {
    return this.blocked.has(dagId);
  }

  async runOnce(signal: AbortSignal): Promise<boolean> {
    const now = this.deps.clock.now();
    const due = await this.dueDags(now);
    this.blocked = new Set(due.filter((dag) => dag.room <= 0).map((dag) => dag.dag_id));
    const ready = due.filter((dag) => dag.room > 0);
    let moved = 0;
    for (const dag of ready) {
      if (signal.aborted) return false;
      if (await this.createRunsOf(dag, now)) moved++;
    }
    if (moved > 0) this.deps.onCreated();
    await this.wakeForTheNext(now);
    // Those that catch up may have more; the others are not found again.
    return moved > 0;
  }

  private async dueDags(now: Instant): Promise<DueDag[]> {
    const { rows } = await this.deps.database.pool.query<DueDag>(
      `SELECT d.dag_id, next_run_after, next_logical_date, next_interval_start, next_interval_end, d.max_active_runs - active.n AS room,
              jsonb_build_object('timetable', v.spec->'timetable', 'startDate', v.spec->'startDate', 'endDate', v.spec->'endDate',
                                 'catchup', v.spec->'catchup') AS schedule
         FROM dag d JOIN dag_version v ON v.id = d.current_version
         CROSS JOIN LATERAL (
           SELECT (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.backfill_id IS NULL AND r.state = 'queued')::int
                + (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.backfill_id IS NULL AND r.state = 'running')::int AS n) active
        WHERE d.is_active AND NOT d.is_paused AND d.next_run_after <= $1 AND d.next_logical_date IS NOT NULL
        ORDER BY active.n >= d.max_active_runs, d.next_run_after, d.dag_id LIMIT $2`,
      [new Date(now), DAGS_PER_PASS],
    );
    return rows;
  }

  /** False: somebody else was quicker. */
  private async createRunsOf(dag: DueDag, now: Instant): Promise<boolean> {
    const timetable = timetableOfDag(dag.schedule);
    const restriction = restrictionOf(dag.schedule);
    const due: ScheduledRun[] = [];
    let next = dueRunOf(dag.schedule, storedRunOf(dag), now);
    while (next !== null && next.runAfter <= now && due.length < Math.min(dag.room, RUNS_PER_DAG)) {
      due.push(next);
      next = timetable.nextRun(next.interval, restriction, now);
    }
    try {
      await this.deps.ledger.createRuns(
        due.map((run) => newRunOf(dag.dag_id, run)),
        (transaction) => moveOn(transaction, dag, next),
      );
      return true;
    } catch (error) {
      if (error instanceof MovedOnMeanwhile) return false;
      throw error;
    }
  }

  /** A run that becomes due before the next pass shall not wait for it. */
  private async wakeForTheNext(now: Instant): Promise<void> {
    const { rows } = await this.deps.database.pool.query<{ at: Date | null }>(
      'SELECT min(next_run_after) AS at FROM dag WHERE is_active AND NOT is_paused AND next_run_after > $1 AND next_run_after < $2',
      [new Date(now), new Date(now + 2 * INTERVAL_MS)],
    );
    if (rows[0]?.at) this.deps.wakeAt(rows[0].at.getTime());
  }
}

/** Another scheduler was quicker, or the DAG was paused, deleted or given another schedule. */
class MovedOnMeanwhile extends Error {}

async function moveOn(transaction: Transaction, dag: DueDag, next: ScheduledRun | null): Promise<void> {
  const date = (at: Instant | undefined) => (at === undefined ? null : new Date(at));
  const { rowCount } = await transaction.query(
    `UPDATE dag SET next_run_after = $4, next_logical_date = $5, next_interval_start = $6, next_interval_end = $7
      WHERE dag_id = $1 AND next_run_after = $2 AND next_logical_date = $3 AND is_active AND NOT is_paused`,
    [
      dag.dag_id,
      dag.next_run_after,
      dag.next_logical_date,
      date(next?.runAfter),
      date(next?.logicalDate),
      date(next?.interval.start),
      date(next?.interval.end),
    ],
  );
  if (rowCount === 0) throw new MovedOnMeanwhile();
}

function storedRunOf(dag: DueDag): ScheduledRun {
  return {
    logicalDate: dag.next_logical_date.getTime(),
    interval: { start: dag.next_interval_start.getTime(), end: dag.next_interval_end.getTime() },
    runAfter: dag.next_run_after.getTime(),
  };
}

function newRunOf(dagId: string, run: ScheduledRun): NewRun {
  return {
    dagId,
    runId: runIdOf('scheduled', run.logicalDate),
    runType: 'scheduled',
    ...run,
    conf: {},
    triggeredBy: 'timetable',
    triggeringUser: null,
    note: null,
    backfill: null,
  };
}
