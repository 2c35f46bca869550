import type { DataInterval, Instant } from '../core/time';

/** A run that a timetable asks for. */
export interface ScheduledRun {
  readonly logicalDate: Instant;
  readonly interval: DataInterval;
  /** The run is created once this has passed. */
  readonly runAfter: Instant;
}

export interface TimeRestriction {
  /** startDate */
  readonly earliest: Instant | null;
  /** endDate: no run whose logical date is later. */
  readonly latest: Instant | null;
  readonly catchup: boolean;
}

/** When runs are due. Pure functions of their arguments. */
export interface Timetable {
  /** For people: 'At 06:00, Europe/Zurich'. */
  readonly description: string;
  /** For a column: '0 6 * * *'. */
  readonly summary: string;
  /** False: never makes runs by itself. */
  readonly canBeScheduled: boolean;
  /** The run after `last` (the newest automated interval; null when there is none), or null for ever. May lie in the future. */
  nextRun(last: DataInterval | null, restriction: TimeRestriction, now: Instant): ScheduledRun | null;
  /** The interval of a run triggered by hand at `runAfter`: the last complete one. */
  manualInterval(runAfter: Instant): DataInterval;
  /** All runs with a logical date in [from, to], in order: what a backfill of that range makes. Lazy. */
  runsBetween(from: Instant, to: Instant): Iterable<ScheduledRun>;
}
