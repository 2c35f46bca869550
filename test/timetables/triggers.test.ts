import type { TickSpec, TimetableSpec } from '../../src/dag-spec/spec';
import { dueRunsOf, firstRunOf, upcomingRunsOf, type Times } from '../../src/timetables/next-run';
import { timetableOf } from '../../src/timetables/timetable-of';
import type { ScheduledRun } from '../../src/timetables/timetable';

const at = (iso: string) => Date.parse(iso.length === 10 ? `${iso}T00:00:00Z` : iso);
const iso = (instant: number) => new Date(instant).toISOString().replace(':00.000Z', 'Z');
const cron = (expression: string, timezone = 'UTC'): TickSpec => ({ kind: 'cron', expression, timezone });
const trigger = (expression: string, more: Partial<Extract<TimetableSpec, { kind: 'trigger' }>> = {}): TimetableSpec => ({
  kind: 'trigger',
  ticks: cron(expression),
  ...more,
});
const times = (timetable: TimetableSpec, more: Partial<Times> = {}): Times => ({
  timetable,
  startDate: null,
  endDate: null,
  catchup: false,
  ...more,
});
const shown = (run: ScheduledRun | null) =>
  run && [iso(run.logicalDate), iso(run.interval.start), iso(run.interval.end), iso(run.runAfter)];
const now = at('2026-03-10T12:00:00Z');

describe('trigger timetables', () => {
  it('run at the tick, which is the logical date; the data interval is empty unless it has a length', () => {
    const first = (spec: TimetableSpec) => shown(firstRunOf(times(spec, { startDate: '2026-01-01T00:00:00Z' }), null, now));
    expect(first(trigger('0 6 * * *'))).toEqual(['2026-03-10T06:00Z', '2026-03-10T06:00Z', '2026-03-10T06:00Z', '2026-03-10T06:00Z']);
    expect(first(trigger('0 6 * * *', { interval: 'P1D' }))).toEqual([
      '2026-03-10T06:00Z',
      '2026-03-09T06:00Z',
      '2026-03-10T06:00Z',
      '2026-03-10T06:00Z',
    ]);
    expect(first(trigger('0 6 1 * *', { interval: 'P1M' }))).toEqual([
      '2026-03-01T06:00Z',
      '2026-02-01T06:00Z',
      '2026-03-01T06:00Z',
      '2026-03-01T06:00Z',
    ]);
  });

  it('without catchup take the newest past tick, with it every one since startDate, which counts itself', () => {
    const spec = times(trigger('@daily'), { startDate: '2026-03-08T00:00:00Z' });
    expect(firstRunOf(spec, null, now)!.logicalDate).toBe(at('2026-03-10'));
    expect(firstRunOf({ ...spec, catchup: true }, null, now)!.logicalDate).toBe(at('2026-03-08'));
    const last = { start: at('2026-03-08'), end: at('2026-03-08') };
    expect(firstRunOf({ ...spec, catchup: true }, last, now)!.logicalDate).toBe(at('2026-03-09'));
    expect(firstRunOf(spec, last, now)!.logicalDate).toBe(at('2026-03-10'));
    expect(firstRunOf({ ...spec, endDate: '2026-03-09T12:00:00Z' }, last, now)).toBeNull();
  });

  it('of a DAG without startDate begin with the next tick, unless the last one has just passed or runImmediately says so', () => {
    const first = (minutesAfter: number, more: Partial<Extract<TimetableSpec, { kind: 'trigger' }>> = {}) =>
      iso(firstRunOf(times(trigger('0 6 * * *', more)), null, at('2026-03-10T06:00:00Z') + minutesAfter * 60_000)!.logicalDate);
    expect(first(0)).toBe('2026-03-10T06:00Z');
    expect(first(143)).toBe('2026-03-10T06:00Z'); // a tenth of a day
    expect(first(145)).toBe('2026-03-11T06:00Z');
    expect(first(300, { runImmediately: true })).toBe('2026-03-10T06:00Z');
    expect(first(30, { runImmediately: 'PT1H' })).toBe('2026-03-10T06:00Z');
    expect(first(90, { runImmediately: 'PT1H' })).toBe('2026-03-11T06:00Z');
    const hourly = firstRunOf(times(trigger('@hourly')), null, at('2026-03-10T06:07:00Z'))!;
    expect(iso(hourly.logicalDate)).toBe('2026-03-10T07:00Z'); // more than six minutes
  });

  it('of several expressions run at the ticks of all of them, each once', () => {
    const spec = trigger('', { ticks: { kind: 'union', of: [cron('0 6 * * *'), cron('0 6,18 * * 2')] } });
    const runs = upcomingRunsOf(times(spec, { startDate: '2026-03-09T07:00:00Z' }), null, at('2026-03-09T07:00:00Z'), 4);
    expect(runs.map((run) => iso(run.logicalDate))).toEqual([
      '2026-03-10T06:00Z',
      '2026-03-10T18:00Z',
      '2026-03-11T06:00Z',
      '2026-03-12T06:00Z',
    ]);
    expect(timetableOf(spec)).toMatchObject({
      summary: '0 6 * * * | 0 6,18 * * 2',
      description: 'At 06:00; or: At 06:00 and 18:00, only on Tuesday',
    });
  });

  it('give a run triggered by hand the interval that ends there', () => {
    expect(timetableOf(trigger('0 6 * * *')).manualInterval(now)).toEqual({ start: now, end: now });
    expect(timetableOf(trigger('0 6 * * *', { interval: 'PT12H' })).manualInterval(now)).toEqual({ start: at('2026-03-10'), end: now });
  });
});

