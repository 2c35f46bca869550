import { Cron } from 'croner';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { DstPolicy } from '../../src/dag-spec/spec';
import { CronExpression, validateCron } from '../../src/timetables/cron-expression';
import { CronTicks } from '../../src/timetables/ticks';
import { Zone } from '../../src/timetables/zone';
import { cron, list } from '../support/cron-arbitraries';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const ticksOf = (expression: string, zone: string, dst: Partial<DstPolicy> = {}) =>
  new CronTicks(new CronExpression(expression), Zone.named(zone), dst);
const show = (at: number, zone: string) => DateTime.fromMillis(at, { zone }).toFormat("MM-dd'T'HH:mmZZ");

/** The first `n` ticks after `from`, and the same ones walked backwards. */
function walk(expression: string, zone: string, from: string, n: number, dst: Partial<DstPolicy> = {}): string[] {
  const ticks = ticksOf(expression, zone, dst);
  const found: number[] = [];
  for (let at = Date.parse(from); found.length < n;) found.push((at = ticks.next(at)!));
  for (let i = n - 1; i > 0; i--) expect(ticks.previous(found[i]!)).toBe(found[i - 1]);
  return found.map((at) => show(at, zone));
}

describe('cron ticks across changes of the clocks', () => {
  it('move a time in the gap forward by the gap', () => {
    expect(walk('30 2 * * *', 'America/New_York', '2024-03-08T12:00:00Z', 3)).toEqual([
      '03-09T02:30-05:00',
      '03-10T03:30-04:00',
      '03-11T02:30-04:00',
    ]);
    expect(walk('0 2 * * *', 'Europe/Zurich', '2023-03-25T12:00:00Z', 2)).toEqual(['03-26T03:00+02:00', '03-27T02:00+02:00']);
  });

  it('take the second occurrence of a time that comes twice', () => {
    expect(walk('30 1 * * *', 'America/New_York', '2024-11-02T12:00:00Z', 2)).toEqual(['11-03T01:30-05:00', '11-04T01:30-05:00']);
    expect(ticksOf('30 1 * * *', 'America/New_York').next(Date.parse('2024-11-03T05:45:00Z'))).toBe(Date.parse('2024-11-03T06:30:00Z'));
  });

  it('come once for each real hour when the hour field is *', () => {
    expect(walk('0 * * * *', 'Europe/Zurich', '2023-03-25T23:30:00Z', 4)).toEqual([
      '03-26T01:00+01:00',
      '03-26T03:00+02:00',
      '03-26T04:00+02:00',
      '03-26T05:00+02:00',
    ]);
    expect(walk('*/30 * * * *', 'America/New_York', '2024-11-03T04:45:00Z', 6)).toEqual([
      '11-03T01:00-04:00',
      '11-03T01:30-04:00',
      '11-03T01:00-05:00',
      '11-03T01:30-05:00',
      '11-03T02:00-05:00',
      '11-03T02:30-05:00',
    ]);
  });

  it('follow the wall clock for several fixed hours', () => {
    const ticks = ticksOf('0 7-8 * * *', 'America/Los_Angeles');
    expect(ticks.next(Date.parse('2020-03-08T12:00:00Z'))).toBe(Date.parse('2020-03-08T14:00:00Z'));
    expect(walk('0 */2 * * *', 'Europe/Zurich', '2023-10-28T21:30:00Z', 3)).toEqual([
      '10-29T00:00+02:00',
      '10-29T02:00+01:00',
      '10-29T04:00+01:00',
    ]);
  });

  it('merge two times that the gap makes one', () => {
    expect(walk('0 2,3 * * *', 'Europe/Zurich', '2023-03-25T12:00:00Z', 3)).toEqual([
      '03-26T03:00+02:00',
      '03-27T02:00+02:00',
      '03-27T03:00+02:00',
    ]);
    expect(walk('0,30 2,3 * * *', 'Europe/Zurich', '2023-03-25T12:00:00Z', 3)).toEqual([
      '03-26T03:00+02:00',
      '03-26T03:30+02:00',
      '03-27T02:00+02:00',
    ]);
  });

  it('live through a whole day that a zone left out', () => {
    expect(walk('0 12 * * *', 'Pacific/Apia', '2011-12-29T00:00:00Z', 4)).toEqual([
      '12-29T12:00-10:00',
      '12-31T12:00+14:00',
      '01-01T12:00+14:00',
      '01-02T12:00+14:00',
    ]);
  });
});

