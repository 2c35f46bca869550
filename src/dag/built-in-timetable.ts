/** What thence's own timetables share: they are values that are stored as a spec, and can be asked like any other Timetable. */
import { createRequire } from 'node:module';
import { DateTime } from 'luxon';
import type { DstPolicy, TimetableSpec } from '../dag-spec/spec';
import type { ScheduledRun } from '../timetables/timetable';
import { oneOf, type Check } from './option-checks';
import { Timetable, type TimetableInterval, type TimetableRestriction } from './timetable';
import type { Schedule } from './types';

/** Cron comes with a parser that importing thence in a DAG file shall not load. */
const load = createRequire(__filename);

/** What a schedule within a schedule is, in the DAG's zone. */
export type ParseSchedule = (schedule: Schedule, timezone: string) => TimetableSpec;

/** A run as the built-in timetables answer. */
export interface AnsweredRun extends TimetableInterval {
  readonly runAfter: DateTime;
  readonly logicalDate: DateTime;
}

export abstract class BuiltInTimetable extends Timetable {
  /** @throws ThenceError */
  abstract '~spec'(timezone: string, parse: ParseSchedule): TimetableSpec;

  nextRun(last: TimetableInterval | null, restriction: TimetableRestriction, now: DateTime): AnsweredRun | null {
    const { earliest, latest, catchup } = restriction;
    const interval = last === null ? null : { start: last.start.toMillis(), end: last.end.toMillis() };
    const limits = { earliest: earliest?.toMillis() ?? null, latest: latest?.toMillis() ?? null, catchup };
    return answer(this['~made'](now, earliest).nextRun(interval, limits, now.toMillis()), now);
  }

  manualInterval(runAfter: DateTime): TimetableInterval {
    const { start, end } = this['~made'](runAfter, null).manualInterval(runAfter.toMillis());
    return { start: inZoneOf(runAfter, start), end: inZoneOf(runAfter, end) };
  }

  override *runsBetween(from: DateTime, to: DateTime): Iterable<AnsweredRun> {
    for (const run of this['~made'](from, from).runsBetween(from.toMillis(), to.toMillis())) yield answer(run, from)!;
  }

  private '~made'(at: DateTime, startDate: DateTime | null) {
    const { parseTimetable } = load('./schedule') as typeof import('./schedule');
    const { timetableOf } = load('../timetables/timetable-of') as typeof import('../timetables/timetable-of');
    return timetableOf(parseTimetable(this, at.zoneName ?? 'UTC'), startDate?.toMillis() ?? null);
  }
}

const METHODS = ['nextRun', 'manualInterval', 'runsBetween'] as const;

/** Whether it is stored as a spec: a subclass that answers by itself is not. */
export function isBuiltIn(timetable: Timetable): timetable is BuiltInTimetable {
  return METHODS.every((method) => timetable[method] === BuiltInTimetable.prototype[method]);
}

/** What to leave out, so that equal policies are stored alike. */
export function dstSpec(dst: Partial<DstPolicy> | undefined): { dst?: Partial<DstPolicy> } {
  const { gap, overlap } = dst ?? {};
  const other = { ...(gap === 'skip' ? { gap } : {}), ...(overlap === undefined || overlap === 'second' ? {} : { overlap }) };
  return Object.keys(other).length === 0 ? {} : { dst: other };
}

const gaps = oneOf('forward', 'skip');
const overlaps = oneOf('second', 'first', 'both');
export const dstCheck: Check = (value) => {
  const allowed = "{ gap: 'forward' or 'skip', overlap: 'second', 'first' or 'both' }";
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return allowed;
  const { gap = 'forward', overlap = 'second', ...rest } = value as { gap?: unknown; overlap?: unknown };
  return Object.keys(rest).length === 0 && gaps(gap) === null && overlaps(overlap) === null ? null : allowed;
};

function answer(run: ScheduledRun | null, like: DateTime): AnsweredRun | null {
  if (run === null) return null;
  const { interval, runAfter, logicalDate } = run;
  const at = (instant: number) => inZoneOf(like, instant);
  return { start: at(interval.start), end: at(interval.end), runAfter: at(runAfter), logicalDate: at(logicalDate) };
}

function inZoneOf(like: DateTime, at: number): DateTime {
  return DateTime.fromMillis(at, { zone: like.zone });
}
