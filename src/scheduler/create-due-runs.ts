import type { Clock, Instant } from '../core/time';
import type { MaxActiveRunsPolicy } from '../dag-spec/spec';
import type { Database } from '../db/database';
import type { CreateRunResult, Ledger, NewRun, Transaction } from '../ledger/ledger';
import { SKIPPED_RUN } from '../read-model/newest-scheduled-runs';
import type { Service } from '../service/service';
import { isoOf, runIdOf } from '../commands/run-ids';
import { CUSTOM_SCHEDULE, type Schedule } from '../timetables/next-run';
import { ScheduleOracle, TimetableFailed } from '../timetables/schedule-oracle';
import type { ScheduledRun } from '../timetables/timetable';
import { forgetTimetableProblem, reportTimetableProblem } from './timetable-problems';

export interface CreateDueRunsDeps {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Runs have been made: start them. */
  readonly onCreated: () => void;
  /** A pass is wanted at this time, before the next regular one. */
  readonly wakeAt: (at: Instant) => void;
  /** Left out: DAGs with timetables of their own are not scheduled. */
  readonly schedules?: ScheduleOracle;
}

interface DueDag {
  readonly dag_id: string;
  readonly schedule: Schedule;
  readonly on_max_active_runs: Exclude<MaxActiveRunsPolicy, 'queue'> | null;
  readonly bundle_hash: string;
  readonly file_path: string;
  readonly next_run_after: Date;
  readonly next_logical_date: Date;
  readonly next_interval_start: Date;
  readonly next_interval_end: Date;
  readonly active: number;
  readonly max_active_runs: number;
}

const INTERVAL_MS = 1_000;
const DAGS_PER_PASS = 50;
/** Of a DAG that catches up, in one transaction. */
const RUNS_PER_DAG = 50;
/** Timetables of DAG files that are asked at the same moment. */
const MOST_ASKED = 8;
/** A timetable that failed is asked again after this; its warning stands meanwhile. */
const RETRY_FAILED_MS = 60_000;

/**
 * Makes the runs that schedules ask for. `dag.next_*` says what comes next and is moved on in the transaction that makes the run, fenced
 * by its old value: of two schedulers that see the same DAG one moves it, and the other's transaction is undone.
 *
 * As in Airflow no more scheduled runs are made than maxActiveRuns lets run (backfills count for themselves), so a DAG that catches up
 * years does not flood the table. `onMaxActiveRuns` may say that those above the limit are left out, or made as failed ones.
 *
 * Timetables of DAG files answer from another process, in their own time: they are asked beside the pass, so that one that takes long
 * keeps nobody waiting; one that fails leaves a warning and is asked again later.
 */
export class CreateDueRuns implements Service {
  readonly name = 'create-due-runs';
  readonly intervalMs = INTERVAL_MS;
  /** DAGs whose next run waits for one of their runs to end. */
  private blocked: ReadonlySet<string> = new Set();
  private readonly schedules: ScheduleOracle;
  /** By DAG: a question to a user-defined timetable that is under way. */
  private readonly asked = new Map<string, Promise<void>>();
  /** By DAG: when a timetable that failed is asked again. */
  private readonly failed = new Map<string, Instant>();
  private failure: unknown = null;

  constructor(private readonly deps: CreateDueRunsDeps) {
    this.schedules = deps.schedules ?? new ScheduleOracle();
  }

  /** Whether the end of a run of this DAG makes room for its next one. */
  waitsFor(dagId: string): boolean {
    return this.blocked.has(dagId);
  }

  async runOnce(signal: AbortSignal): Promise<boolean> {
    if (this.failure !== null) throw this.takeFailure();
    const now = this.deps.clock.now();
    const due = await this.dueDags(now);
    this.blocked = new Set(due.filter((dag) => roomOf(dag) <= 0 && dag.on_max_active_runs === null).map((dag) => dag.dag_id));
    let moved = 0;
    for (const dag of due) {
      if (signal.aborted) return false;
      if (this.blocked.has(dag.dag_id)) continue;
      if (dag.schedule.timetable.kind === 'custom') this.askBeside(dag, now);
      else if (await this.createRunsOf(dag, now)) moved++;
    }
    if (moved > 0) this.deps.onCreated();
    await this.wakeForTheNext(now);
    // Those that catch up may have more; the others are not found again.
    return moved > 0;
  }

  /** Resolves when no timetable is being asked. */
  async settled(): Promise<void> {
    await Promise.all(this.asked.values());
  }

  private async dueDags(now: Instant): Promise<DueDag[]> {
    const { rows } = await this.deps.database.pool.query<DueDag>(
      `SELECT d.dag_id, next_run_after, next_logical_date, next_interval_start, next_interval_end, d.max_active_runs, active.n AS active,
              v.bundle_hash, v.file_path, v.spec->>'onMaxActiveRuns' AS on_max_active_runs,
              jsonb_strip_nulls(jsonb_build_object('missedRuns', v.spec->'missedRuns')) || jsonb_build_object('timetable', v.spec->'timetable',
                'startDate', v.spec->'startDate', 'endDate', v.spec->'endDate', 'catchup', v.spec->'catchup', 'timezone', v.spec->'timezone') AS schedule
         FROM dag d JOIN dag_version v ON v.id = d.current_version
         CROSS JOIN LATERAL (
           SELECT (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.backfill_id IS NULL AND r.state = 'queued')::int
                + (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.backfill_id IS NULL AND r.state = 'running')::int AS n) active
        WHERE d.is_active AND NOT d.is_paused AND d.next_run_after <= $1 AND d.next_logical_date IS NOT NULL AND d.dag_id <> ALL($3)
        -- Those that must wait come last, and before them those that are asked elsewhere. Specs are large: looked into only where it matters.
        ORDER BY CASE WHEN active.n >= d.max_active_runs THEN v.spec->>'onMaxActiveRuns' IS NULL ELSE false END,
                 starts_with(coalesce(d.schedule_hash, ''), '${CUSTOM_SCHEDULE}'), d.next_run_after, d.dag_id
        LIMIT $2`,
      [new Date(now), DAGS_PER_PASS, this.notNow(now)],
    );
    return rows;
  }