describe('an explicit policy for changes of the clocks', () => {
  it('may leave out a time in the gap', () => {
    expect(walk('30 2 * * *', 'America/New_York', '2024-03-08T12:00:00Z', 2, { gap: 'skip' })).toEqual([
      '03-09T02:30-05:00',
      '03-11T02:30-04:00',
    ]);
    expect(walk('0,30 2,3 * * *', 'Europe/Zurich', '2023-03-25T12:00:00Z', 3, { gap: 'skip' })).toEqual([
      '03-26T03:00+02:00',
      '03-26T03:30+02:00',
      '03-27T02:00+02:00',
    ]);
  });

  it('may take the first of two equal times, or both', () => {
    const from = '2024-11-02T12:00:00Z';
    expect(walk('30 1 * * *', 'America/New_York', from, 2, { overlap: 'first' })).toEqual(['11-03T01:30-04:00', '11-04T01:30-05:00']);
    expect(walk('30 1 * * *', 'America/New_York', from, 3, { overlap: 'both' })).toEqual([
      '11-03T01:30-04:00',
      '11-03T01:30-05:00',
      '11-04T01:30-05:00',
    ]);
  });
});

describe('cron expressions', () => {
  it.each([
    ['@hourly', '2026-01-01T01:00:00Z'],
    ['@daily', '2026-01-02T00:00:00Z'],
    ['@weekly', '2026-01-04T00:00:00Z'],
    ['@monthly', '2026-02-01T00:00:00Z'],
    ['@quarterly', '2026-04-01T00:00:00Z'],
    ['@yearly', '2027-01-01T00:00:00Z'],
    ['15 30 6 * * *', '2026-01-01T06:30:15Z'],
    ['0 0 L * *', '2026-01-31T00:00:00Z'],
    ['0 9 * * 1#2', '2026-01-12T09:00:00Z'],
    ['0 0 15W * *', '2026-01-15T00:00:00Z'],
    ['0 0 13 * 5', '2026-01-02T00:00:00Z'],
    ['0 0 29 2 *', '2028-02-29T00:00:00Z'],
    ['5/20 * * * *', '2026-01-01T00:05:00Z'],
  ])('%s comes next at %s', (expression, expected) => {
    expect(validateCron(expression)).toBeNull();
    expect(new Date(ticksOf(expression, 'UTC').next(Date.UTC(2026, 0, 1))!).toISOString()).toBe(expected.replace('Z', '.000Z'));
  });

  it.each([
    ['60 * * * *', /invalid value for minute: 60/],
    ['* * *', /it has 3 fields.*5 fields/],
    ['* * * * * * *', /it has 7 fields/],
    ['@dayly', /did you mean "@daily"\?/],
    ['@once', /not a known preset/],
    ['', /it has 0 fields/],
    ['0 0 31 2 *', /never comes/],
    ['every day at six o clock', /invalid|unknown|illegal/],
  ])('"%s" is refused with the reason', (expression, message) => {
    expect(validateCron(expression)).toMatch(message);
  });
});

const zone = fc.constantFrom(
  'UTC',
  'Europe/Zurich',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'America/St_Johns',
  'Africa/Casablanca',
  'Pacific/Apia',
);
const instant = fc.integer({ min: Date.UTC(2010, 0, 1) / MINUTE, max: Date.UTC(2030, 0, 1) / MINUTE }).map((minutes) => minutes * MINUTE);

const policy = fc.record({
  gap: fc.constantFrom<DstPolicy['gap'][]>('forward', 'skip'),
  overlap: fc.constantFrom<DstPolicy['overlap'][]>('second', 'first', 'both'),
});

