/** Business calendars: schedules that are made of other schedules. */
import { createRequire } from 'node:module';
import { ThenceError } from '../core/errors';
import {
  BUSINESS_PERIODS,
  type BusinessPeriod,
  type CalendarSpec,
  type DstPolicy,
  type TickSpec,
  type TimetableSpec,
} from '../dag-spec/spec';
import { BuiltInTimetable, dstCheck, dstSpec, type ParseSchedule } from './built-in-timetable';
import { checkOptions, duration, given, integer, listOf, oneOf, show, text, type Check } from './option-checks';
import { triggerSpec, type TriggerOptions } from './timetables';
import type { Schedule } from './types';

const load = createRequire(__filename);

export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Which days are worked. Make one, and give it to as many schedules as you like. */
export interface BusinessCalendar {
  /** Days off besides the weekend: '2026-04-03', or '12-25' for every year. */
  readonly holidays?: readonly string[];
  /** @default ['saturday', 'sunday'] */
  readonly weekend?: readonly Weekday[];
}

export interface CalendarOptions {
  /** Days off besides the weekend ('2026-04-03', or '12-25' for every year), or a whole calendar. */
  holidays?: readonly string[] | BusinessCalendar;
  /** @default that of the calendar, else ['saturday', 'sunday'] */
  weekend?: readonly Weekday[];
  /** In which a day begins and ends: an IANA name. @default that of the inner schedule, else the DAG's */
  timezone?: string;
  /** What a time means that the clocks leave out, or show twice. @default { gap: 'forward', overlap: 'second' } */
  dst?: Partial<DstPolicy>;
}

export interface WorkdaysOptions extends CalendarOptions {
  /** What becomes of a time that falls on a day off: it is left out, or comes at the same time of the next or the previous workday. @default 'skip' */
  onHoliday?: 'skip' | 'next' | 'previous';
}

/**
 * The times of another schedule on workdays only. A data interval goes from one such time to the next: Monday's holds the weekend.
 * @example schedule: workdays('0 6 * * *', { holidays: ['2026-04-03', '12-25'] })
 * @example schedule: workdays('0 6 1 * *', { onHoliday: 'next' }) // the first of the month, or the first workday after it
 */
export function workdays(schedule: Schedule, options: WorkdaysOptions = {}): BuiltInTimetable {
  check('workdays', schedule, options, { ...calendarChecks, onHoliday: oneOf('skip', 'next', 'previous') });
  const { onHoliday = 'skip', dst, holidays, weekend } = options;
  const moves = onHoliday !== 'skip';
  const isPlain = typeof schedule === 'string' && !schedule.startsWith('P');
  if (dst !== undefined && !isPlain && !moves)
    throw refuse('workdays', schedule, '`dst` belongs to the inner schedule here; give it there');
  return new CalendarTimetable(schedule, options.timezone, (ticks, timezone) => {
    const of = ticks.kind === 'cron' && isPlain ? { ...ticks, ...dstSpec(dst) } : ticks;
    const calendar = calendarSpec(holidays, weekend);
    return { kind: 'workdays', of, calendar, ...(moves ? { onHoliday, ...dstSpec(dst) } : {}), timezone };
  });
}

export interface NthBusinessDayOptions extends CalendarOptions {
  /** Time of day: '06:00'. */
  at: string;
  /** @default 'month' */
  of?: BusinessPeriod;
}

/**
 * One time each month (or week, quarter, year): on its n-th workday. -1 is the last one, -2 the one before it.
 * @example schedule: nthBusinessDay(3, { at: '06:00', holidays: ['01-01'] })
 */
export function nthBusinessDay(n: number, options: NthBusinessDayOptions): BuiltInTimetable {
  if ((options as NthBusinessDayOptions | undefined)?.at === undefined) {
    throw new ThenceError(
      'DAG_FILE',
      `nthBusinessDay(${show(n)}) has no time of day: give \`at\`, as in nthBusinessDay(${show(n)}, { at: '06:00' })`,
    );
  }
  check('nthBusinessDay', n, options, { ...calendarChecks, at: text, of: oneOf(...BUSINESS_PERIODS) });
  const { at, of = 'month', holidays, weekend, dst } = options;
  const most = { week: 7, month: 31, quarter: 92, year: 366 }[of];
  if (integer(-most, most)(n) !== null || n === 0) {
    throw new ThenceError('DAG_FILE', `nthBusinessDay is made with ${show(n)}; a ${of} has the days 1 to ${most}, and -1 is its last one`);
  }
  return new FreeTimetable((zone) => ({
    kind: 'data-interval',
    ticks: {
      kind: 'nth-business-day',
      n,
      of,
      at,
      calendar: calendarSpec(holidays, weekend),
      timezone: options.timezone ?? zone,
      ...dstSpec(dst),
    },
  }));
}

/**
 * The times of another schedule, but not on these days.
 * @example schedule: except('@hourly', ['2026-12-24', '01-01'])
 */
export function except(schedule: Schedule, days: readonly string[], options: { timezone?: string } = {}): BuiltInTimetable {
  check('except', schedule, options, { timezone: text });
  const sorted = daysSpec(days, 'except');
  return new CalendarTimetable(schedule, options.timezone, (ticks, timezone) => ({ kind: 'except', of: ticks, days: sorted, timezone }));
}

/**
 * The times of all of these schedules, each once.
 * @example schedule: union('0 6 * * 1-5', '0 10 * * 6,0')
 */