describe('events', () => {
  const dates = ['2026-02-01T09:00:00.000Z', '2026-03-01T09:00:00.000Z', '2026-04-01T09:00:00.000Z'];
  const events: TimetableSpec = { kind: 'events', dates, timezone: 'UTC' };

  it('come at their dates, and end with the last', () => {
    expect(firstRunOf(times(events), null, at('2026-01-01'))!.logicalDate).toBe(at(dates[0]!));
    expect(firstRunOf(times(events), null, now)!.logicalDate).toBe(at(dates[1]!)); // the newest past one
    expect(firstRunOf(times(events), { start: at(dates[1]!), end: at(dates[1]!) }, now)!.logicalDate).toBe(at(dates[2]!));
    expect(firstRunOf(times(events), { start: at(dates[2]!), end: at(dates[2]!) }, at('2027-01-01'))).toBeNull();
    expect(firstRunOf(times(events, { catchup: true, startDate: '2026-01-01T00:00:00Z' }), null, now)!.logicalDate).toBe(at(dates[0]!));
    const stored = firstRunOf(times(events), { start: at(dates[1]!), end: at(dates[1]!) }, now)!;
    expect(dueRunsOf(times(events), stored, at('2027-01-01'), 5)).toEqual({ due: [stored], next: null });
  });

  it('by hand have their own moment, or the last event where only events are wanted', () => {
    expect(timetableOf(events).manualInterval(now)).toEqual({ start: now, end: now });
    const last = { start: at(dates[1]!), end: at(dates[1]!) };
    expect(timetableOf({ ...events, restrictToEvents: true }).manualInterval(now)).toEqual(last);
    expect(timetableOf(events)).toMatchObject({ summary: '3 events', description: '3 events from 2026-02-01 to 2026-04-01' });
    expect([...timetableOf(events).runsBetween(at('2026-02-15'), at(dates[2]!))].map((run) => run.logicalDate)).toEqual([
      at(dates[1]!),
      at(dates[2]!),
    ]);
  });
});

describe('@continuous', () => {
  const spec = times({ kind: 'continuous' }, { startDate: '2026-03-10T11:00:00Z' });

  it('covers the time from the end of the last run to the moment at which the next is made', () => {
    const first = firstRunOf(spec, null, now)!;
    expect(shown(first)).toEqual(['2026-03-10T11:00Z', '2026-03-10T11:00Z', '2026-03-10T12:00Z', '2026-03-10T12:00Z']);
    const { due, next } = dueRunsOf(spec, first, now, 1);
    expect(due).toHaveLength(1);
    // It waited for the first one to end.
    const later = at('2026-03-10T13:30:00Z');
    const second = dueRunsOf(spec, next!, later, 1).due[0]!;
    expect(second.interval).toEqual({ start: now, end: later });
    expect(second.logicalDate).toBe(now);
  });

  it('has another logical date for each run, also when hardly any time passes', () => {
    const seen: number[] = [];
    let next = firstRunOf({ ...spec, startDate: null }, null, now);
    for (let i = 0; i < 5; i++) {
      const made = dueRunsOf({ ...spec, startDate: null }, next!, now + i, 1);
      seen.push(made.due[0]!.logicalDate);
      next = made.next;
    }
    expect(new Set(seen).size).toBe(5);
  });

  it('ends with endDate, and shows one run that is to come', () => {
    expect(firstRunOf({ ...spec, endDate: '2026-03-10T10:00:00Z' }, null, now)).toBeNull();
    expect(upcomingRunsOf(spec, null, now, 5)).toHaveLength(1);
  });
});

