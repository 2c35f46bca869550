import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { BusinessPeriod, CalendarSpec, DstPolicy, TickSpec } from '../../src/dag-spec/spec';
import type { Ticks } from '../../src/timetables/ticks';
import { describeTicks, summaryOf, ticksOf } from '../../src/timetables/ticks-of';
import { timetableOf } from '../../src/timetables/timetable-of';

const DAY = 86_400_000;
const ZURICH = 'Europe/Zurich';
const free: CalendarSpec = { holidays: [] };
const swiss: CalendarSpec = { holidays: ['01-01', '08-01', '12-25', '12-26', '2026-04-03', '2026-04-06', '2026-05-14'] };

const cron = (expression: string, timezone = ZURICH): TickSpec => ({ kind: 'cron', expression, timezone });
const workdays = (of: TickSpec, calendar: CalendarSpec, onHoliday?: 'next' | 'previous', timezone = ZURICH): TickSpec => ({
  kind: 'workdays',
  of,
  calendar,
  ...(onHoliday === undefined ? {} : { onHoliday }),
  timezone,
});
const nth = (n: number, of: BusinessPeriod, calendar: CalendarSpec, at = '06:00', timezone = ZURICH): TickSpec => ({
  kind: 'nth-business-day',
  n,
  of,
  at,
  calendar,
  timezone,
});

/** The first `n` ticks after a moment, and the same ones walked backwards. */
function walk(spec: TickSpec, from: string, n: number): string[] {
  const ticks = ticksOf(spec, null);
  const found: number[] = [];
  for (let at = Date.parse(from); found.length < n;) found.push((at = ticks.next(at)!));
  for (let i = n - 1; i > 0; i--) expect(ticks.previous(found[i]!)).toBe(found[i - 1]);
  return found.map((at) => DateTime.fromMillis(at, { zone: ZURICH }).toFormat('ccc yyyy-MM-dd HH:mm'));
}

describe('workdays', () => {
  it('leave out weekends and holidays', () => {
    expect(walk(workdays(cron('0 6 * * *'), swiss), '2026-04-01T12:00:00Z', 4)).toEqual([
      'Thu 2026-04-02 06:00',
      'Tue 2026-04-07 06:00', // Good Friday and Easter Monday
      'Wed 2026-04-08 06:00',
      'Thu 2026-04-09 06:00',
    ]);
    expect(walk(workdays(cron('0 6 * * *'), swiss), '2026-12-24T12:00:00Z', 2)).toEqual(['Mon 2026-12-28 06:00', 'Tue 2026-12-29 06:00']);
  });

  it('move a time on a day off to the next workday, or to the one before', () => {
    const first = cron('0 6 1 * *');
    expect(walk(workdays(first, swiss, 'next'), '2025-12-31T12:00:00Z', 8)).toEqual([
      'Fri 2026-01-02 06:00',
      'Mon 2026-02-02 06:00',
      'Mon 2026-03-02 06:00',
      'Wed 2026-04-01 06:00',
      'Fri 2026-05-01 06:00',
      'Mon 2026-06-01 06:00',
      'Wed 2026-07-01 06:00',
      'Mon 2026-08-03 06:00',
    ]);
    expect(walk(workdays(first, swiss, 'previous'), '2025-12-30T12:00:00Z', 3)).toEqual([
      'Wed 2025-12-31 06:00',
      'Fri 2026-01-30 06:00',
      'Fri 2026-02-27 06:00',
    ]);
  });

  it('come once when several days off move to the same workday, each time of the day for itself', () => {
    expect(walk(workdays(cron('0 6,18 * * *'), free, 'next'), '2026-03-05T12:00:00Z', 5)).toEqual([
      'Thu 2026-03-05 18:00',
      'Fri 2026-03-06 06:00',
      'Fri 2026-03-06 18:00',
      'Mon 2026-03-09 06:00',
      'Mon 2026-03-09 18:00',
    ]);
  });

  it('may have another weekend', () => {
    const gulf = { holidays: [], weekend: [5, 6] };
    expect(walk(workdays(cron('0 6 * * *'), gulf), '2026-03-04T12:00:00Z', 3)).toEqual([
      'Thu 2026-03-05 06:00',
      'Sun 2026-03-08 06:00',
      'Mon 2026-03-09 06:00',
    ]);
  });

  it('follow the day of their zone, not of UTC', () => {
    expect(walk(workdays(cron('30 0 * * *'), free), '2026-03-06T12:00:00Z', 1)).toEqual(['Mon 2026-03-09 00:30']); // Sunday 23:30 in UTC
  });

  it('that never come are refused, and so are calendars without a workday', () => {
    expect(() => ticksOf(workdays(cron('0 6 * * 6'), free), null)).toThrow('workdays(0 6 * * 6): such a time never comes');
    expect(() => ticksOf(workdays(cron('0 6 * * *'), { holidays: [], weekend: [1, 2, 3, 4, 5, 6, 7] }), null)).toThrow(
      'no day on which anybody works',
    );
    expect(() => ticksOf(workdays(cron('0 6 * * *'), { holidays: ['2026-02-30'] }), null)).toThrow('there is no day "2026-02-30"');
    expect(() => ticksOf(workdays(cron('*/5 * * * * *'), free, 'next'), null)).toThrow('more than one time a minute');
  });
});

