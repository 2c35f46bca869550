import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { DagSpec, TimetableSpec } from '../../src/dag-spec/spec';
import { dueRunOf, firstRunOf } from '../../src/timetables/next-run';
import { timetableOf } from '../../src/timetables/timetable-of';
import type { ScheduledRun } from '../../src/timetables/timetable';
import { validateCron } from '../../src/timetables/cron-expression';
import { cron as anyCron } from '../support/cron-arbitraries';

const at = (iso: string) => Date.parse(iso.length === 10 ? `${iso}T00:00:00Z` : iso);
const iso = (instant: number) => new Date(instant).toISOString().replace(':00.000Z', 'Z');
const cron = (expression: string, timezone = 'UTC'): TimetableSpec => ({ kind: 'cron-data-interval', expression, timezone });
const delta = (text: string, timezone = 'UTC'): TimetableSpec => ({ kind: 'delta-data-interval', delta: text, timezone });
const schedule = (timetable: TimetableSpec, more: Partial<DagSpec> = {}) => ({
  timetable,
  startDate: null,
  endDate: null,
  catchup: false,
  ...more,
});
const shown = (run: ScheduledRun | null) => run && [iso(run.interval.start), iso(run.interval.end)];

describe('the first run', () => {
  const now = at('2026-03-10T12:00:00Z');

  it('without catchup is the newest complete interval, at once', () => {
    expect(shown(firstRunOf(schedule(cron('@daily'), { startDate: '2026-01-01T00:00:00Z' }), null, now))).toEqual([
      '2026-03-09T00:00Z',
      '2026-03-10T00:00Z',
    ]);
    expect(shown(firstRunOf(schedule(cron('@daily')), null, now))).toEqual(['2026-03-09T00:00Z', '2026-03-10T00:00Z']);
  });

  it('on a tick takes the interval that ends there', () => {
    expect(shown(firstRunOf(schedule(cron('@daily')), null, at('2026-03-10')))).toEqual(['2026-03-09T00:00Z', '2026-03-10T00:00Z']);
  });

  it('is never earlier than startDate, nor cut short by it', () => {
    expect(shown(firstRunOf(schedule(cron('@daily'), { startDate: '2026-03-09T06:00:00Z' }), null, now))).toEqual([
      '2026-03-10T00:00Z',
      '2026-03-11T00:00Z',
    ]);
  });

  it('with catchup is the first interval after startDate', () => {
    expect(shown(firstRunOf(schedule(cron('@daily'), { startDate: '2026-01-01T00:00:00Z', catchup: true }), null, now))).toEqual([
      '2026-01-01T00:00Z',
      '2026-01-02T00:00Z',
    ]);
    expect(firstRunOf(schedule(cron('@daily'), { catchup: true }), null, now)).toBeNull();
  });

  it('does not exist when its logical date is past endDate', () => {
    const spec = schedule(cron('@daily'), { startDate: '2026-01-01T00:00:00Z', endDate: '2026-01-02T00:00:00Z', catchup: true });
    const last = (day: string) => ({ start: at(day), end: at(day) + 86_400_000 });
    expect(shown(firstRunOf(spec, last('2026-01-01'), now))).toEqual(['2026-01-02T00:00Z', '2026-01-03T00:00Z']);
    expect(firstRunOf(spec, last('2026-01-02'), now)).toBeNull();
    expect(firstRunOf({ ...spec, catchup: false }, null, now)).toBeNull();
  });

  it('after a change of the schedule is the interval of the new one in which the last one ended', () => {
    const last = { start: at('2026-03-08T06:00:00Z'), end: at('2026-03-09T06:00:00Z') };
    expect(shown(firstRunOf(schedule(cron('@daily'), { catchup: true, startDate: '2026-01-01T00:00:00Z' }), last, now))).toEqual([
      '2026-03-09T00:00Z',
      '2026-03-10T00:00Z',
    ]);
  });

  it('of @once is at startDate, and is the only one', () => {
    const once = schedule({ kind: 'once' }, { startDate: '2026-01-01T00:00:00Z' });
    const first = firstRunOf(once, null, now)!;
    expect(shown(first)).toEqual(['2026-01-01T00:00Z', '2026-01-01T00:00Z']);
    expect(firstRunOf(once, first.interval, now)).toBeNull();
    expect(firstRunOf(schedule({ kind: 'once' }), null, now)?.logicalDate).toBe(now);
    expect(firstRunOf(schedule({ kind: 'null' }), null, now)).toBeNull();
  });
});

