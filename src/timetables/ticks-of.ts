/** TickSpec → ticks, and what people call them. */
import { Duration } from 'luxon';
import type { Instant } from '../core/time';
import type { CalendarSpec, TickSpec } from '../dag-spec/spec';
import { BusinessDays, DaySet } from './business-days';
import { CronExpression, validateCron } from './cron-expression';
import { FilteredTicks, MovedTicks, NthBusinessDayTicks } from './day-ticks';
import { DeltaTicks } from './delta-ticks';
import { CronTicks, UnionTicks, type Ticks } from './ticks';
import { Zone, isKnownZone } from './zone';

/** More ticks a day than minutes, and moving them from day to day is no longer quick. */
const MOST_MOVED_A_DAY = 1_440;

/**
 * @param startDate what durations are counted from
 * @throws RangeError whose message is a sentence about what is wrong with the spec
 */
export function ticksOf(spec: TickSpec, startDate: Instant | null): Ticks {
  const ticks = build(spec, startDate);
  if (ticks.next(startDate ?? Date.UTC(2000, 0, 1)) === null) throw new RangeError(`${summaryOf(spec)}: such a time never comes`);
  return ticks;
}

function build(spec: TickSpec, startDate: Instant | null): Ticks {
  switch (spec.kind) {
    case 'cron': {
      const expression = cronOf(spec.expression);
      if (spec.dst !== undefined && expression.coversEveryHour) {
        throw new RangeError(
          `"${spec.expression}": \`dst\` has no say where every hour has its runs (each real hour has them, whatever the clocks show); leave it out`,
        );
      }
      return new CronTicks(expression, zoneOf(spec.timezone), spec.dst);
    }
    case 'delta':
      return new DeltaTicks(spec.delta, startDate ?? 0, zoneOf(spec.timezone).name);
    case 'workdays': {
      const [of, zone, days] = [build(spec.of, startDate), zoneOf(spec.timezone), new BusinessDays(spec.calendar)];
      if (spec.onHoliday === undefined) return new FilteredTicks(of, zone, days);
      if (perDay(spec.of) > MOST_MOVED_A_DAY) {
        throw new RangeError(
          `${summaryOf(spec)}: a schedule with more than one time a minute cannot be moved to another day; use onHoliday 'skip'`,
        );
      }
      return new MovedTicks(of, zone, days, spec.onHoliday, spec.dst ?? {});
    }
    case 'nth-business-day': {
      const which = { n: spec.n, of: spec.of, time: timeOfDay(spec.at) };
      return new NthBusinessDayTicks(which, zoneOf(spec.timezone), new BusinessDays(spec.calendar), spec.dst ?? {});
    }
    case 'except':
      return new FilteredTicks(build(spec.of, startDate), zoneOf(spec.timezone), allBut(new DaySet(spec.days)));
    case 'union':
      return new UnionTicks(spec.of.map((part) => build(part, startDate)));
    default:
      return spec satisfies never;
  }
}

/** Every day, but not these. */
function allBut(days: DaySet) {
  const has = (day: number) => !days.has(day);
  const walk = (day: number, step: 1 | -1) => {
    for (let tries = 0; !has(day) && tries < 10_000; tries++) day += step;
    return day;
  };
  return { has, from: (day: number) => walk(day, 1), upTo: (day: number) => walk(day, -1) };
}

/** @throws RangeError */
export function cronOf(text: string): CronExpression {
  const wrong = validateCron(text);
  if (wrong !== null) throw new RangeError(`"${text}" is not a cron expression: ${wrong}`);
  return new CronExpression(text);
}

/** @throws RangeError */
export function zoneOf(name: string): Zone {
  if (isKnownZone(name)) return Zone.named(name);
  throw new RangeError(`unknown timezone "${name}": give an IANA name such as "Europe/Zurich" or "UTC"`);
}