describe('the n-th business day', () => {
  it('counts from the start of a month, a quarter or a year, and from its end', () => {
    expect(walk(nth(3, 'month', swiss), '2026-01-01T00:00:00Z', 4)).toEqual([
      'Tue 2026-01-06 06:00',
      'Wed 2026-02-04 06:00',
      'Wed 2026-03-04 06:00',
      'Tue 2026-04-07 06:00',
    ]);
    expect(walk(nth(-1, 'month', swiss), '2026-01-01T00:00:00Z', 2)).toEqual(['Fri 2026-01-30 06:00', 'Fri 2026-02-27 06:00']);
    expect(walk(nth(-2, 'quarter', swiss), '2026-01-01T00:00:00Z', 2)).toEqual(['Mon 2026-03-30 06:00', 'Mon 2026-06-29 06:00']);
    expect(walk(nth(1, 'year', swiss), '2025-06-01T00:00:00Z', 2)).toEqual(['Fri 2026-01-02 06:00', 'Mon 2027-01-04 06:00']);
    expect(walk(nth(1, 'week', swiss), '2026-04-01T00:00:00Z', 2)).toEqual(['Tue 2026-04-07 06:00', 'Mon 2026-04-13 06:00']);
  });

  it('leaves out periods that have not so many', () => {
    const months = walk(nth(23, 'month', free), '2026-01-01T00:00:00Z', 4).map((text) => text.slice(4, 11));
    expect(months).toEqual(['2026-07', '2026-12', '2027-03', '2027-12']);
  });
});

describe('combinations', () => {
  it('except leaves out days, union takes all times once', () => {
    expect(
      walk({ kind: 'except', of: cron('0 6 * * *'), days: ['03-07', '2026-03-08'], timezone: ZURICH }, '2026-03-06T00:00:00Z', 3),
    ).toEqual(['Fri 2026-03-06 06:00', 'Mon 2026-03-09 06:00', 'Tue 2026-03-10 06:00']);
    expect(walk({ kind: 'union', of: [cron('0 6 * * *'), cron('0 6,18 * * 1')] }, '2026-03-08T00:00:00Z', 4)).toEqual([
      'Sun 2026-03-08 06:00',
      'Mon 2026-03-09 06:00',
      'Mon 2026-03-09 18:00',
      'Tue 2026-03-10 06:00',
    ]);
  });

  it('are described for people', () => {
    const described = (spec: TickSpec) => [summaryOf(spec), describeTicks(spec)];
    expect(described(workdays(cron('0 6 * * *'), swiss, 'next'))).toEqual([
      'workdays(0 6 * * *)',
      'At 06:00, only on workdays without 7 holidays, else on the next one',
    ]);
    expect(described(nth(-2, 'quarter', free))).toEqual([
      '2nd last business day of the quarter',
      'At 06:00 on the 2nd last business day of the quarter',
    ]);
    expect(timetableOf({ kind: 'data-interval', ticks: nth(3, 'month', swiss) }).description).toBe(
      'At 06:00 on the 3rd business day of the month (7 holidays), Europe/Zurich',
    );
    expect(described({ kind: 'union', of: [cron('0 6 * * *'), cron('0 18 * * 1')] })).toEqual([
      '0 6 * * * | 0 18 * * 1',
      'At 06:00; or: At 18:00, only on Monday',
    ]);
  });
});

