import type { DataInterval, Instant } from '../core/time';

/** A run that a timetable asks for. */
export interface ScheduledRun {
  readonly logicalDate: Instant;
  readonly interval: DataInterval;
  /** The run is created once this has passed. */
  readonly runAfter: Instant;
}

/** The newest automated run. */
export interface LastRun extends DataInterval {
  /** Where it is known. */
  readonly logicalDate?: Instant;
}

export interface TimeRestriction {
  /** startDate */
  readonly earliest: Instant | null;
  /** endDate: no run whose logical date is later. */
  readonly latest: Instant | null;
  /** False: of the runs that are due already, only the newest. */
  readonly catchup: boolean;
  /** With catchup: no run that was due before this. */
  readonly dueFrom?: Instant | null;
}

/** When runs are due. Pure functions of their arguments. */
export interface Timetable {
  /** For people: 'At 06:00, Europe/Zurich'. */
  readonly description: string;
  /** For a column: '0 6 * * *'. */
  readonly summary: string;
  /** False: never makes runs by itself. */
  readonly canBeScheduled: boolean;
  /** Whether its runs belong to set times, so that there is such a thing as a missed one. `@once` and `@continuous` have none. */
  readonly followsClock: boolean;
  /** The run after `last` (null when there is none), or null for ever. May lie in the future. */
  nextRun(last: LastRun | null, restriction: TimeRestriction, now: Instant): ScheduledRun | null;
  /** The interval of a run triggered by hand at `runAfter`: the last complete one. */
  manualInterval(runAfter: Instant): DataInterval;
  /** All runs with a logical date in [from, to], in order: what a backfill of that range makes. Lazy. */
  runsBetween(from: Instant, to: Instant): Iterable<ScheduledRun>;
}

export function latestOf(...instants: readonly (Instant | null)[]): Instant | null {
  return instants.reduce((latest, at) => (latest === null || (at !== null && at > latest) ? at : latest), null);
}
