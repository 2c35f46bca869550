import type { DataInterval, Instant } from '../core/time';
import { latestOf, type LastRun, type ScheduledRun, type TimeRestriction, type Timetable } from './timetable';

const emptyIntervalAt = (at: Instant): DataInterval => ({ start: at, end: at });

/** `schedule: null`: only people and other DAGs start it. */
export class NullTimetable implements Timetable {
  readonly summary: string = 'None';
  readonly description: string = 'Never, only when triggered';
  readonly canBeScheduled: boolean = false;
  readonly followsClock: boolean = false;

  nextRun(_last: LastRun | null, _restriction: TimeRestriction, _now: Instant): ScheduledRun | null {
    return null;
  }

  manualInterval(runAfter: Instant): DataInterval {
    return emptyIntervalAt(runAfter);
  }

  *runsBetween(_from: Instant, _to: Instant): Generator<ScheduledRun> {}
}

/** `@once`: one run, at startDate or as soon as the DAG is there, whatever `catchup` says. */
export class OnceTimetable extends NullTimetable {
  override readonly summary = '@once';
  override readonly description = 'Once, as soon as possible';
  override readonly canBeScheduled = true;

  constructor(private readonly startDate: Instant | null) {
    super();
  }

  override nextRun(last: LastRun | null, { earliest, latest }: TimeRestriction, now: Instant): ScheduledRun | null {
    const at = earliest ?? now;
    if (last !== null || (latest !== null && at > latest)) return null;
    return { logicalDate: at, interval: emptyIntervalAt(at), runAfter: at };
  }

  override *runsBetween(from: Instant, to: Instant): Generator<ScheduledRun> {
    const at = this.startDate;
    if (at !== null && from <= at && at <= to) yield { logicalDate: at, interval: emptyIntervalAt(at), runAfter: at };
  }
}

/**
 * `@continuous`: a run whenever the one before has ended; the DAG has one at a time. Its data interval goes from where the last one
 * ended (from startDate for the first) to the moment at which it is made.
 */
export class ContinuousTimetable extends NullTimetable {
  override readonly summary = '@continuous';
  override readonly description = 'Without a pause, one run after the other';
  override readonly canBeScheduled = true;

  override nextRun(last: LastRun | null, { earliest, latest }: TimeRestriction, now: Instant): ScheduledRun | null {
    // An empty interval must not give the next one its own logical date.
    const start = last === null ? (earliest ?? now) : latestOf(last.end, last.start + 1, earliest)!;
    if (latest !== null && start > latest) return null;
    const end = Math.max(now, start);
    return { logicalDate: start, interval: { start, end }, runAfter: end };
  }
}
