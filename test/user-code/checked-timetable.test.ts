import { DateTime } from 'luxon';
import { Timetable as UserTimetable, type TimetableInterval, type TimetableRun } from '../../src/index';
import { dueRunsOf, firstRunOf, upcomingRunsOf, type Times } from '../../src/timetables/next-run';
import { CheckedTimetable } from '../../src/user-code/checked-timetable';

const at = (iso: string) => Date.parse(iso.length === 10 ? `${iso}T00:00:00Z` : iso);
const day = (instant: number) => new Date(instant).toISOString().slice(0, 10);
const now = at('2026-03-10T12:00:00Z');
const HOUR = 3_600_000;

type NextRun = (last: TimetableInterval | null, restriction: { earliest: DateTime | null }, now: DateTime) => unknown;

/** A timetable of the user's with these answers; by default a run for each day. */
function made(
  methods: { nextRun?: NextRun; manualInterval?: (at: DateTime) => unknown; runsBetween?: (from: DateTime, to: DateTime) => unknown } = {},
) {
  class Moon extends UserTimetable {
    override nextRun(last: TimetableInterval | null, restriction: { earliest: DateTime | null }, date: DateTime) {
      if (methods.nextRun) return methods.nextRun(last, restriction, date) as TimetableRun;
      const start = last?.end ?? (restriction.earliest ?? date.minus({ days: 30 })).startOf('day');
      return { start, end: start.plus({ days: 1 }) };
    }
    override manualInterval(date: DateTime) {
      return (methods.manualInterval?.(date) ?? { start: date.startOf('day'), end: date }) as TimetableInterval;
    }
  }
  const timetable = new Moon();
  if (methods.runsBetween) Object.assign(timetable, { runsBetween: methods.runsBetween });
  return new CheckedTimetable(timetable, 'Europe/Zurich');
}
const times = (more: Partial<Times> = {}): Times => ({
  timetable: { kind: 'custom', className: 'Moon', summary: 'Moon', description: 'Moon' },
  startDate: null,
  endDate: null,
  catchup: false,
  ...more,
});

describe('what the rest of thence makes of a class that only knows its next run', () => {
  const first = (more: Partial<Times>) => {
    const run = firstRunOf(times(more), null, now, made());
    return run && day(run.logicalDate + HOUR);
  };

  it('startDate, endDate, catchup and missedRuns hold as for any schedule', () => {
    expect(first({})).toBe('2026-03-09');
    expect(first({ startDate: '2026-03-01T00:00:00Z', catchup: true })).toBe('2026-03-02'); // midnight in Zurich, after startDate
    expect(first({ endDate: '2026-03-01T00:00:00Z' })).toBeNull();
    expect(first({ missedRuns: { window: 'P3D' } })).toBe('2026-03-07');
    expect(first({ missedRuns: 'none' })).toBe('2026-03-10');
  });

  it('due runs and those to come are found step by step', () => {
    const timetable = made();
    const stored = firstRunOf(times({ startDate: '2026-03-06T00:00:00Z', catchup: true }), null, now, timetable)!;
    const { due, next } = dueRunsOf(times({ catchup: true }), stored, now, 10, timetable);
    expect(due.map((run) => day(run.logicalDate + HOUR))).toEqual(['2026-03-07', '2026-03-08', '2026-03-09']);
    expect(day(next!.logicalDate + HOUR)).toBe('2026-03-10');
    expect(upcomingRunsOf(times(), next!.interval, now, 3, timetable)).toHaveLength(3);
  });

  it('a backfill takes its runs from nextRun, or from runsBetween where it has that', () => {
    const between = (timetable: CheckedTimetable) =>
      [...timetable.runsBetween(at('2026-03-01'), at('2026-03-03'))].map((run) => day(run.logicalDate));
    expect(between(made())).toEqual(['2026-03-01', '2026-03-02']);
    const some = made({
      runsBetween: () => ['2026-02-01', '2026-03-02T00:00Z', '2026-04-01'].map((start) => ({ start, end: '2027-01-01' })),
    });
    expect(between(some)).toEqual(['2026-03-02']);
  });

  it('its dates may be DateTimes, Dates, ISO 8601 in the zone of the DAG, or milliseconds', () => {
    const run = firstRunOf(
      times(),
      null,
      now,
      made({
        nextRun: (last) =>
          last ? null : { start: '2026-03-10', end: new Date(now), runAfter: now + 1, logicalDate: DateTime.fromMillis(now) },
      }),
    );
    expect(run).toEqual({ logicalDate: now, interval: { start: at('2026-03-09T23:00:00Z'), end: now }, runAfter: now + 1 });
  });
});

describe('an answer that makes no sense is refused with a sentence', () => {
  const again = { start: '2026-03-01', end: '2026-03-02' };
  it.each<[string, NextRun, RegExp]>([
    ['nothing', () => undefined, /nextRun of the timetable Moon answered undefined: wanted is \{ start, end \}, or null/],
    ['a promise', async () => again, /answered a promise: timetables .* answer at once/],
    ['text', () => 'tomorrow', /answered "tomorrow"/],
    ['no date', () => ({ start: 'soon', end: 'later' }), /answered "soon" as `start`: wanted is a date/],
    [
      'an end before its start',
      () => ({ start: '2026-03-02', end: '2026-03-01' }),
      /an interval that ends before it starts: 2026-03-01T23:00Z to 2026-02-28T23:00Z/,
    ],
    ['the same run again', () => again, /answered .* after .*: that is the same one/],
    ['an earlier run', (last) => (last ? { start: '2026-02-01', end: '2026-02-02' } : again), /that is not later/],
    [
      'a logical date that stands still',
      (last) => ({
        start: last?.end ?? '2026-03-01',
        end: (last?.end ?? DateTime.fromISO('2026-03-01')).plus({ days: 1 }),
        logicalDate: '2026-03-01',
      }),
      /both have to rise/,
    ],
  ])('%s', (_what, nextRun, message) => {
    const timetable = made({ nextRun });
    expect(() => firstRunOf(times(), null, now, timetable)).toThrow(message);
  });

  it('also for runs by hand and backfills', () => {
    expect(() => made({ manualInterval: () => ({ start: 5 }) }).manualInterval(now)).toThrow(
      /manualInterval of the timetable Moon answered undefined as `end`/,
    );
    const backfill = (answer: unknown) => () => [...made({ runsBetween: () => answer }).runsBetween(now, now + HOUR)];
    expect(backfill(5)).toThrow(/runsBetween of the timetable Moon answered 5: wanted is a list/);
    expect(
      backfill([
        { start: now, end: now },
        { start: now, end: now },
      ]),
    ).toThrow(/gave the logical date .* they have to rise/);
  });
});