describe('properties of cron ticks', () => {
  it('in UTC they are croner’s', () => {
    fc.assert(
      fc.property(cron, instant, (expression, from) => {
        const [ticks, reference] = [ticksOf(expression, 'UTC'), new Cron(expression, { timezone: 'UTC' })];
        expect(ticks.next(from)).toBe(reference.nextRun(new Date(from))?.getTime());
        expect(ticks.previous(from)).toBe(reference.previousRuns(1, new Date(from))[0]?.getTime());
      }),
      { numRuns: 150 },
    );
  });

  it('next and previous are strictly monotonic and undo each other', () => {
    fc.assert(
      fc.property(cron, zone, instant, policy, (expression, name, from, dst) => {
        const ticks = ticksOf(expression, name, dst);
        let at = from;
        for (let i = 0; i < 8; i++) {
          const next = ticks.next(at)!;
          expect(next).toBeGreaterThan(at);
          const back = ticks.previous(next)!;
          if (i === 0) expect(back).toBeLessThanOrEqual(from);
          else expect(back).toBe(at);
          at = next;
        }
      }),
      { numRuns: 150 },
    );
  });

  const changes = fc.constantFrom(
    ['Europe/Zurich', '2023-03-26T01:00Z'],
    ['Europe/Zurich', '2023-10-29T01:00Z'],
    ['America/New_York', '2024-03-10T07:00Z'],
    ['America/New_York', '2024-11-03T06:00Z'],
    ['Australia/Lord_Howe', '2024-04-06T15:00Z'],
    ['Australia/Lord_Howe', '2024-10-05T15:30Z'],
    ['America/St_Johns', '2024-03-10T05:30Z'],
    ['Africa/Casablanca', '2024-03-10T02:00Z'],
  );
  it('near a change of the clocks they are the set that the rule describes, from wherever one starts', () => {
    fc.assert(
      fc.property(
        list(0, 59),
        fc.oneof(fc.constant('*'), list(0, 23), list(0, 4)),
        changes,
        fc.integer({ min: -300, max: 300 }),
        policy,
        (minute, hour, [name, change], shift, dst) => {
          const expression = `${minute} ${hour} * * *`;
          const expected = ticksByEnumeration(expression, name, Date.parse(change), dst);
          const from = Date.parse(change) + shift * MINUTE;
          const ticks = ticksOf(expression, name, dst);
          expect(ticks.next(from)).toBe(expected.find((at) => at > from));
          expect(ticks.previous(from)).toBe(expected.findLast((at) => at < from));
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** The rule, carried out minute by minute with luxon alone. */
function ticksByEnumeration(expression: string, zone: string, around: number, { gap, overlap }: DstPolicy): number[] {
  const pattern = new CronExpression(expression);
  const instants = instantsByWall(zone, around);
  const ticks = new Set<number>();
  const [first, last] = [around - 2 * DAY, around + 2 * DAY];
  for (let wall = pattern.next(first)!; wall < last; wall = pattern.next(wall)!) {
    const at = instants.get(wall);
    if (pattern.coversEveryHour) at?.forEach((one) => ticks.add(one));
    else if (at) (overlap === 'both' ? at : overlap === 'first' ? [at[0]!] : [at.at(-1)!]).forEach((one) => ticks.add(one));
    else if (gap === 'forward') ticks.add(DateTime.fromMillis(wall, { zone: 'utc' }).setZone(zone, { keepLocalTime: true }).toMillis());
  }
  return [...ticks].sort((a, b) => a - b);
}

const walls = new Map<string, Map<number, number[]>>();
function instantsByWall(zone: string, around: number): Map<number, number[]> {
  const key = `${zone} ${around}`;
  let instants = walls.get(key);
  if (!instants) {
    walls.set(key, (instants = new Map()));
    for (let at = around - 3 * DAY; at < around + 3 * DAY; at += MINUTE) {
      const wall = at + DateTime.fromMillis(at, { zone }).offset * MINUTE;
      instants.set(wall, [...(instants.get(wall) ?? []), at]);
    }
  }
  return instants;
}