/** 'HH:mm' or 'HH:mm:ss' in milliseconds. @throws RangeError */
export function timeOfDay(text: string): number {
  const [, hour, minute, second = '0'] = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (hour === undefined) throw new RangeError(`"${text}" is not a time of day: give hours and minutes such as "06:00"`);
  return ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
}

function perDay(spec: TickSpec): number {
  switch (spec.kind) {
    case 'cron':
      return cronOf(spec.expression).timesADay;
    case 'delta':
      return 86_400_000 / Math.max(1, Duration.fromISO(spec.delta).toMillis());
    case 'nth-business-day':
      return 1;
    case 'workdays':
    case 'except':
      return perDay(spec.of);
    case 'union':
      return spec.of.reduce((sum, part) => sum + perDay(part), 0);
    default:
      return spec satisfies never;
  }
}

/** For a column: 'workdays(0 6 * * *)'. */
export function summaryOf(spec: TickSpec): string {
  switch (spec.kind) {
    case 'cron':
      return spec.expression;
    case 'delta':
      return spec.delta;
    case 'workdays':
      return `workdays(${summaryOf(spec.of)})`;
    case 'nth-business-day':
      return `${ordinal(spec.n)} business day of the ${spec.of}`;
    case 'except':
      return `${spec.of.kind === 'union' ? `(${summaryOf(spec.of)})` : summaryOf(spec.of)} except ${count(spec.days.length, 'day')}`;
    case 'union':
      return spec.of.map(summaryOf).join(' | ');
    default:
      return spec satisfies never;
  }
}

/** For people, without the zone: 'At 06:00, on workdays (10 holidays)'. */
export function describeTicks(spec: TickSpec): string {
  switch (spec.kind) {
    case 'cron':
      return cronOf(spec.expression).description + describeDst(spec.dst);
    case 'delta':
      return `Every ${Duration.fromISO(spec.delta).toHuman()}`;
    case 'workdays': {
      const moved = spec.onHoliday === undefined ? '' : `, else on the ${spec.onHoliday} one`;
      return `${describeTicks(spec.of)}${spec.of.kind === 'union' ? '; all' : ','} only on ${daysOf(spec.calendar)}${moved}`;
    }
    case 'nth-business-day': {
      const days = spec.calendar.holidays.length === 0 ? '' : ` (${count(spec.calendar.holidays.length, 'holiday')})`;
      return `At ${spec.at} on the ${ordinal(spec.n)} business day of the ${spec.of}${days}${describeDst(spec.dst)}`;
    }
    case 'except':
      return `${describeTicks(spec.of)}${spec.of.kind === 'union' ? '; but not' : ', except'} on ${spec.days.length <= 3 ? spec.days.join(', ') : count(spec.days.length, 'day')}`;
    case 'union':
      return spec.of.map(describeTicks).join('; or: ');
    default:
      return spec satisfies never;
  }
}

/** The zones that the ticks are in, each once. */
export function zonesOf(spec: TickSpec): readonly string[] {
  if (spec.kind === 'union') return [...new Set(spec.of.flatMap(zonesOf))];
  return [spec.timezone];
}

function daysOf({ holidays, weekend }: CalendarSpec): string {
  const names =
    weekend === undefined ? 'workdays' : `workdays (weekend ${weekend.map((day) => WEEKDAYS[day - 1]).join(' and ') || 'none'})`;
  return holidays.length === 0 ? names : `${names} without ${count(holidays.length, 'holiday')}`;
}

const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

function describeDst(dst: { gap?: string; overlap?: string } | undefined): string {
  const parts = [
    dst?.gap === 'skip' ? 'not at times that the clocks leave out' : '',
    dst?.overlap === 'first' ? 'the first of two equal times' : dst?.overlap === 'both' ? 'both of two equal times' : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function ordinal(n: number): string {
  if (n < 0) return n === -1 ? 'last' : `${ordinal(-n)} last`;
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
