import { deadlineOf, isSettled } from '../../src/timetables/deadline';
import type { DeadlineRun } from '../../src/timetables/deadline';

const at = (iso: string) => Date.parse(iso);
const run: DeadlineRun = {
  runAfter: at('2026-03-28T06:00:00Z'),
  queuedAt: at('2026-03-28T06:00:05Z'),
  startDate: null,
  logicalDate: at('2026-03-27T06:00:00Z'),
  durationsMs: [],
};
const iso = (instant: number | null) => (instant === null ? null : new Date(instant).toISOString());
const by = { kind: 'by', name: null, time: '07:00' } as const;

describe('a deadline', () => {
  it('by a time of the day is the first one after the run is due, on the wall clock of the zone', () => {
    expect(iso(deadlineOf(by, run, 'UTC'))).toBe('2026-03-28T07:00:00.000Z');
    expect(iso(deadlineOf(by, run, 'Europe/Zurich'))).toBe('2026-03-29T05:00:00.000Z'); // 07:00 has just passed; the clocks change in the night
    expect(iso(deadlineOf(by, { ...run, runAfter: at('2026-03-28T07:00:00Z') }, 'UTC'))).toBe('2026-03-29T07:00:00.000Z');
    expect(iso(deadlineOf(by, run, 'Pacific/Auckland'))).toBe('2026-03-28T18:00:00.000Z');
  });

  it('in the hour that the clocks leave out moves forward with them', () => {
    const night = { ...run, runAfter: at('2026-03-28T12:00:00Z') };
    expect(iso(deadlineOf({ ...by, time: '02:30' }, night, 'Europe/Zurich'))).toBe('2026-03-29T01:30:00.000Z');
  });

  it('after a moment of the run counts from there, and is not known before that moment', () => {
    const after = (from: 'runAfter' | 'queuedAt' | 'startDate' | 'logicalDate') =>
      ({ kind: 'after', name: null, ms: 60_000, from }) as const;
    expect(iso(deadlineOf(after('runAfter'), run, 'UTC'))).toBe('2026-03-28T06:01:00.000Z');
    expect(iso(deadlineOf(after('queuedAt'), run, 'UTC'))).toBe('2026-03-28T06:01:05.000Z');
    expect(iso(deadlineOf(after('logicalDate'), run, 'UTC'))).toBe('2026-03-27T06:01:00.000Z');
    expect([deadlineOf(after('startDate'), run, 'UTC'), isSettled(after('startDate'), run)]).toEqual([null, false]);
    expect(isSettled(after('runAfter'), run)).toBe(true);
    expect(deadlineOf(after('logicalDate'), { ...run, logicalDate: null }, 'UTC')).toBeNull();
  });

  it('longer than usual compares with the average of the last runs, once there are enough of them', () => {
    const usual = { kind: 'usual', name: null, factor: 2, runs: 3, minRuns: 2 } as const;
    const started = { ...run, startDate: at('2026-03-28T06:10:00Z') };
    expect(deadlineOf(usual, { ...started, durationsMs: [60_000] }, 'UTC')).toBeNull();
    expect(iso(deadlineOf(usual, { ...started, durationsMs: [60_000, 120_000, 180_000, 9_999_999] }, 'UTC'))).toBe(
      '2026-03-28T06:14:00.000Z',
    );
    expect([isSettled(usual, run), isSettled(usual, started)]).toEqual([false, true]);
  });
});
