/** Which days are worked. A day is a number: days since 1970-01-01 on a calendar, of no zone. */
import type { Instant } from '../core/time';
import type { BusinessPeriod, CalendarSpec } from '../dag-spec/spec';
import type { Zone } from './zone';

export type Day = number;

export const DAY_MS = 86_400_000;
const WEEKEND: readonly number[] = [6, 7];

/** Of the calendar that hangs on the wall at `at`. */
export function dayOf(zone: Zone, at: Instant): Day {
  return Math.floor(zone.toWall(at) / DAY_MS);
}

/** When the day begins. Where its midnight comes twice or never: once, anyhow. */
export function startOf(zone: Zone, day: Day): Instant {
  return zone.fromWall(day * DAY_MS);
}

/** Days by date: 'YYYY-MM-DD', or 'MM-DD' for every year. */
export class DaySet {
  private readonly days = new Set<Day>();
  private readonly yearly = new Set<string>();

  /** @throws RangeError for a date that does not exist */
  constructor(dates: readonly string[]) {
    for (const date of dates) {
      if (/^\d\d-\d\d$/.test(date)) {
        if (!exists(`2024-${date}`)) throw new RangeError(`there is no day "${date}" (month-day)`);
        this.yearly.add(date);
      } else {
        if (!/^\d{4}-\d\d-\d\d$/.test(date) || !exists(date)) throw new RangeError(`there is no day "${date}"`);
        this.days.add(Date.parse(date) / DAY_MS);
      }
    }
  }

  has(day: Day): boolean {
    return this.days.has(day) || (this.yearly.size > 0 && this.yearly.has(new Date(day * DAY_MS).toISOString().slice(5, 10)));
  }
}

export class BusinessDays {
  private readonly holidays: DaySet;
  private readonly weekend: ReadonlySet<number>;

  /** @throws RangeError when no day is worked */
  constructor({ holidays, weekend = WEEKEND }: CalendarSpec) {
    this.holidays = new DaySet(holidays);
    this.weekend = new Set(weekend);
    // A leap year far beyond any list of holidays: what is left there comes again every few years.
    const farYear = Date.UTC(9996, 0, 1) / DAY_MS;
    const worked = Array.from({ length: 366 }, (_, i) => farYear + i).some((day) => this.has(day));
    if (!worked) throw new RangeError('the calendar has no day on which anybody works');
  }

  has(day: Day): boolean {
    return !this.weekend.has(weekdayOf(day)) && !this.holidays.has(day);
  }

  /** The first one from `day` on. */
  from(day: Day): Day {
    while (!this.has(day)) day += 1;
    return day;
  }

  /** The last one up to `day`. */
  upTo(day: Day): Day {
    while (!this.has(day)) day -= 1;
    return day;
  }

  /** The n-th of a period (from 1; -1 is the last), or null when there are not so many. */
  nth(n: number, first: Day, end: Day): Day | null {
    const step = n > 0 ? 1 : -1;
    let left = Math.abs(n);
    for (let day = n > 0 ? first : end - 1; day >= first && day < end; day += step) if (this.has(day) && --left === 0) return day;
    return null;
  }
}

/** 1 Monday … 7 Sunday. */
export function weekdayOf(day: Day): number {
  return ((((day + 3) % 7) + 7) % 7) + 1;
}

/** Periods are numbered, so that the next one is one more. */
export function periodOf(day: Day, unit: BusinessPeriod): number {
  if (unit === 'week') return Math.floor((day + 3) / 7);
  const date = new Date(day * DAY_MS);
  return Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / monthsOf(unit));
}

export function firstDayOf(period: number, unit: BusinessPeriod): Day {
  if (unit === 'week') return period * 7 - 3;
  return Date.UTC(1970, period * monthsOf(unit) - 1970 * 12, 1) / DAY_MS;
}

function monthsOf(unit: Exclude<BusinessPeriod, 'week'>): number {
  return { month: 1, quarter: 3, year: 12 }[unit];
}

function exists(date: string): boolean {
  const at = Date.parse(date);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date);
}
