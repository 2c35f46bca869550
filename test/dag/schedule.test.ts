import { DateTime } from 'luxon';
import {
  asTrigger,
  ContinuousTimetable,
  CronDataIntervalTimetable,
  CronTriggerTimetable,
  DAG,
  DeltaDataIntervalTimetable,
  EventsTimetable,
  except,
  MultipleCronTriggerTimetable,
  nthBusinessDay,
  NullTimetable,
  OnceTimetable,
  Timetable,
  union,
  workdays,
  type BusinessCalendar,
  type DagOptions,
  type TimetableInterval,
} from '../../src/index';
import { serializeDag } from '../../src/dag/serialize';

const specOf = (options: DagOptions) => {
  const dag = new DAG('d', options);
  dag.task('t', () => 1);
  return serializeDag(dag).spec;
};
const timetable = (schedule: DagOptions['schedule'], options: DagOptions = {}) =>
  specOf({ timezone: 'Europe/Zurich', schedule, ...options }).timetable;
const zurich = { timezone: 'Europe/Zurich' };
const daily = { kind: 'cron', expression: '0 6 * * *', ...zurich };

class Weekly extends Timetable {
  override nextRun(last: TimetableInterval | null, _restriction: unknown, now: DateTime) {
    const start = last?.end ?? now.startOf('week');
    return { start, end: start.plus({ weeks: 1 }) };
  }
  override manualInterval(at: DateTime) {
    return { start: at.minus({ weeks: 1 }), end: at };
  }
}

describe('timetables as `schedule`', () => {
  it('of cron take the zone of the DAG unless they have one', () => {
    expect(timetable(new CronDataIntervalTimetable('@daily'))).toEqual(timetable('@daily'));
    expect(timetable(new CronDataIntervalTimetable('0  6 * * *', { timezone: 'Asia/Tokyo' }))).toEqual({
      kind: 'cron-data-interval',
      expression: '0 6 * * *',
      timezone: 'Asia/Tokyo',
    });
    expect(timetable(new CronTriggerTimetable('0 6 * * *'))).toEqual({ kind: 'trigger', ticks: daily });
    expect(timetable(new CronTriggerTimetable('0 6 * * *', { interval: { days: 1 }, runImmediately: true }))).toEqual({
      kind: 'trigger',
      ticks: daily,
      interval: 'P1D',
      runImmediately: true,
    });
    expect(
      timetable(new MultipleCronTriggerTimetable(['0 6 * * *', '@weekly', '0 6 * * *'], { interval: 0, runImmediately: 'PT5M' })),
    ).toEqual({
      kind: 'trigger',
      ticks: { kind: 'union', of: [{ kind: 'cron', expression: '0 0 * * 0', ...zurich }, daily] },
      runImmediately: 'PT5M',
    });
  });

  it('keep a policy for changes of the clocks, and only where it is not the default', () => {
    const dst = (policy: object) => timetable(new CronDataIntervalTimetable('30 2 * * *', { dst: policy }));
    expect(dst({ gap: 'forward', overlap: 'second' })).toEqual(timetable('30 2 * * *'));
    expect(dst({ gap: 'skip', overlap: 'both' })).toMatchObject({ dst: { gap: 'skip', overlap: 'both' } });
    expect(dst({ overlap: 'first' })).toMatchObject({ dst: { overlap: 'first' } });
  });

  it('of durations, events, once, never and always', () => {
    expect(timetable(new DeltaDataIntervalTimetable({ months: 1 }))).toEqual({ kind: 'delta-data-interval', delta: 'P1M', ...zurich });
    expect(
      timetable(new EventsTimetable(['2026-05-01T09:00', '2026-04-01', '2026-04-01'], { restrictToEvents: true, description: 'Meetings' })),
    ).toEqual({
      kind: 'events',
      dates: ['2026-03-31T22:00:00.000Z', '2026-05-01T07:00:00.000Z'],
      timezone: 'Europe/Zurich',
      restrictToEvents: true,
      description: 'Meetings',
    });
    expect(timetable(new OnceTimetable())).toEqual({ kind: 'once' });
    expect(timetable(new NullTimetable())).toEqual({ kind: 'null' });
    expect(specOf({ schedule: '@continuous' })).toMatchObject({ timetable: { kind: 'continuous' }, maxActiveRuns: 1 });
    expect(specOf({ schedule: new ContinuousTimetable(), maxActiveRuns: 1 })).toMatchObject({ timetable: { kind: 'continuous' } });
  });

  it('of a class of one’s own are known by name', () => {
    class Named extends Weekly {
      override readonly summary = 'weekly';
      override readonly description = 'Each Monday';
    }
    expect(timetable(new Weekly())).toEqual({ kind: 'custom', className: 'Weekly', summary: 'Weekly', description: 'Weekly' });
    expect(timetable(new Named())).toEqual({ kind: 'custom', className: 'Named', summary: 'weekly', description: 'Each Monday' });
    // A subclass of a built-in one that answers by itself is user code as well; one that only fixes options is not.
    class Late extends CronTriggerTimetable {
      override manualInterval(at: DateTime) {
        return { start: at, end: at };
      }
    }
    class AtSix extends CronTriggerTimetable {
      constructor() {
        super('0 6 * * *');
      }
    }
    expect(timetable(new Late('0 6 * * *'))).toMatchObject({ kind: 'custom', className: 'Late' });
    expect(timetable(new AtSix())).toEqual({ kind: 'trigger', ticks: daily });
  });

  it('can be asked in a class of one’s own', () => {
    const cron = new CronTriggerTimetable('30 2 * * *', { interval: { hours: 2 } });
    const now = DateTime.fromISO('2026-03-28T12:00', { zone: 'Europe/Zurich' });
    const next = cron.nextRun({ start: now, end: now }, { earliest: null, latest: null, catchup: true }, now)!;
    expect(next.logicalDate.toISO()).toBe('2026-03-29T03:30:00.000+02:00');
    expect(next.start.toISO()).toBe('2026-03-29T00:30:00.000+01:00');
    expect([...cron.runsBetween(now, now.plus({ days: 3 }))]).toHaveLength(3);
    expect(workdays('@daily').manualInterval(now).end.toISODate()).toBe('2026-03-27');
  });
});

