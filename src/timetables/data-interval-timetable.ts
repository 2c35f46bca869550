import type { DataInterval, Instant } from '../core/time';
import type { Ticks } from './ticks';
import type { ScheduledRun, TimeRestriction, Timetable } from './timetable';

/** Runs that stand for [tick, next tick): created once it has passed, with its start as logical date. */
export class DataIntervalTimetable implements Timetable {
  readonly canBeScheduled = true;

  constructor(
    private readonly ticks: Ticks,
    readonly summary: string,
    readonly description: string,
  ) {}

  nextRun(last: DataInterval | null, restriction: TimeRestriction, now: Instant): ScheduledRun | null {
    const earliest = restriction.catchup
      ? restriction.earliest === null
        ? null
        : this.alignToNext(restriction.earliest)
      : this.newestComplete(restriction.earliest, now);
    // A schedule that has changed since: back to the new grid, so that nothing between is left out.
    const follows = last === null ? null : this.alignToPrevious(last.end);
    const start = earliest === null || follows === null ? (earliest ?? follows) : Math.max(earliest, follows);
    if (start === null || (restriction.latest !== null && start > restriction.latest)) return null;
    return this.runFrom(start);
  }

  manualInterval(runAfter: Instant): DataInterval {
    const end = this.alignToPrevious(runAfter);
    const start = end === null ? null : this.ticks.previous(end);
    return start === null || end === null ? { start: runAfter, end: runAfter } : { start, end };
  }

  *runsBetween(from: Instant, to: Instant): Generator<ScheduledRun> {
    let run = this.runFrom(this.alignToNext(from));
    while (run !== null && run.logicalDate <= to) {
      yield run;
      run = this.runFrom(run.interval.end);
    }
  }

  /** Where a DAG without catchup begins: the newest interval that has ended, but not before `earliest`. */
  private newestComplete(earliest: Instant | null, now: Instant): Instant | null {
    const end = this.alignToPrevious(now);
    const start = end === null ? null : this.ticks.previous(end);
    const first = earliest === null ? null : this.alignToNext(earliest);
    return start === null || first === null ? (first ?? start) : Math.max(start, first);
  }

  private runFrom(start: Instant | null): ScheduledRun | null {
    const end = start === null ? null : this.ticks.next(start);
    return start === null || end === null ? null : { logicalDate: start, interval: { start, end }, runAfter: end };
  }

  /** `at` itself when it is a tick. */
  private alignToNext(at: Instant): Instant | null {
    return this.ticks.next(at - 1);
  }

  private alignToPrevious(at: Instant): Instant | null {
    return this.ticks.previous(at + 1);
  }
}
