/** Which run a DAG's schedule asks for next. Pure: the DAG processor asks when it stores a DAG, the scheduler when it creates runs. */
import type { DataInterval, Instant } from '../core/time';
import type { DagSpec } from '../dag-spec/spec';
import { timetableOf } from './timetable-of';
import type { ScheduledRun, TimeRestriction, Timetable } from './timetable';

type Schedule = Pick<DagSpec, 'timetable' | 'startDate' | 'endDate' | 'catchup'>;

export function timetableOfDag(spec: Pick<DagSpec, 'timetable' | 'startDate'>): Timetable {
  return timetableOf(spec.timetable, instantOf(spec.startDate));
}

export function restrictionOf(spec: Schedule): TimeRestriction {
  return { earliest: instantOf(spec.startDate), latest: instantOf(spec.endDate), catchup: spec.catchup };
}

/**
 * The run after `last`, the interval of the DAG's newest scheduled run (null when there is none): for `dag.next_*` when a DAG is stored
 * for the first time or with another schedule. null: the schedule never asks for one.
 */
export function firstRunOf(spec: Schedule, last: DataInterval | null, now: Instant): ScheduledRun | null {
  return timetableOfDag(spec).nextRun(last, restrictionOf(spec), now);
}

/**
 * What becomes of a stored next run whose time has come, perhaps long ago (the DAG was paused, the scheduler was down): with catchup it
 * stands; without, the newest complete interval takes its place. null: that would be past endDate.
 */
export function dueRunOf(spec: Schedule, stored: ScheduledRun, now: Instant): ScheduledRun | null {
  if (spec.catchup || stored.interval.start === stored.interval.end) return stored;
  const newest = firstRunOf(spec, null, now);
  return newest === null || newest.logicalDate > stored.logicalDate ? newest : stored;
}

/** Changes when the next run has to be computed anew: for `dag.schedule_hash`. */
export function scheduleHashOf(spec: Schedule): string {
  return JSON.stringify([spec.timetable, spec.startDate, spec.endDate, spec.catchup]);
}

function instantOf(iso: string | null): Instant | null {
  return iso === null ? null : Date.parse(iso);
}