describe('business calendars', () => {
  const swiss: BusinessCalendar = { holidays: ['2026-04-06', '12-25', '2026-04-06'], weekend: ['sunday', 'saturday'] };

  it('become ticks in the schedule, with runs of the inner kind', () => {
    const ticks = { kind: 'workdays', of: daily, calendar: { holidays: ['12-25', '2026-04-06'] }, ...zurich };
    expect(timetable(workdays('0 6 * * *', { holidays: swiss }))).toEqual({ kind: 'data-interval', ticks });
    expect(timetable(workdays(new CronTriggerTimetable('0 6 * * *', { interval: 'P1D' }), { holidays: swiss, onHoliday: 'next' }))).toEqual(
      {
        kind: 'trigger',
        ticks: { ...ticks, onHoliday: 'next' },
        interval: 'P1D',
      },
    );
    expect(timetable(workdays('0 6 * * *', { weekend: ['friday'], timezone: 'Asia/Dubai', dst: { gap: 'skip' } }))).toEqual({
      kind: 'data-interval',
      ticks: {
        kind: 'workdays',
        of: { kind: 'cron', expression: '0 6 * * *', timezone: 'Asia/Dubai', dst: { gap: 'skip' } },
        calendar: { holidays: [], weekend: [5] },
        timezone: 'Asia/Dubai',
      },
    });
    expect(timetable(nthBusinessDay(-1, { at: '18:00', of: 'quarter', holidays: swiss }))).toEqual({
      kind: 'data-interval',
      ticks: { kind: 'nth-business-day', n: -1, of: 'quarter', at: '18:00', calendar: ticks.calendar, ...zurich },
    });
  });

  it('combine freely', () => {
    const both = union(workdays('0 6 * * *'), nthBusinessDay(1, { at: '22:00' }));
    expect(timetable(except(both, ['12-24']))).toMatchObject({
      kind: 'data-interval',
      ticks: { kind: 'except', days: ['12-24'], of: { kind: 'union', of: [{ kind: 'workdays' }, { kind: 'nth-business-day', n: 1 }] } },
    });
    expect(timetable(asTrigger(both, { interval: { days: 1 } }))).toMatchObject({
      kind: 'trigger',
      interval: 'P1D',
      ticks: { kind: 'union' },
    });
    expect(timetable(workdays({ hours: 6 }))).toMatchObject({ ticks: { of: { kind: 'delta', delta: 'PT6H' } } });
  });
});