// ---- properties

const zone = fc.constantFrom(
  'UTC',
  ZURICH,
  'America/New_York',
  'America/Havana',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Apia',
);
const holiday = fc.oneof(
  fc.integer({ min: 0, max: 4_000 }).map((days) => new Date(Date.UTC(2020, 0, 1) + days * DAY).toISOString().slice(0, 10)),
  fc.integer({ min: 0, max: 364 }).map((days) => new Date(Date.UTC(2023, 0, 1) + days * DAY).toISOString().slice(5, 10)),
);
const calendar = fc.record({
  holidays: fc.array(holiday, { maxLength: 40 }),
  weekend: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 3 }),
});
const instant = fc.integer({ min: Date.UTC(2021, 0, 1) / 60_000, max: Date.UTC(2029, 0, 1) / 60_000 }).map((minutes) => minutes * 60_000);
const dst = fc.record({
  gap: fc.constantFrom<DstPolicy['gap'][]>('forward', 'skip'),
  overlap: fc.constantFrom<DstPolicy['overlap'][]>('second', 'first', 'both'),
});
const expression = fc.constantFrom(
  '0 6 * * *',
  '0 * * * *',
  '30 1,2 * * *',
  '0 0 1,15 * *',
  '0 23 * * 5',
  '30 0 L * *',
  '45 23 * * *',
  '0 1 31 * *',
);

/** Worked out again, in another way: from the date as people write it. */
function isWorked(date: DateTime, calendar: CalendarSpec): boolean {
  return isWorkedDay(date.toISODate()!, calendar);
}
function isWorkedDay(date: string, { holidays, weekend = [6, 7] }: CalendarSpec): boolean {
  return !weekend.includes(new Date(date).getUTCDay() || 7) && !holidays.includes(date) && !holidays.includes(date.slice(5));
}

function expectMonotonic(ticks: Ticks, from: number, steps = 12): number[] {
  const found: number[] = [];
  for (let at: number | null = ticks.next(from); at !== null && found.length < steps; at = ticks.next(at)) {
    expect(at).toBeGreaterThan(found.at(-1) ?? from);
    found.push(at);
  }
  for (let i = found.length - 1; i > 0; i--) expect(ticks.previous(found[i]!)).toBe(found[i - 1]);
  // From between two ticks as well as from one of them.
  for (const [i, at] of found.entries()) if (i > 0 && at - found[i - 1]! > 1) expect(ticks.previous(at - 1)).toBe(found[i - 1]);
  return found;
}

