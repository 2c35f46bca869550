/**
 * A user's Timetable as the rest of thence sees timetables: instants, and answers that make sense. startDate, endDate and the question of
 * missed runs are seen to here, so that the class need not know of them: it is asked from run to run.
 */
import { DateTime } from 'luxon';
import { ThenceError } from '../core/errors';
import type { DataInterval, Instant } from '../core/time';
import type { Timetable as UserTimetable, TimetableDate, TimetableInterval } from '../dag/timetable';
import type { LastRun, ScheduledRun, TimeRestriction, Timetable } from '../timetables/timetable';

const EARLIEST = Date.UTC(1, 0, 1);
const LATEST = Date.UTC(9999, 11, 31);

export class CheckedTimetable implements Timetable {
  readonly canBeScheduled = true;
  readonly followsClock = true;
  readonly summary: string;
  readonly description: string;
  private readonly name: string;
  /** The run that was answered last. */
  private before: ScheduledRun | null = null;

  constructor(
    private readonly timetable: UserTimetable,
    private readonly zone: string,
  ) {
    this.name = timetable.constructor.name;
    this.summary = timetable.summary ?? this.name;
    this.description = timetable.description ?? this.summary;
  }

  nextRun(last: LastRun | null, restriction: TimeRestriction, now: Instant): ScheduledRun | null {
    const { earliest, latest, catchup, dueFrom = null } = restriction;
    const isTooEarly = (run: ScheduledRun) =>
      (earliest !== null && run.logicalDate < earliest) || (catchup && dueFrom !== null && run.runAfter < dueFrom);
    let run = this.ask(last, restriction, now);
    while (run !== null && isTooEarly(run)) run = this.ask(run.interval, restriction, now);
    while (!catchup && run !== null && run.runAfter <= now) {
      const following = this.ask(run.interval, restriction, now);
      if (following === null || following.runAfter > now) break;
      run = following;
    }
    return run === null || (latest !== null && run.logicalDate > latest) ? null : run;
  }

  manualInterval(runAfter: Instant): DataInterval {
    const { start, end } = this.read(this.timetable.manualInterval(this.date(runAfter)), 'manualInterval');
    return { start, end };
  }

  *runsBetween(from: Instant, to: Instant): Generator<ScheduledRun> {
    let before: ScheduledRun | null = null;
    for (const run of this.candidates(from, to)) {
      if (before !== null && run.logicalDate <= before.logicalDate) {
        throw this.nonsense(
          'runsBetween',
          `gave the logical date ${iso(run.logicalDate)} after ${iso(before.logicalDate)}: they have to rise`,
        );
      }
      if (run.logicalDate > to) return;
      before = run;
      if (run.logicalDate >= from) yield run;
    }
  }

