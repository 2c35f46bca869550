import { DateTime, type Duration } from 'luxon';
import type { DataInterval, Instant } from '../core/time';
import { alignToNext, alignToPrevious, type Ticks } from './ticks';
import { latestOf, type LastRun, type ScheduledRun, type TimeRestriction, type Timetable } from './timetable';

/** How old the last tick may be for the first run of a DAG without startDate: at least this, or a tenth of the time between two ticks. */
const JUST_PASSED_MS = 5 * 60_000;

export interface TriggerOptions {
  readonly summary: string;
  readonly description: string;
  /** What months before a tick are counted in. */
  readonly timezone: string;
  /** The data interval that ends at the tick; null: an empty one. */
  readonly interval: Duration | null;
  /** See TimetableSpec; null: as JUST_PASSED_MS says. */
  readonly runImmediately: true | Duration | null;
  /** A run triggered by hand takes the last tick in place of its own time. */
  readonly restrictToTicks?: boolean;
}

/** Runs that come at the tick, which is their logical date. */
export class TriggerTimetable implements Timetable {
  readonly canBeScheduled = true;
  readonly followsClock = true;
  readonly summary: string;
  readonly description: string;

  constructor(
    private readonly ticks: Ticks,
    private readonly options: TriggerOptions,
  ) {
    ({ summary: this.summary, description: this.description } = options);
  }

  nextRun(last: LastRun | null, restriction: TimeRestriction, now: Instant): ScheduledRun | null {
    const { earliest, latest, catchup, dueFrom = null } = restriction;
    const isVeryFirst = last === null && earliest === null && dueFrom === null;
    const follows = isVeryFirst ? this.firstTick(now) : last === null ? null : this.ticks.next(last.end);
    const first = earliest === null ? null : alignToNext(this.ticks, earliest);
    if ((last !== null && follows === null) || (earliest !== null && first === null)) return null;
    const newest = catchup ? (dueFrom === null ? null : alignToNext(this.ticks, dueFrom)) : alignToPrevious(this.ticks, now);
    if (catchup && dueFrom !== null && newest === null) return null;
    const tick = latestOf(first, follows, newest);
    return tick === null || (latest !== null && tick > latest) ? null : this.runAt(tick);
  }

  manualInterval(runAfter: Instant): DataInterval {
    const { restrictToTicks = false } = this.options;
    const end = restrictToTicks ? (alignToPrevious(this.ticks, runAfter) ?? this.ticks.next(runAfter) ?? runAfter) : runAfter;
    return this.intervalBefore(end);
  }

  *runsBetween(from: Instant, to: Instant): Generator<ScheduledRun> {
    for (let tick = alignToNext(this.ticks, from); tick !== null && tick <= to; tick = this.ticks.next(tick)) yield this.runAt(tick);
  }

  /** Of a DAG that has neither a startDate nor a run. */
  private firstTick(now: Instant): Instant | null {
    const { runImmediately } = this.options;
    const passed = alignToPrevious(this.ticks, now);
    const next = this.ticks.next(now);
    if (passed === null) return next;
    const gap = next === null ? 0 : next - passed;
    const oldest =
      runImmediately === true ? Infinity : runImmediately === null ? Math.max(JUST_PASSED_MS, gap / 10) : runImmediately.toMillis();
    return now - passed <= oldest ? passed : next;
  }

  private runAt(tick: Instant): ScheduledRun {
    return { logicalDate: tick, interval: this.intervalBefore(tick), runAfter: tick };
  }

  private intervalBefore(end: Instant): DataInterval {
    const { interval, timezone } = this.options;
    if (interval === null) return { start: end, end };
    const { years, quarters, months } = interval;
    const calendar = years * 12 + quarters * 3 + months;
    const rest = interval.minus({ years, quarters, months }).toMillis();
    const start = calendar === 0 ? end : DateTime.fromMillis(end, { zone: timezone }).minus({ months: calendar }).toMillis();
    return { start: start - rest, end };
  }
}