describe('properties of calendars', () => {
  const never = (error: unknown) => /never comes|nobody works|no day on which/.test((error as Error).message);
  const made = (spec: TickSpec): Ticks | null => {
    try {
      return ticksOf(spec, null);
    } catch (error) {
      if (never(error)) return null;
      throw error;
    }
  };

  it('every tick is on a workday, next and previous are strictly monotonic and undo each other', () => {
    fc.assert(
      fc.property(
        expression,
        calendar,
        fc.constantFrom(undefined, 'next' as const, 'previous' as const),
        zone,
        dst,
        instant,
        (text, days, move, name, policy, from) => {
          const isHourly = text === '0 * * * *';
          const of: TickSpec = { kind: 'cron', expression: text, timezone: name, ...(isHourly ? {} : { dst: policy }) };
          const ticks = made({ ...workdays(of, days, move, name), ...(move === undefined ? {} : { dst: policy }) });
          if (ticks === null) return;
          for (const at of expectMonotonic(ticks, from)) expect(isWorked(DateTime.fromMillis(at, { zone: name }), days)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('without moving they are exactly the times of the inner schedule on workdays; moving loses no day', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('0 6 * * *', '0 0 1,15 * *', '30 12 L * *'),
        calendar,
        fc.constantFrom('next' as const, 'previous' as const),
        zone,
        instant,
        (text, days, move, name, from) => {
          const to = from + 100 * DAY;
          const between = (ticks: Ticks) => {
            const found: number[] = [];
            for (let at = ticks.next(from - 1); at !== null && at <= to; at = ticks.next(at)) found.push(at);
            return found;
          };
          const [inner, kept, moved] = [
            cron(text, name),
            workdays(cron(text, name), days, undefined, name),
            workdays(cron(text, name), days, move, name),
          ].map(made);
          if (!inner || !kept || !moved) return;
          const local = (at: number) => DateTime.fromMillis(at, { zone: name });
          expect(between(kept)).toEqual(between(inner).filter((at) => isWorked(local(at), days)));

          const step = move === 'next' ? 1 : -1;
          const wanted = between(inner).map((at) => {
            let date = local(at);
            while (!isWorked(date, days)) date = date.plus({ days: step });
            return date.toFormat('yyyy-MM-dd');
          });
          const got = new Set(between(moved).map((at) => local(at).toFormat('yyyy-MM-dd')));
          const inside = (date: string) => date > local(from + 20 * DAY).toISODate()! && date < local(to - 20 * DAY).toISODate()!;
          expect(new Set(wanted.filter(inside))).toEqual(new Set([...got].filter(inside)));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('the n-th business day is what counting the days of the period gives', () => {
    const count = fc.integer({ min: 1, max: 24 }).chain((n) => fc.constantFrom(n, -n));
    fc.assert(
      fc.property(
        count,
        fc.constantFrom<BusinessPeriod[]>('week', 'month', 'quarter', 'year'),
        calendar,
        zone,
        instant,
        (n, of, days, name, from) => {
          const ticks = made(nth(n, of, days, '12:00', name));
          if (ticks === null) return;
          for (const at of expectMonotonic(ticks, from, 4)) {
            const date = DateTime.fromMillis(at, { zone: name });
            expect(date.toFormat('HH:mm')).toBe('12:00');
            const worked: string[] = [];
            const [first, end] = [date.startOf(of), date.endOf(of)].map((each) => Date.parse(each.toISODate()!));
            for (let day = first!; day <= end!; day += DAY) {
              const text = new Date(day).toISOString().slice(0, 10);
              if (isWorkedDay(text, days)) worked.push(text);
            }
            expect(worked.at(n > 0 ? n - 1 : n)).toBe(date.toISODate());
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it('data intervals of any calendar tile: no gap, no overlap', () => {
    const spec: fc.Arbitrary<TickSpec> = fc.oneof(
      fc
        .tuple(expression, calendar, fc.constantFrom(undefined, 'next' as const, 'previous' as const), zone)
        .map(([text, days, move, name]) => workdays(cron(text, name), days, move, name)),
      fc.tuple(fc.integer({ min: 1, max: 5 }), calendar, zone).map(([n, days, name]) => nth(n, 'month', days, '02:30', name)),
      fc.tuple(expression, expression, zone).map(([a, b, name]): TickSpec => ({ kind: 'union', of: [cron(a, name), cron(b, name)] })),
      fc
        .tuple(expression, fc.array(holiday, { minLength: 1, maxLength: 20 }), zone)
        .map(([text, days, name]): TickSpec => ({ kind: 'except', of: cron(text, name), days, timezone: name })),
    );
    fc.assert(
      fc.property(spec, instant, (ticks, from) => {
        if (made(ticks) === null) return;
        const timetable = timetableOf({ kind: 'data-interval', ticks });
        const runs = [...timetable.runsBetween(from, from + 60 * DAY)];
        for (const [i, run] of runs.entries()) {
          expect(run.interval.end).toBeGreaterThan(run.interval.start);
          if (i > 0) expect(run.interval.start).toBe(runs[i - 1]!.interval.end);
        }
      }),
      { numRuns: 20 },
    );
  });
});