describe('a stored next run that became due long ago', () => {
  const stored = {
    logicalDate: at('2026-01-01'),
    interval: { start: at('2026-01-01'), end: at('2026-01-02') },
    runAfter: at('2026-01-02'),
  };
  const now = at('2026-03-10T12:00:00Z');

  it('stands with catchup and gives way to the newest complete interval without', () => {
    expect(dueRunOf(schedule(cron('@daily'), { catchup: true }), stored, now)).toBe(stored);
    expect(shown(dueRunOf(schedule(cron('@daily')), stored, now))).toEqual(['2026-03-09T00:00Z', '2026-03-10T00:00Z']);
  });

  it('is dropped when the newest interval is past endDate', () => {
    expect(dueRunOf(schedule(cron('@daily'), { endDate: '2026-02-01T00:00:00Z' }), stored, now)).toBeNull();
  });
});

describe('the interval of a run triggered by hand', () => {
  it('is the last complete one', () => {
    const manualInterval = (spec: TimetableSpec) => timetableOf(spec, at('2026-01-31')).manualInterval(at('2026-03-10T01:00:00Z'));
    expect(manualInterval(cron('@daily'))).toEqual({ start: at('2026-03-09'), end: at('2026-03-10') });
    expect(manualInterval(delta('P1M'))).toEqual({ start: at('2026-01-31'), end: at('2026-02-28') });
    expect(manualInterval({ kind: 'null' })).toEqual({ start: at('2026-03-10T01:00:00Z'), end: at('2026-03-10T01:00:00Z') });
  });
});

describe('durations', () => {
  it('in months step from startDate, so that short months do not shift the rest', () => {
    const runs = [...timetableOf(delta('P1M'), at('2026-01-31')).runsBetween(at('2026-01-01'), at('2026-05-31'))];
    expect(runs.map((run) => iso(run.logicalDate).slice(0, 10))).toEqual([
      '2026-01-31',
      '2026-02-28',
      '2026-03-31',
      '2026-04-30',
      '2026-05-31',
    ]);
  });

  it('in months keep the wall clock of the zone; in days they are so many hours', () => {
    const start = DateTime.fromISO('2026-01-31', { zone: 'Europe/Zurich' }).toMillis();
    const wall = (spec: TimetableSpec) =>
      [...timetableOf(spec, start).runsBetween(start, at('2026-05-01'))].map((run) =>
        DateTime.fromMillis(run.logicalDate, { zone: 'Europe/Zurich' }).toFormat('MM-dd HH:mm'),
      );
    expect(wall(delta('P1M', 'Europe/Zurich'))).toEqual(['01-31 00:00', '02-28 00:00', '03-31 00:00', '04-30 00:00']);
    expect(wall(delta('P30D', 'Europe/Zurich'))).toEqual(['01-31 00:00', '03-02 00:00', '04-01 01:00', '05-01 01:00']);
  });

  it('that do not lead forward are refused', () => {
    expect(() => timetableOf(delta('PT0S'))).toThrow('the interval "PT0S" does not lead forward');
    expect(() => timetableOf(delta('6 hours'))).toThrow('"6 hours" is not an ISO 8601 duration');
    expect(() => timetableOf(cron('@daily', 'Europe/Zurch'))).toThrow('unknown timezone "Europe/Zurch"');
    expect(() => timetableOf(cron('61 * * * *'))).toThrow('"61 * * * *" is not a cron expression: invalid value for minute: 61');
  });
});

