import type { DataInterval, Instant } from '../core/time';
import type { ScheduledRun, TimeRestriction, Timetable } from './timetable';

const emptyIntervalAt = (at: Instant): DataInterval => ({ start: at, end: at });

/** `schedule: null`: only people and other DAGs start it. */
export class NullTimetable implements Timetable {
  readonly summary: string = 'None';
  readonly description: string = 'Never, only when triggered';
  readonly canBeScheduled: boolean = false;

  nextRun(_last: DataInterval | null, _restriction: TimeRestriction, _now: Instant): ScheduledRun | null {
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

  override nextRun(last: DataInterval | null, { earliest, latest }: TimeRestriction, now: Instant): ScheduledRun | null {
    const at = earliest ?? now;
    if (last !== null || (latest !== null && at > latest)) return null;
    return { logicalDate: at, interval: emptyIntervalAt(at), runAfter: at };
  }

  override *runsBetween(from: Instant, to: Instant): Generator<ScheduledRun> {
    const at = this.startDate;
    if (at !== null && from <= at && at <= to) yield { logicalDate: at, interval: emptyIntervalAt(at), runAfter: at };
  }
}