export function union(...schedules: readonly Schedule[]): BuiltInTimetable {
  if (schedules.length === 0) throw new ThenceError('DAG_FILE', 'union is made of nothing; give it schedules');
  return new FreeTimetable((timezone, parse) => {
    const parts = schedules.map((schedule) => styleOf(parse(schedule, timezone), schedule));
    const [first, ...others] = parts.map(({ ticks: _, ...style }) => JSON.stringify(style));
    const odd = others.findIndex((style) => style !== first);
    if (odd >= 0) {
      throw refuse(
        'union',
        schedules[odd + 1],
        'its runs are of another kind than those of the first one: data intervals do not mix with triggers, nor triggers of different intervals',
      );
    }
    return restyle(parts[0]!, parts.length === 1 ? parts[0]!.ticks : { kind: 'union', of: parts.map(({ ticks }) => ticks) });
  });
}

/**
 * The same times, but as triggers: each run has its time as logical date, and an empty data interval or the `interval` before it.
 * @example schedule: asTrigger(nthBusinessDay(-1, { at: '18:00' }))
 */
export function asTrigger(schedule: Schedule, options: Pick<TriggerOptions, 'interval' | 'runImmediately'> = {}): BuiltInTimetable {
  const immediately: Check = (value) => (typeof value === 'boolean' || duration(value) === null ? null : 'true, false or a duration');
  check('asTrigger', schedule, options, { interval: duration, runImmediately: immediately });
  return new FreeTimetable((timezone, parse) => ({
    kind: 'trigger',
    ticks: styleOf(parse(schedule, timezone), schedule).ticks,
    ...triggerSpec(options),
  }));
}

class FreeTimetable extends BuiltInTimetable {
  constructor(private readonly make: (timezone: string, parse: ParseSchedule) => TimetableSpec) {
    super();
  }

  '~spec'(timezone: string, parse: ParseSchedule): TimetableSpec {
    return this.make(timezone, parse);
  }
}

/** Ticks made of another schedule's, with runs of the same kind. */
class CalendarTimetable extends FreeTimetable {
  constructor(schedule: Schedule, own: string | undefined, change: (ticks: TickSpec, timezone: string) => TickSpec) {
    super((timezone, parse) => {
      const inner = styleOf(parse(schedule, own ?? timezone), schedule);
      const { zonesOf } = load('../timetables/ticks-of') as typeof import('../timetables/ticks-of');
      return restyle(inner, change(inner.ticks, own ?? zonesOf(inner.ticks)[0]!));
    });
  }
}

/** Ticks, and what kind of runs are made of them. */
type Styled = { readonly kind: 'data-interval'; readonly ticks: TickSpec } | Extract<TimetableSpec, { kind: 'trigger' }>;

function styleOf(spec: TimetableSpec, schedule: unknown): Styled {
  switch (spec.kind) {
    case 'cron-data-interval':
      return { kind: 'data-interval', ticks: { ...spec, kind: 'cron' } };
    case 'delta-data-interval':
      return { kind: 'data-interval', ticks: { ...spec, kind: 'delta' } };
    case 'data-interval':
    case 'trigger':
      return spec;
    default:
      throw refuse(
        'a business calendar',
        schedule,
        'the inner schedule must be a cron expression, a duration, a cron timetable or another calendar',
      );
  }
}

function restyle(style: Styled, ticks: TickSpec): TimetableSpec {
  return { ...style, ticks };
}

const days: Check = (value) =>
  Array.isArray(value) && value.every((day) => typeof day === 'string' && /^(\d{4}-)?\d\d-\d\d$/.test(day))
    ? null
    : "a list of days like '2026-04-03', or '12-25' for every year";
const weekends = listOf(oneOf(...WEEKDAYS));
const calendarChecks = {
  holidays: (value: unknown) => {
    if (Array.isArray(value)) return days(value);
    if (typeof value !== 'object' || value === null) return `${days(null)}, or a calendar: { holidays, weekend }`;
    const { holidays = [], weekend = [], ...rest } = value as { holidays?: unknown; weekend?: unknown };
    if (Object.keys(rest).length > 0) return 'a calendar with `holidays` and `weekend` only';
    return days(holidays) ?? weekends(weekend);
  },
  weekend: weekends,
  timezone: text,
  dst: dstCheck,
} satisfies Record<string, Check>;

function calendarSpec(holidays: CalendarOptions['holidays'] = [], weekend?: readonly Weekday[]): CalendarSpec {
  const calendar: BusinessCalendar = Array.isArray(holidays) ? { holidays } : (holidays as BusinessCalendar);
  const off = [...new Set((weekend ?? calendar.weekend ?? ['saturday', 'sunday']).map((day) => WEEKDAYS.indexOf(day) + 1))].sort();
  return { holidays: [...new Set(calendar.holidays)].sort(), ...(off.join() === '6,7' ? {} : { weekend: off }) };
}

function daysSpec(given: readonly string[], owner: string): readonly string[] {
  if (days(given) !== null || given.length === 0) throw refuse(owner, given, `wanted is ${days(null)}`);
  return [...new Set(given)].sort();
}

function check(name: string, what: unknown, options: object, checks: Record<string, Check>): void {
  checkOptions(given(options), () => `${name}(${show(what)})`, checks, Object.keys(checks));
}

function refuse(name: string, what: unknown, why: string): ThenceError {
  return new ThenceError('DAG_FILE', `${name} of ${show(what)}: ${why}`);
}
