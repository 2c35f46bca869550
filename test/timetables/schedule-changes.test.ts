import fc from 'fast-check';
import type { TickSpec, TimetableSpec } from '../../src/dag-spec/spec';
import { dueRunsOf, firstRunOf, type Times } from '../../src/timetables/next-run';
import type { ScheduledRun } from '../../src/timetables/timetable';

const HOUR = 3_600_000;
const start = Date.UTC(2026, 2, 1);
const zone = fc.constantFrom('UTC', 'Europe/Zurich', 'America/New_York', 'Pacific/Apia');

const ticks: fc.Arbitrary<TickSpec> = fc.oneof(
  fc
    .tuple(fc.constantFrom('@hourly', '@daily', '30 2 * * *', '*/20 1-4 * * *', '0 */6 * * 1-5', '15 10 * * 1', '0 0 1 * *'), zone)
    .map(([expression, timezone]): TickSpec => ({ kind: 'cron', expression, timezone })),
  fc.tuple(fc.constantFrom('PT90M', 'PT6H', 'P1D', 'P1M'), zone).map(([delta, timezone]): TickSpec => ({ kind: 'delta', delta, timezone })),
  zone.map((timezone): TickSpec => ({
    kind: 'workdays',
    of: { kind: 'cron', expression: '0 6 * * *', timezone },
    calendar: { holidays: ['03-03', '2026-03-30'] },
    onHoliday: 'next',
    timezone,
  })),
);
const timetable: fc.Arbitrary<TimetableSpec> = fc.oneof(
  ticks.map((of): TimetableSpec => ({ kind: 'data-interval', ticks: of })),
  ticks.map((of): TimetableSpec => ({ kind: 'trigger', ticks: of })),
  ticks.map((of): TimetableSpec => ({ kind: 'trigger', ticks: of, interval: 'PT1H' })),
);

/** A DAG's life: it has a schedule for some hours, then another one; sometimes nobody looks for a while. */
const life = fc.array(fc.tuple(timetable, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 })), {
  minLength: 2,
  maxLength: 5,
});

function live(stages: readonly (readonly [TimetableSpec, readonly number[]])[], catchup: boolean): { run: ScheduledRun; stage: number }[] {
  const made: { run: ScheduledRun; stage: number }[] = [];
  let now = start + 5 * HOUR;
  for (const [stage, [spec, pauses]] of stages.entries()) {
    const times: Times = { timetable: spec, startDate: new Date(start).toISOString(), endDate: null, catchup };
    const before = made.at(-1)?.run;
    const last = before === undefined ? null : { ...before.interval, logicalDate: before.logicalDate };
    // As the DAG processor does when the schedule is another one, and the scheduler from then on.
    let next = firstRunOf(times, last, now);
    for (const hours of pauses) {
      now += hours * HOUR;
      if (next === null || next.runAfter > now) continue;
      const { due, next: following } = dueRunsOf(times, next, now, 10_000);
      made.push(...due.map((run) => ({ run, stage })));
      next = following;
    }
  }
  return made;
}

describe('a schedule that changes again and again', () => {
  const isInterval = (spec: TimetableSpec) => spec.kind === 'data-interval';

  it('never makes two runs of one logical date or one interval, and goes on in time', () => {
    fc.assert(
      fc.property(life, fc.boolean(), (stages, catchup) => {
        const made = live(stages, catchup);
        const dates = made.map(({ run }) => run.logicalDate);
        expect(new Set(dates).size).toBe(dates.length);
        const intervals = made.map(({ run }) => `${run.interval.start} ${run.interval.end}`);
        expect(new Set(intervals).size).toBe(intervals.length);
        for (const [i, { run }] of made.entries())
          if (i > 0) expect(run.interval.end).toBeGreaterThanOrEqual(made[i - 1]!.run.interval.end);
      }),
      { numRuns: 60 },
    );
  });

  it('of data intervals only, overlaps nothing but the interval before a change, and with catchup leaves no gap', () => {
    const intervals = life.map((stages) =>
      stages.map(
        ([spec, pauses]) =>
          [isInterval(spec) || spec.kind !== 'trigger' ? spec : { kind: 'data-interval' as const, ticks: spec.ticks }, pauses] as const,
      ),
    );
    fc.assert(
      fc.property(intervals, fc.boolean(), (stages, catchup) => {
        const made = live(stages, catchup);
        for (const [i, { run, stage }] of made.entries()) {
          expect(run.interval.end).toBeGreaterThan(run.interval.start);
          const before = made[i - 1];
          if (before === undefined) continue;
          expect(run.logicalDate).toBeGreaterThan(before.run.logicalDate);
          if (catchup) expect(run.interval.start).toBeLessThanOrEqual(before.run.interval.end);
          if (stage === before.stage) expect(run.interval.start).toBeGreaterThanOrEqual(before.run.interval.end);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the first interval after a change', () => {
  const daily = (expression: string): TimetableSpec => ({ kind: 'data-interval', ticks: { kind: 'cron', expression, timezone: 'UTC' } });
  const at = (text: string) => Date.parse(`2026-03-${text}:00Z`);
  const last = { start: at('09T06:00'), end: at('10T06:00'), logicalDate: at('09T06:00') };
  const next = (expression: string, before = last, startDate = '2026-01-01T00:00:00Z') =>
    firstRunOf({ timetable: daily(expression), startDate, endDate: null, catchup: true }, before, at('10T07:00'))!;

  it('goes back to the tick of the new schedule before the end of the last one', () => {
    expect(next('0 0 * * *').interval).toEqual({ start: at('10T00:00'), end: at('11T00:00') });
    expect(next('0 12 * * *').interval).toEqual({ start: at('09T12:00'), end: at('10T12:00') });
    expect(next('@hourly').interval).toEqual({ start: at('10T06:00'), end: at('10T07:00') });
  });

  it('begins where the last one ended when a run has that date already, or the DAG began later', () => {
    const hour = { start: at('10T06:00'), end: at('10T07:00'), logicalDate: at('10T06:00') };
    expect(next('0 0 * * *', hour).interval).toEqual({ start: at('10T07:00'), end: at('11T00:00') });
    expect(next('0 12 * * *', last, '2026-03-09T18:00:00Z').interval).toEqual({ start: at('10T06:00'), end: at('10T12:00') });
  });
});
