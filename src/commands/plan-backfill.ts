/** Which intervals a backfill covers, and what would become of each. The dry run shows it, the create stores it. */
import { DateTime } from 'luxon';
import { ThenceError } from '../core/errors';
import { withSetupsAndTeardowns } from '../core/selection';
import { isRunFinished } from '../core/states';
import type { RunState } from '../core/states';
import type { Instant } from '../core/time';
import type { JsonObject } from '../core/json';
import { timetableOfDag } from '../timetables/next-run';
import { timezoneOf } from '../timetables/timetable-of';
import type { ScheduledRun } from '../timetables/timetable';
import { compileDag } from '../dag-spec/compiled-dag';
import type { CompiledDag } from '../dag-spec/compiled-dag';
import { checkConf } from './check-conf';
import { REPROCESS_BEHAVIORS } from './commands';
import type { BackfillPlan, BackfillPlanItem, BackfillRequest, ReprocessBehavior } from './commands';
import type { CommandContext } from './context';
import { instantOf, lastInstantOf } from './dates';
import { findDag, type StoredDag } from './find-dag';
import { checkTasks, selectTasks } from './find-tasks';
import { isoOf } from './run-ids';

/** A range like "every second of a year" is a slip. */
const MOST_INTERVALS = 100_000;
export const DEFAULT_MAX_ACTIVE_RUNS = 10;

/** A request that has been checked, with the defaults filled in. */
export interface CheckedBackfill {
  readonly dag: StoredDag;
  readonly from: Instant;
  readonly to: Instant;
  readonly reprocessBehavior: ReprocessBehavior;
  readonly maxActiveRuns: number;
  readonly runBackwards: boolean;
  readonly conf: JsonObject;
  /** In topological order; null: all. */
  readonly tasks: readonly string[] | null;
  readonly runOnLatestVersion: boolean;
  /** In the order in which they will run. */
  readonly runs: readonly ScheduledRun[];
}

export async function dryRunBackfill(context: CommandContext, request: BackfillRequest): Promise<BackfillPlan> {
  const { dag, runs, tasks, reprocessBehavior } = await checkBackfill(context, request);
  const existing = await existingRuns(context, dag.dagId, runs);
  const timezone = timezoneOf(dag.spec.timetable, dag.spec.timezone);
  const local = (at: Instant) => DateTime.fromMillis(at, { zone: timezone }).toISO({ suppressMilliseconds: true })!;
  return {
    dagId: dag.dagId,
    timezone,
    tasks,
    items: runs.map(({ logicalDate, interval }): BackfillPlanItem => {
      const run = existing.get(logicalDate) ?? null;
      const action = run === null ? 'create' : startsAgain(run.state, reprocessBehavior) ? 'clear' : 'skip';
      return { logicalDate, interval, local: { start: local(interval.start), end: local(interval.end) }, existing: run, action };
    }),
  };
}

/** Whether a run that is there already is cleared. What has not ended is left alone. */
export function startsAgain(state: RunState, behavior: ReprocessBehavior): boolean {
  if (behavior === 'none') return false;
  return behavior === 'failed' ? state === 'failed' : isRunFinished(state);
}

export async function checkBackfill(context: CommandContext, request: BackfillRequest): Promise<CheckedBackfill> {
  const dag = await findDag(context, request.dagId);
  const zone = dag.spec.timezone;
  const from = instantOf('from-date', request.from, zone);
  const to = instantOf('to-date', request.to, zone);
  if (from > to) throw new ThenceError('INVALID_VALUE', `the from-date ${isoOf(from)} is after the to-date ${isoOf(to)}`);

  const { reprocessBehavior, maxActiveRuns } = request;
  const behavior = REPROCESS_BEHAVIORS.find((allowed) => allowed === (reprocessBehavior ?? 'none'));
  if (!behavior) {
    throw new ThenceError(
      'INVALID_VALUE',
      `unknown reprocess behavior "${String(reprocessBehavior)}": ${REPROCESS_BEHAVIORS.join(', ')} are allowed`,
    );
  }
  const most = maxActiveRuns ?? DEFAULT_MAX_ACTIVE_RUNS;
  if (!Number.isInteger(most) || most < 1 || most > 10_000) {
    throw new ThenceError('INVALID_VALUE', `max-active-runs must be a whole number from 1 to 10000, given ${String(maxActiveRuns)}`);
  }
  const conf = checkConf(dag, request.conf);
  const runs = await runsOf(context, dag, from, lastInstantOf('to-date', request.to, zone));
  const runBackwards = request.runBackwards ?? false;
  if (runBackwards) runs.reverse();
  const compiled = compileDag(dag.version, dag.spec);
  if (runBackwards) holdToNoPast(compiled);
  const tasks = tasksOf(compiled, request);
  const runOnLatestVersion = request.runOnLatestVersion ?? true;
  return { dag, from, to, reprocessBehavior: behavior, maxActiveRuns: most, runBackwards, conf, tasks, runOnLatestVersion, runs };
}

