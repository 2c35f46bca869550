/** Cron expressions on a wall clock without a zone. croner parses them and knows their days; zones are ticks.ts's business. */
import { Cron } from 'croner';
import cronstrue from 'cronstrue';
import { didYouMean } from '../core/did-you-mean';
import type { WallTime } from './zone';

const DAY = 86_400_000;
/** croner takes a date's fields from the calendar; a Date past this is not a date. */
const LATEST = Date.UTC(9000, 0, 1);

export const CRON_PRESETS: { readonly [name: string]: string } = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@quarterly': '0 0 1 */3 *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

/** What is wrong with it, as the end of a sentence that quotes it; null when it is a cron expression that comes at some time. */
export function validateCron(expression: string): string | null {
  const allowed = `5 fields (minute hour day-of-month month day-of-week), 6 with seconds first, or one of ${Object.keys(CRON_PRESETS).join(' ')}`;
  const text = expression.trim();
  if (text.startsWith('@') && !Object.hasOwn(CRON_PRESETS, text)) {
    return `it is not a known preset${didYouMean(text, Object.keys(CRON_PRESETS))}. Allowed: ${allowed}`;
  }
  const count = fieldsOf(text).length;
  if (count !== 5 && count !== 6) return `it has ${count} ${count === 1 ? 'field' : 'fields'}. Allowed: ${allowed}`;
  try {
    if (new CronExpression(text).next(0) === null) return 'such a date never comes';
    return null;
  } catch (error) {
    const why = (error as Error).message.replace(/^CronPattern: /, '');
    return `${why.charAt(0).toLowerCase()}${why.slice(1).replace(/\.$/, '')}. Allowed: ${allowed}`;
  }
}

export class CronExpression {
  /** Of the day, ascending. */
  private readonly hours: readonly number[];
  private readonly minutes: readonly number[];
  private readonly seconds: readonly number[];
  /** null: every day. */
  private readonly days: Cron | null;
  private readonly nextDays = new Map<number, number | null>();

  /** @throws what croner says; ask `validateCron` first. */
  constructor(readonly text: string) {
    const fields = fieldsOf(text);
    const [second, minute, hour, dayOfMonth, month, dayOfWeek] = fields.length === 5 ? ['0', ...fields] : fields;
    parse(text); // the whole of it, so that croner's message is about what was written
    this.seconds = numbersOf(second!, 'second');
    this.minutes = numbersOf(minute!, 'minute');
    this.hours = numbersOf(hour!, 'hour');
    const dates = `${dayOfMonth} ${month} ${dayOfWeek}`;
    this.days = /^[*?] \* [*?]$/.test(dates) ? null : parse(`0 0 0 ${dates}`);
  }

  /** Airflow's question for its DST rule: the hour field is `*` in effect. */
  get coversEveryHour(): boolean {
    return this.hours.length === 24;
  }

  /** On a day that it names. */
  get timesADay(): number {
    return this.hours.length * this.minutes.length * this.seconds.length;
  }

  /** For people: 'At 06:00'. */
  get description(): string {
    return cronstrue.toString(resolvePreset(this.text), { use24HourTimeFormat: true, verbose: false });
  }

  /** The first match after `wall`, or null for ever. */
  next(wall: WallTime): WallTime | null {
    const today = Math.floor(wall / DAY);
    const day = this.dayFrom(today);
    if (day === null) return null;
    if (day > today) return day * DAY + this.timeAfter(-1)!;
    const time = this.timeAfter(wall - today * DAY);
    if (time !== null) return today * DAY + time;
    const later = this.dayFrom(today + 1);
    return later === null ? null : later * DAY + this.timeAfter(-1)!;
  }

  /** The last match before `wall`, or null when there was none since 1900. */
  previous(wall: WallTime): WallTime | null {
    const today = Math.floor(wall / DAY);
    if (this.dayFrom(today) === today) {
      const time = this.timeBefore(wall - today * DAY);
      if (time !== null) return today * DAY + time;
    }
    const earlier = this.dayBefore(today);
    return earlier === null ? null : earlier * DAY + this.timeBefore(DAY)!;
  }

  /** The first matching day from `day` on. */
  private dayFrom(day: number): number | null {
    if (!this.days || day * DAY > LATEST) return this.days ? null : day;
    let found = this.nextDays.get(day);
    if (found === undefined) {
      const at = this.days.nextRun(new Date(day * DAY - 1000));
      found = at === null ? null : Math.floor(at.getTime() / DAY);
      if (this.nextDays.size >= 10_000) this.nextDays.clear();
      this.nextDays.set(day, found);
    }
    return found;
  }

  private dayBefore(day: number): number | null {
    if (!this.days) return day - 1;
    const [at] = this.days.previousRuns(1, new Date(day * DAY));
    return at && at.getTime() > Date.UTC(1900, 0, 1) ? Math.floor(at.getTime() / DAY) : null;
  }

  /** In milliseconds of the day, first after `time`. */
  private timeAfter(time: number): number | null {
    const from = Math.floor(time / 1000) + 1;
    for (const hour of this.hours) {
      if (hour * 3600 + 3599 < from) continue;
      for (const minute of this.minutes) {
        if (hour * 3600 + minute * 60 + 59 < from) continue;
        for (const second of this.seconds) {
          const at = hour * 3600 + minute * 60 + second;
          if (at >= from) return at * 1000;
        }
      }
    }
    return null;
  }

  private timeBefore(time: number): number | null {
    const until = Math.ceil(time / 1000) - 1;
    for (const hour of this.hours.toReversed()) {
      if (hour * 3600 > until) continue;
      for (const minute of this.minutes.toReversed()) {
        if (hour * 3600 + minute * 60 > until) continue;
        for (const second of this.seconds.toReversed()) {
          const at = hour * 3600 + minute * 60 + second;
          if (at <= until) return at * 1000;
        }
      }
    }
    return null;
  }
}

function resolvePreset(text: string): string {
  return Object.hasOwn(CRON_PRESETS, text.trim()) ? CRON_PRESETS[text.trim()]! : text.trim();
}

function fieldsOf(text: string): string[] {
  return resolvePreset(text).split(/\s+/).filter(Boolean);
}

function parse(text: string): Cron {
  return new Cron(fieldsOf(text).join(' '), { timezone: 'UTC', mode: '5-or-6-parts', sloppyRanges: true });
}

/** Which numbers one field stands for, by asking croner for all of them in one turn of the clock. */
function numbersOf(field: string, unit: 'second' | 'minute' | 'hour'): readonly number[] {
  const size = unit === 'hour' ? 24 : 60;
  if (field === '*' || field === '?') return Array.from({ length: size }, (_, number) => number);
  if (/^\d{1,2}$/.test(field)) return [Number(field)];

  const cron = parse({ second: `${field} * * * * *`, minute: `0 ${field} * * * *`, hour: `0 0 ${field} * * *` }[unit]);
  const unitMs = { second: 1_000, minute: 60_000, hour: 3_600_000 }[unit];
  const numbers: number[] = [];
  for (let at = cron.nextRun(new Date(-1000)); at !== null && at.getTime() < size * unitMs; at = cron.nextRun(at)) {
    numbers.push(at.getTime() / unitMs);
  }
  return numbers;
}