  private *candidates(from: Instant, to: Instant): Generator<ScheduledRun> {
    if (typeof this.timetable.runsBetween === 'function') {
      const answer: unknown = this.timetable.runsBetween(this.date(from), this.date(to));
      if (typeof (answer as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !== 'function') {
        throw this.nonsense('runsBetween', `answered ${show(answer)}: wanted is a list (or a generator) of runs`);
      }
      for (const run of answer as Iterable<unknown>) yield this.readRun(run, 'runsBetween');
      return;
    }
    const restriction = { earliest: from, latest: to, catchup: true };
    for (let run = this.ask(null, restriction, to); run !== null; run = this.ask(run.interval, restriction, to)) yield run;
  }

  private ask(last: LastRun | null, { earliest, latest, catchup }: TimeRestriction, now: Instant): ScheduledRun | null {
    const dates = { earliest: this.dateOrNull(earliest), latest: this.dateOrNull(latest), catchup };
    const answer: unknown = this.timetable.nextRun(last === null ? null : this.interval(last), dates, this.date(now));
    if (answer === null) return null;
    const run = this.readRun(answer, 'nextRun');
    if (last !== null) this.checkProgress(last, run);
    return (this.before = run);
  }

  private checkProgress(last: LastRun, run: ScheduledRun): void {
    const { start, end } = run.interval;
    const isSame = start === last.start && end === last.end;
    if (isSame || start < last.start || end < last.end) {
      throw this.nonsense(
        'nextRun',
        `answered ${interval(run.interval)} after ${interval(last)}: ${isSame ? 'that is the same one' : 'that is not later'}`,
      );
    }
    const isBefore = this.before?.interval.start === last.start && this.before.interval.end === last.end;
    const before = isBefore ? this.before! : { logicalDate: last.logicalDate ?? -Infinity, runAfter: -Infinity };
    if (run.logicalDate <= before.logicalDate || run.runAfter < before.runAfter) {
      throw this.nonsense(
        'nextRun',
        `answered the logical date ${iso(run.logicalDate)}, due at ${iso(run.runAfter)}, for the run after ${iso(before.logicalDate)}: both have to rise`,
      );
    }
  }

  private readRun(answer: unknown, method: string): ScheduledRun {
    const { start, end, ...rest } = this.read(answer, method);
    const { runAfter = end, logicalDate = start } = rest;
    return { logicalDate, interval: { start, end }, runAfter };
  }

  private read(answer: unknown, method: string): { start: Instant; end: Instant; runAfter?: Instant; logicalDate?: Instant } {
    if (typeof (answer as Partial<PromiseLike<unknown>> | null)?.then === 'function') {
      throw this.nonsense(method, 'answered a promise: timetables are functions of their arguments, and answer at once');
    }
    if (typeof answer !== 'object' || answer === null) {
      throw this.nonsense(
        method,
        `answered ${show(answer)}: wanted is { start, end }${method === 'nextRun' ? ', or null when there is no further run' : ''}`,
      );
    }
    const { start, end, runAfter, logicalDate } = answer as Record<string, unknown>;
    const read = {
      start: this.instant(start, 'start', method),
      end: this.instant(end, 'end', method),
      ...(runAfter === undefined ? {} : { runAfter: this.instant(runAfter, 'runAfter', method) }),
      ...(logicalDate === undefined ? {} : { logicalDate: this.instant(logicalDate, 'logicalDate', method) }),
    };
    if (read.end >= read.start) return read;
    throw this.nonsense(method, `answered an interval that ends before it starts: ${interval(read)}`);
  }

  private instant(value: unknown, name: string, method: string): Instant {
    const at = millisOf(value as TimetableDate, this.zone);
    if (at >= EARLIEST && at <= LATEST) return at;
    throw this.nonsense(method, `answered ${show(value)} as \`${name}\`: wanted is a date (a DateTime, a Date, ISO 8601, or milliseconds)`);
  }

  private nonsense(method: string, what: string): ThenceError {
    return new ThenceError('DAG_FILE', `${method} of the timetable ${this.name} ${what}`);
  }

  private interval({ start, end }: DataInterval): TimetableInterval {
    return { start: this.date(start), end: this.date(end) };
  }

  private date(at: Instant): DateTime {
    return DateTime.fromMillis(at, { zone: this.zone });
  }

  private dateOrNull(at: Instant | null): DateTime | null {
    return at === null ? null : this.date(at);
  }
}

function millisOf(value: TimetableDate, zone: string): number {
  if (typeof value === 'number') return Math.round(value);
  if (typeof value === 'string') return DateTime.fromISO(value, { zone }).toMillis();
  return value instanceof Date || DateTime.isDateTime(value) ? value.valueOf() : NaN;
}

function interval({ start, end }: DataInterval): string {
  return `${iso(start)} to ${iso(end)}`;
}

function iso(at: Instant): string {
  return new Date(at).toISOString().replace(/(:00)?\.000Z$/, 'Z');
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  try {
    return JSON.stringify(value)?.slice(0, 100) ?? String(value);
  } catch {
    return 'an object';
  }
}