describe('what does not fit is refused with a sentence', () => {
  const refused: readonly [() => DagOptions['schedule'], RegExp][] = [
    [
      () => new CronTriggerTimetable('0 6 * *'),
      /`schedule` of DAG "d" \(made at .*\): `schedule` of a timetable is "0 6 \* \*": it has 4 fields/,
    ],
    [() => new CronTriggerTimetable('PT5M'), /"PT5M" is no cron expression/],
    [() => new CronTriggerTimetable('@once'), /"@once" is no cron expression/],
    [
      () => new CronTriggerTimetable('@daily', { timezon: 'UTC' } as never),
      /unknown option `timezon` of CronTriggerTimetable of \["@daily"\]; did you mean "timezone"/,
    ],
    [() => new CronTriggerTimetable('@daily', { timezone: 'Mars/Olympus' }), /unknown timezone "Mars\/Olympus"/],
    [
      () => new CronTriggerTimetable('@daily', { dst: { gap: 'back' } as never }),
      /`dst` of .* is \{"gap":"back"\}; allowed is \{ gap: 'forward' or 'skip'/,
    ],
    [() => new CronTriggerTimetable('@hourly', { dst: { gap: 'skip' } }), /`dst` has no say where every hour has its runs/],
    [() => new MultipleCronTriggerTimetable([]), /wants a list of cron expressions/],
    [() => new EventsTimetable([]), /wants a list of at least one date/],
    [() => new EventsTimetable(['soon']), /a date of EventsTimetable is "soon"/],
    [
      () => workdays('@daily', { holidays: ['4 July'] }),
      /`holidays` of workdays\("@daily"\) is \["4 July"\]; allowed is a list of days like '2026-04-03'/,
    ],
    [() => workdays('@daily', { holidays: ['2026-02-30'] }), /there is no day "2026-02-30"/],
    [() => workdays('@daily', { onHoliday: 'later' as never }), /allowed is one of 'skip', 'next', 'previous'/],
    [() => workdays('@once'), /a business calendar of "@once": the inner schedule must be/],
    [() => workdays(new Weekly()), /the inner schedule must be/],
    [() => workdays('0 6 * * 0'), /such a time never comes/],
    [() => nthBusinessDay(0, { at: '06:00' }), /nthBusinessDay is made with 0; a month has the days 1 to 31/],
    [() => nthBusinessDay(3, undefined as never), /nthBusinessDay\(3\) has no time of day: give `at`/],
    [() => nthBusinessDay(3, {} as never), /nthBusinessDay\(3\) has no time of day: give `at`/],
    [() => nthBusinessDay(1, { at: '6' }), /"6" is not a time of day/],
    [() => union('@daily', new CronTriggerTimetable('@daily')), /its runs are of another kind than those of the first one/],
    [() => except('@daily', []), /wanted is a list of days/],
  ];
  it.each(refused.map(([schedule, message]) => ({ schedule, message })))('$message', ({ schedule, message }) => {
    expect(() => timetable(schedule())).toThrow(message);
  });

  it('a class without its methods, or with a description that is no text', () => {
    class Nothing extends (Timetable as unknown as new () => object) {}
    class Odd extends Weekly {
      override readonly description = 5 as unknown as string;
    }
    expect(() => timetable(new Nothing() as Timetable)).toThrow(/its timetable Nothing has no method `nextRun`/);
    expect(() => timetable(new Odd())).toThrow(/`description` of its timetable Odd is 5; allowed is a string/);
  });
});

describe('runs that were missed, and limits', () => {
  const startDate = '2026-01-01';
  it('are written as catchup or missedRuns', () => {
    expect(specOf({ schedule: '@daily' })).toMatchObject({ catchup: false, maxActiveRuns: 16 });
    expect(specOf({ schedule: '@daily' })).not.toHaveProperty('missedRuns');
    expect(specOf({ schedule: '@daily', startDate, missedRuns: 'all' })).toEqual(specOf({ schedule: '@daily', startDate, catchup: true }));
    expect(specOf({ schedule: '@daily', missedRuns: 'last', catchup: false })).toEqual(specOf({ schedule: '@daily' }));
    expect(specOf({ schedule: '@daily', missedRuns: 'none' })).toMatchObject({ catchup: false, missedRuns: 'none' });
    expect(specOf({ schedule: '@daily', missedRuns: { window: { days: 2 } } })).toMatchObject({
      catchup: false,
      missedRuns: { window: 'P2D' },
    });
    expect(specOf({ onMaxActiveRuns: 'skip' })).toMatchObject({ onMaxActiveRuns: 'skip' });
    expect(specOf({ onMaxActiveRuns: 'queue' })).not.toHaveProperty('onMaxActiveRuns');
  });

  it.each<[DagOptions, RegExp]>([
    [
      { schedule: '@daily', startDate, catchup: true, missedRuns: 'last' },
      /`catchup: true`, which means `missedRuns: 'all'`, and `missedRuns: "last"`/,
    ],
    [{ schedule: '@daily', startDate, catchup: false, missedRuns: { window: 'P1D' } }, /which means `missedRuns: 'last'`/],
    [{ schedule: '@daily', missedRuns: 'all' }, /`missedRuns: 'all'` and no `startDate`/],
    [
      { missedRuns: 'some' as never },
      /`missedRuns` of DAG "d" .* is "some"; allowed is 'none', 'last', 'all', or \{ window: a duration \}/,
    ],
    [{ missedRuns: { window: 'long' as never } }, /`missedRuns` of DAG "d"/],
    [{ onMaxActiveRuns: 'wait' as never }, /allowed is one of 'queue', 'skip', 'fail'/],
    [{ schedule: '@continuous', maxActiveRuns: 2 }, /runs without a pause, one run after the other, and has `maxActiveRuns: 2`/],
  ])('%j is refused', (options, message) => {
    expect(() => specOf(options)).toThrow(message);
  });
});