describe('descriptions', () => {
  it('are for people', () => {
    expect(timetableOf(cron('0 6 * * *', 'Europe/Zurich'))).toMatchObject({ summary: '0 6 * * *', description: 'At 06:00, Europe/Zurich' });
    expect(timetableOf(cron('@daily')).description).toBe('At 00:00');
    expect(timetableOf(delta('PT6H'))).toMatchObject({ summary: 'PT6H', description: 'Every 6 hours' });
  });
});

describe('ranges', () => {
  it('hold both ends by logical date', () => {
    const runs = [...timetableOf(cron('@daily')).runsBetween(at('2012-01-01'), at('2015-12-31'))];
    expect(runs).toHaveLength(1461);
    expect(iso(runs[0]!.logicalDate)).toBe('2012-01-01T00:00Z');
    expect(iso(runs.at(-1)!.logicalDate)).toBe('2015-12-31T00:00Z');
  });

  it('of a local day across a change of the clocks are 23 and 25 hours long', () => {
    const hours = (from: string) =>
      [...timetableOf(cron('@daily', 'Europe/Zurich')).runsBetween(at(from), at(from) + 2 * 86_400_000)].map(
        ({ interval }) => (interval.end - interval.start) / 3_600_000,
      );
    expect(hours('2026-03-27T23:00:00Z')).toEqual([24, 23, 24]);
    expect(hours('2026-10-23T22:00:00Z')).toEqual([24, 25]);
  });

  const anySpec = fc.oneof(
    fc
      .tuple(
        fc.oneof(
          anyCron.filter((text) => validateCron(text) === null),
          fc.constantFrom('@hourly', '@daily', '30 2 * * *', '*/15 1-3 * * *', '0 */6 * * 1-5', '0 0 L * *', '15 10 * * 1#2', '0 * * * 0'),
        ),
        fc.constantFrom('UTC', 'Europe/Zurich', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia'),
      )
      .map(([text, zone]) => cron(text, zone)),
    fc.constantFrom('PT6H', 'P1D', 'P1M', 'P1M2D', 'PT90M', 'P1Y').map((text) => delta(text, 'Europe/Zurich')),
  );
  const day = fc.integer({ min: 0, max: 2000 }).map((days) => at('2022-01-01') + days * 86_400_000);

  it('have no gaps and no overlaps, and agree with stepping by nextRun', () => {
    fc.assert(
      fc.property(anySpec, day, fc.integer({ min: 1, max: 40 }), (spec, from, days) => {
        const timetable = timetableOf(spec, at('2022-01-31'));
        const to = from + days * 86_400_000;
        const runs = [...timetable.runsBetween(from, to)];
        for (const [i, run] of runs.entries()) {
          expect(run.interval.start).toBe(run.logicalDate);
          expect(run.interval.end).toBeGreaterThan(run.interval.start);
          expect(run.runAfter).toBe(run.interval.end);
          expect(run.logicalDate >= from && run.logicalDate <= to).toBe(true);
          const before = runs[i - 1];
          if (before) expect(run.interval.start).toBe(before.interval.end);
          const next = timetable.nextRun(before?.interval ?? null, { earliest: from, latest: to, catchup: true }, to);
          expect(next).toEqual(run);
        }
        if (runs.length > 0) expect(timetable.nextRun(runs.at(-1)!.interval, { earliest: from, latest: to, catchup: true }, to)).toBeNull();
      }),
      { numRuns: 50 },
    );
  });

  it('without catchup the next run is complete unless the one before was the newest, and never before the last', () => {
    fc.assert(
      fc.property(anySpec, day, day, (spec, last, now) => {
        const timetable = timetableOf(spec, at('2022-01-31'));
        const before = timetable.manualInterval(last);
        const next = timetable.nextRun(before, { earliest: null, latest: null, catchup: false }, now)!;
        expect(next.interval.start).toBeGreaterThanOrEqual(before.end);
        if (next.interval.end > now) expect(next.interval.start).toBe(before.end);
        else expect(timetable.manualInterval(now)).toEqual(next.interval);
      }),
      { numRuns: 50 },
    );
  });
});
