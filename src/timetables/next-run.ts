/**
 * Which runs a DAG's schedule asks for. Pure: the DAG processor asks when it stores a DAG, the scheduler when it creates runs, and the
 * process for user code does the same for timetables of DAG files.
 */
import { Duration } from 'luxon';
import type { Instant } from '../core/time';
import type { DagSpec } from '../dag-spec/spec';
import { timetableOf } from './timetable-of';
import type { LastRun, ScheduledRun, TimeRestriction, Timetable } from './timetable';

/** What of a DAG decides when it runs. */
export type Schedule = Pick<DagSpec, 'timetable' | 'startDate' | 'endDate' | 'catchup' | 'missedRuns' | 'timezone'>;
/** The zone is for user-defined timetables; the others know their own. */
export type Times = Omit<Schedule, 'timezone'>;

/** With `missedRuns: 'none'` a run that is late by this, or by a tenth of the time to the next one, is not missed yet. */
const LATE_MS = 5 * 60_000;

export function scheduleOf({ timetable, startDate, endDate, catchup, missedRuns, timezone }: Schedule): Schedule {
  return { timetable, startDate, endDate, catchup, timezone, ...(missedRuns === undefined ? {} : { missedRuns }) };
}

export function timetableOfDag(spec: Pick<DagSpec, 'timetable' | 'startDate'>): Timetable {
  return timetableOf(spec.timetable, instantOf(spec.startDate));
}

/**
 * The run after `last`, the DAG's newest scheduled one (null when there is none): for `dag.next_*` when a DAG is stored
 * for the first time or with another schedule. null: the schedule never asks for one.
 */
export function firstRunOf(schedule: Times, last: LastRun | null, now: Instant, timetable = timetableOfDag(schedule)): ScheduledRun | null {
  const restriction = restrictionOf(schedule, now);
  const run = timetable.nextRun(last, restriction, now);
  return schedule.missedRuns === 'none' && timetable.followsClock ? unlessLate(run, restriction, now, timetable) : run;
}

/**
 * What becomes of a stored next run whose time has come, perhaps long ago (the DAG was paused, the scheduler was down): with catchup it
 * stands; without, the newest complete one takes its place; or as `missedRuns` says. null: that would be past endDate.
 */
export function dueRunOf(schedule: Times, stored: ScheduledRun, now: Instant, timetable = timetableOfDag(schedule)): ScheduledRun | null {
  if (schedule.timetable.kind === 'continuous')
    return { ...stored, interval: { start: stored.interval.start, end: Math.max(now, stored.interval.start) } };
  if (schedule.catchup || !timetable.followsClock) return stored;
  const restriction = restrictionOf(schedule, now);
  if (typeof schedule.missedRuns === 'object') {
    return stored.runAfter >= restriction.dueFrom! ? stored : timetable.nextRun(stored.interval, restriction, now);
  }
  const newest = newestFrom(stored, restriction, now, timetable);
  return schedule.missedRuns === 'none' ? unlessLate(newest, restriction, now, timetable) : newest;
}

export interface DueRuns {
  /** In order. */
  readonly due: readonly ScheduledRun[];
  /** What comes after them: due as well when there was no room for it. */
  readonly next: ScheduledRun | null;
}

/** @param stored the next run as it was computed before @param most of `due` */
export function dueRunsOf(
  schedule: Times,
  stored: ScheduledRun,
  now: Instant,
  most: number,
  timetable = timetableOfDag(schedule),
): DueRuns {
  const due: ScheduledRun[] = [];
  let next = dueRunOf(schedule, stored, now, timetable);
  while (next !== null && next.runAfter <= now && due.length < most) {
    due.push(next);
    next = firstRunOf(schedule, next.interval, now, timetable);
    // The run after it begins when it ends, whenever that is.
    if (!timetable.followsClock) break;
  }
  return { due, next };
}

/** The next runs as the schedule will ask for them, when nothing is missed from now on. */
export function upcomingRunsOf(
  schedule: Times,
  last: LastRun | null,
  now: Instant,
  count: number,
  timetable = timetableOfDag(schedule),
): ScheduledRun[] {
  const runs: ScheduledRun[] = [];
  for (let [before, at] = [last, now]; runs.length < count;) {
    const next = firstRunOf(schedule, before, at, timetable);
    if (next === null) break;
    runs.push(next);
    if (!timetable.followsClock) break;
    before = next.interval;
    at = Math.max(at, next.runAfter);
  }
  return runs;
}

/** How the hash of a user-defined timetable begins, so that a query can tell it. */
export const CUSTOM_SCHEDULE = 'custom ';

/** Changes when the next run has to be computed anew: for `dag.schedule_hash`. @param code which code a user-defined timetable has */
export function scheduleHashOf({ timetable, startDate, endDate, catchup, missedRuns }: Times, code: string | null = null): string {
  const parts = [timetable, startDate, endDate, catchup, ...(missedRuns === undefined ? [] : [missedRuns])];
  return timetable.kind === 'custom' ? CUSTOM_SCHEDULE + JSON.stringify([...parts, code]) : JSON.stringify(parts);
}

function restrictionOf({ startDate, endDate, catchup, missedRuns }: Times, now: Instant): TimeRestriction {
  const window = typeof missedRuns === 'object' ? Duration.fromISO(missedRuns.window).toMillis() : null;
  return {
    earliest: instantOf(startDate),
    latest: instantOf(endDate),
    catchup: catchup || window !== null,
    dueFrom: window === null ? null : now - window,
  };
}

/** The newest one that is due, or `stored` where there is none newer. */
function newestFrom(stored: ScheduledRun, restriction: TimeRestriction, now: Instant, timetable: Timetable): ScheduledRun | null {
  const newer = timetable.nextRun(stored.interval, { ...restriction, latest: null }, now);
  if (newer === null || newer.runAfter > now) return stored;
  return restriction.latest !== null && newer.logicalDate > restriction.latest ? null : newer;
}

function unlessLate(run: ScheduledRun | null, restriction: TimeRestriction, now: Instant, timetable: Timetable): ScheduledRun | null {
  if (run === null || run.runAfter > now) return run;
  const following = timetable.nextRun(run.interval, { ...restriction, latest: null, catchup: true }, now);
  const gap = following === null ? 0 : following.runAfter - run.runAfter;
  if (now - run.runAfter <= Math.max(LATE_MS, gap / 10)) return run;
  return following === null || (restriction.latest !== null && following.logicalDate > restriction.latest) ? null : following;
}

function instantOf(iso: string | null): Instant | null {
  return iso === null ? null : Date.parse(iso);
}
