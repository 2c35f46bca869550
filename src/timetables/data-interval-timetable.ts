import type { DataInterval, Instant } from '../core/time';
import { alignToNext, alignToPrevious, type Ticks } from './ticks';
import { latestOf, type LastRun, type ScheduledRun, type TimeRestriction, type Timetable } from './timetable';

/** Runs that stand for [tick, next tick): created once it has passed, with its start as logical date. */
export class DataIntervalTimetable implements Timetable {
  readonly canBeScheduled = true;
  readonly followsClock = true;

  constructor(
    private readonly ticks: Ticks,
    readonly summary: string,
    readonly description: string,
  ) {}

  nextRun(last: LastRun | null, restriction: TimeRestriction, now: Instant): ScheduledRun | null {
    const { earliest, latest, catchup, dueFrom = null } = restriction;
    const follows = last === null ? null : this.follow(last, earliest);
    // startDate may lie between two ticks, and the last run have covered it.
    const isBegun = follows !== null && earliest !== null && follows >= earliest;
    const start = latestOf(
      earliest === null || isBegun ? null : alignToNext(this.ticks, earliest),
      follows,
      catchup ? (dueFrom === null ? null : this.startOfEndFrom(dueFrom)) : this.newestComplete(now),
    );
    if (start === null || (latest !== null && start > latest)) return null;
    return this.runFrom(start);
  }

  manualInterval(runAfter: Instant): DataInterval {
    const end = alignToPrevious(this.ticks, runAfter);
    const start = end === null ? null : this.ticks.previous(end);
    return start === null || end === null ? { start: runAfter, end: runAfter } : { start, end };
  }

  *runsBetween(from: Instant, to: Instant): Generator<ScheduledRun> {
    let run = this.runFrom(alignToNext(this.ticks, from));
    while (run !== null && run.logicalDate <= to) {
      yield run;
      run = this.runFrom(run.interval.end);
    }
  }

  private newestComplete(now: Instant): Instant | null {
    const end = alignToPrevious(this.ticks, now);
    return end === null ? null : this.ticks.previous(end);
  }

  /** Of the first interval that ends at `at` or later. */
  private startOfEndFrom(at: Instant): Instant | null {
    const end = alignToNext(this.ticks, at);
    return end === null ? null : (this.ticks.previous(end) ?? end);
  }

  private runFrom(start: Instant | null): ScheduledRun | null {
    const end = start === null ? null : this.ticks.next(start);
    return start === null || end === null ? null : { logicalDate: start, interval: { start, end }, runAfter: end };
  }

  /**
   * Where the interval after `last` begins: where that one ended, which is a tick unless the schedule has changed since. Then it begins at the
   * tick of the new schedule before that end, as in Airflow: a whole interval, part of which has been worked on. Where a run has that logical
   * date or a later one, or it lies before startDate, going back would leave out time, or make a date twice: then it begins where the
   * last one ended, a shorter one. (A run of a trigger timetable may have that very moment as its logical date: then a millisecond later.)
   */
  private follow({ start, end, logicalDate = start }: LastRun, earliest: Instant | null): Instant {
    const tick = alignToPrevious(this.ticks, end);
    if (tick !== null && tick > logicalDate && (earliest === null || tick >= earliest)) return tick;
    return logicalDate < end ? end : end + 1;
  }
}