  /** Of DAGs with timetables of their own: those that are being asked, and those that failed a short time ago. */
  private notNow(now: Instant): string[] {
    const resting = [...this.failed].filter(([, again]) => again > now).map(([dagId]) => dagId);
    return [...new Set([...this.asked.keys(), ...resting])];
  }

  private askBeside(dag: DueDag, now: Instant): void {
    if (this.asked.size >= MOST_ASKED) return;
    const asking = this.askAndCreate(dag, now).catch((error: unknown) => {
      this.failure ??= error;
    });
    this.asked.set(
      dag.dag_id,
      asking.finally(() => this.asked.delete(dag.dag_id)),
    );
  }

  private async askAndCreate(dag: DueDag, now: Instant): Promise<void> {
    const { database, clock, onCreated, wakeAt } = this.deps;
    try {
      if (await this.createRunsOf(dag, now)) onCreated();
      if (this.failed.delete(dag.dag_id)) await forgetTimetableProblem(database.pool, dag.dag_id);
      wakeAt(clock.now());
    } catch (error) {
      if (!(error instanceof TimetableFailed)) throw error;
      this.failed.set(dag.dag_id, clock.now() + RETRY_FAILED_MS);
      await reportTimetableProblem(database.pool, dag.dag_id, error.message);
    }
  }

  /** False: somebody else was quicker. */
  private async createRunsOf(dag: DueDag, now: Instant): Promise<boolean> {
    const room = Math.max(0, roomOf(dag));
    const most = dag.on_max_active_runs === null ? Math.min(room, RUNS_PER_DAG) : RUNS_PER_DAG;
    const asked = { dagId: dag.dag_id, schedule: dag.schedule, code: { bundleHash: dag.bundle_hash, filePath: dag.file_path } };
    const { due, next } = await this.schedules.ask(asked, { kind: 'due', stored: storedRunOf(dag), now, most });
    const wanted = due.slice(0, room);
    const tooMany = due.slice(room);
    const failing = dag.on_max_active_runs === 'fail' ? tooMany : [];
    try {
      await this.deps.ledger.createRuns(
        [...wanted, ...failing].map((run) => newRunOf(dag.dag_id, run)),
        async (transaction, results) => {
          await moveOn(transaction, dag, next);
          if (dag.on_max_active_runs === 'fail') await failRuns(transaction, dag, results.slice(wanted.length));
          else await auditSkipped(transaction, dag, tooMany);
        },
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

  private takeFailure(): unknown {
    const { failure } = this;
    this.failure = null;
    return failure;
  }
}

/** How many runs maxActiveRuns leaves room for. */
function roomOf({ max_active_runs, active }: DueDag): number {
  return max_active_runs - active;
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

/** Made and ended in one transaction: none of their tasks begins. Whoever is called when a run of the DAG fails is called for them too. */
async function failRuns(transaction: Transaction, dag: DueDag, results: readonly CreateRunResult[]): Promise<void> {
  const made = results.flatMap((result) => (result.created ? [result.run] : []));
  if (made.length === 0) return;
  const why = `It was due while ${describeLimit(dag)} (onMaxActiveRuns: fail).`;
  await transaction.query(
    `UPDATE dag_run r SET state = 'failed', version = d.current_version, end_date = clock_timestamp(), end_reason = 'max_active_runs', note = $2
       FROM dag d WHERE d.dag_id = r.dag_id AND r.pk = ANY($1::bigint[]) AND r.state = 'queued'`,
    [made, why],
  );
  await transaction.query(
    `INSERT INTO callback (run, event, version, reason)
     SELECT r.pk, 'failure', r.version, $2 FROM dag_run r JOIN dag_version v ON v.id = r.version
      WHERE r.pk = ANY($1::bigint[]) AND (v.spec->'callbacks')::jsonb ? 'failure' ORDER BY r.pk`,
    [made, why],
  );
}

/** The interval stands in the line, so that a later change of the schedule does not bring it back. */
async function auditSkipped(transaction: Transaction, dag: DueDag, runs: readonly ScheduledRun[]): Promise<void> {
  if (runs.length === 0) return;
  const lines = runs.map(({ logicalDate, interval }) => ({
    run_id: runIdOf('scheduled', logicalDate),
    details: {
      logical_date: isoOf(logicalDate),
      data_interval_start: isoOf(interval.start),
      data_interval_end: isoOf(interval.end),
      reason: `it was due while ${describeLimit(dag)} (onMaxActiveRuns: skip)`,
    },
  }));
  await transaction.query(
    `INSERT INTO audit_log (actor, via, action, dag_id, run_id, details)
     SELECT 'scheduler', 'scheduler', $3, $1, l.run_id, l.details FROM jsonb_to_recordset($2) AS l(run_id text, details jsonb)`,
    [dag.dag_id, JSON.stringify(lines), SKIPPED_RUN],
  );
}

function describeLimit({ active, max_active_runs }: DueDag): string {
  return `${Math.max(active, max_active_runs)} of at most ${max_active_runs} runs of its DAG were active`;
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