describe('runs that were missed', () => {
  const daily: TimetableSpec = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' };
  const stored = (day: string): ScheduledRun => ({
    logicalDate: at(day),
    interval: { start: at(day), end: at(day) + 86_400_000 },
    runAfter: at(day) + 86_400_000,
  });
  const made = (spec: Times, from: ScheduledRun, when: number) => {
    const { due, next } = dueRunsOf(spec, from, when, 100);
    return { due: due.map((run) => iso(run.logicalDate).slice(0, 10)), next: next && iso(next.logicalDate).slice(0, 10) };
  };

  it('all: none is left out', () => {
    expect(made(times(daily, { catchup: true }), stored('2026-03-06'), now)).toEqual({
      due: ['2026-03-06', '2026-03-07', '2026-03-08', '2026-03-09'],
      next: '2026-03-10',
    });
  });

  it('last: the newest, however late', () => {
    expect(made(times(daily), stored('2026-03-06'), now)).toEqual({ due: ['2026-03-09'], next: '2026-03-10' });
    expect(
      made(
        times(trigger('@daily')),
        { ...stored('2026-03-06'), interval: { start: at('2026-03-06'), end: at('2026-03-06') }, runAfter: at('2026-03-06') },
        now,
      ),
    ).toEqual({
      due: ['2026-03-10'],
      next: '2026-03-11',
    });
  });

  it('none: only one that is hardly late', () => {
    const none = times(daily, { missedRuns: 'none' });
    expect(made(none, stored('2026-03-06'), now)).toEqual({ due: [], next: '2026-03-10' });
    expect(made(none, stored('2026-03-09'), at('2026-03-10T02:00:00Z'))).toEqual({ due: ['2026-03-09'], next: '2026-03-10' });
    expect(made(none, stored('2026-03-09'), at('2026-03-10T03:00:00Z'))).toEqual({ due: [], next: '2026-03-10' });
    expect(iso(firstRunOf({ ...none, startDate: '2026-01-01T00:00:00Z' }, null, now)!.logicalDate)).toBe('2026-03-10T00:00Z');
    expect(firstRunOf({ ...none, endDate: '2026-03-09T12:00:00Z' }, null, now)).toBeNull();
    // What belongs to no set time is never missed.
    const once = { logicalDate: 0, interval: { start: 0, end: 0 }, runAfter: 0 };
    expect(dueRunsOf(times({ kind: 'once' }, { missedRuns: 'none' }), once, now, 1).due).toEqual([once]);
  });

  it('a window: all that were due within it', () => {
    const window = times(daily, { missedRuns: { window: 'P2D' } });
    expect(made(window, stored('2026-03-01'), now)).toEqual({ due: ['2026-03-08', '2026-03-09'], next: '2026-03-10' });
    expect(made(window, stored('2026-03-09'), now)).toEqual({ due: ['2026-03-09'], next: '2026-03-10' });
    expect(made(times(daily, { missedRuns: { window: 'PT1H' } }), stored('2026-03-01'), now)).toEqual({ due: [], next: '2026-03-10' });
    const first = (more: Partial<Times>) => iso(firstRunOf({ ...window, ...more }, null, now)!.logicalDate);
    expect(first({})).toBe('2026-03-08T00:00Z');
    expect(first({ startDate: '2026-03-09T00:00:00Z' })).toBe('2026-03-09T00:00Z');
    expect(iso(firstRunOf(times(trigger('@daily'), { missedRuns: { window: 'P2D' } }), null, now)!.logicalDate)).toBe('2026-03-09T00:00Z');
  });
});
