/** The base class of timetables in DAG files. */
import type { DateTime } from 'luxon';
import { BRAND, isBranded, type Brand } from './brand';
import type { DateInput } from './types';

/** [start, end) */
export interface TimetableInterval {
  readonly start: DateTime;
  readonly end: DateTime;
}

export interface TimetableRestriction {
  /** `startDate` of the DAG. */
  readonly earliest: DateTime | null;
  /** `endDate`: no run whose logical date is later. */
  readonly latest: DateTime | null;
  readonly catchup: boolean;
}

/** Points in time may be given as in `startDate`, or as milliseconds since 1970. */
export type TimetableDate = DateInput | number;

/** A run that a timetable asks for. */
export interface TimetableRun {
  /** Of the data interval. */
  readonly start: TimetableDate;
  /** Not before `start`. */
  readonly end: TimetableDate;
  /** When the run is due. @default end */
  readonly runAfter?: TimetableDate;
  /** Each run has another one, later than that of the run before. @default start */
  readonly logicalDate?: TimetableDate;
}

/**
 * Subclass it for a schedule of your own, and give an instance as `schedule`. Its methods are pure functions of what they are given and
 * of what the constructor was given: no clock, no files, no network, nothing remembered between two calls. They run in a process for user code with
 * a time limit, never in the scheduler; what they throw, or answers that make no sense, are shown as a warning of the DAG.
 *
 * @example
 * class EveryOtherHour extends Timetable {
 *   description = 'Every other hour';
 *   nextRun(last, { earliest }, now) {
 *     const start = last?.end ?? (earliest ?? now).startOf('day');
 *     return { start, end: start.plus({ hours: 2 }) };
 *   }
 *   manualInterval(runAfter) {
 *     return { start: runAfter.minus({ hours: 2 }), end: runAfter };
 *   }
 * }
 */
export abstract class Timetable {
  get [BRAND](): Brand {
    return 'timetable';
  }
  /** For a column: a few characters. @default the name of the class */
  readonly summary?: string;
  /** For people. @default the name of the class */
  readonly description?: string;

  /**
   * The run after `last`, the data interval of the run before it (null: there is none yet), or null when there is no further one. It may lie
   * in the future, and must be later than `last`. `startDate`, `endDate`, `catchup` and `missedRuns` are seen to by thence: without catchup, this is
   * asked again from run to run until the newest one that is due. Dates are in the DAG's time zone.
   */
  abstract nextRun(last: TimetableInterval | null, restriction: TimetableRestriction, now: DateTime): TimetableRun | null;

  /** The data interval of a run that somebody triggers for `runAfter`. */
  abstract manualInterval(runAfter: DateTime): Pick<TimetableRun, 'start' | 'end'>;

  /** All runs with a logical date from `from` to `to`, both included, in order: for backfills. Left out: by `nextRun`, step by step. */
  runsBetween?(from: DateTime, to: DateTime): Iterable<TimetableRun>;
}

export function isTimetable(value: unknown): value is Timetable {
  return isBranded(value, 'timetable');
}