/** Each run would wait for the one before it, which comes after it. */
function holdToNoPast({ spec, usesPast }: CompiledDag): void {
  if (usesPast.length === 0) return;
  throw new ThenceError(
    'INVALID_VALUE',
    `a backfill of DAG "${spec.dagId}" cannot run backwards: ${usesPast.map((id) => `"${id}"`).join(', ')} ${usesPast.length === 1 ? 'waits' : 'wait'} for the run before (dependsOnPast)`,
  );
}

function tasksOf(dag: CompiledDag, { tasks, taskPattern, upstream, downstream }: BackfillRequest): string[] | null {
  const scope = { dagId: dag.spec.dagId, tasks, taskPattern, upstream, downstream };
  checkTasks([dag], scope);
  const selected = selectTasks(dag, scope);
  if (selected) {
    return withSetupsAndTeardowns(
      dag,
      selected.map(({ taskId }) => taskId),
    );
  }
  if (upstream || downstream) throw new ThenceError('INVALID_VALUE', 'upstream and downstream are of some tasks: name these');
  return null;
}

async function runsOf({ schedules, clock }: CommandContext, dag: StoredDag, from: Instant, to: Instant): Promise<ScheduledRun[]> {
  const timetable = timetableOfDag(dag.spec);
  if (!timetable.canBeScheduled) {
    throw new ThenceError(
      'INVALID_VALUE',
      `DAG "${dag.dagId}" has no schedule, so a range of dates has no data intervals; trigger it with a logical date`,
    );
  }
  if (dag.spec.timetable.kind === 'continuous') {
    throw new ThenceError(
      'INVALID_VALUE',
      `DAG "${dag.dagId}" runs without a pause (@continuous), so a range of dates has no data intervals`,
    );
  }
  // An interval that has not ended has no complete data yet.
  const question = { kind: 'between', from, to, dueBy: clock.now(), most: MOST_INTERVALS + 1 } as const;
  const runs = [...(await schedules.ask(dag.scheduled, question))];
  if (runs.length > MOST_INTERVALS) {
    throw new ThenceError(
      'INVALID_VALUE',
      `from ${isoOf(from)} to ${isoOf(to)} are more than ${MOST_INTERVALS} data intervals (${timetable.summary}); give a shorter range`,
    );
  }
  if (runs.length > 0) return runs;
  throw new ThenceError(
    'INVALID_VALUE',
    `DAG "${dag.dagId}" (${timetable.summary}) has no complete data interval whose start lies between ${isoOf(from)} and ${isoOf(to)}`,
  );
}

async function existingRuns(
  context: CommandContext,
  dagId: string,
  runs: readonly ScheduledRun[],
): Promise<Map<Instant, { runId: string; state: RunState }>> {
  const { rows } = await context.database.pool.query<{ logical_date: Date; run_id: string; state: RunState }>(
    'SELECT logical_date, run_id, state FROM dag_run WHERE dag_id = $1 AND logical_date = ANY($2::timestamptz[])',
    [dagId, runs.map((run) => new Date(run.logicalDate))],
  );
  return new Map(rows.map((row) => [row.logical_date.getTime(), { runId: row.run_id, state: row.state }]));
}
