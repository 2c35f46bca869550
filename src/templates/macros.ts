/** `macros` in templates and in the context, under Airflow's names and in camelCase. Pure functions of their arguments. */
import { randomUUID } from 'node:crypto';
import { DateTime, Duration } from 'luxon';
import { ThenceError } from '../core/errors';

export interface Macros {
  /** `days` (negative too) added to a date: ds_add('2026-01-31', 1) is '2026-02-01'. */
  ds_add(ds: string, days: number): string;
  dsAdd(ds: string, days: number): string;
  /** From one format to another; formats are strftime's ('%d.%m.%y') or luxon's ('dd.MM.yy'). */
  ds_format(ds: string, input: string, output: string): string;
  dsFormat(ds: string, input: string, output: string): string;
  /** As ds_format, with names of days and months in a language: ds_format_locale(ds, '%Y-%m-%d', '%d. %B', 'de'). */
  ds_format_locale(ds: string, input: string, output: string, locale: string): string;
  dsFormatLocale(ds: string, input: string, output: string, locale: string): string;
  /** '3 days ago', relative to `since` (default: now). */
  datetime_diff_for_humans(date: DateTime | string, since?: DateTime | string): string;
  datetimeDiffForHumans(date: DateTime | string, since?: DateTime | string): string;
  /** A number from 0 to 1, another one at each call. */
  random(): number;
  /** `macros.uuid.uuid4()`, another one at each call. */
  readonly uuid: { uuid4(): string };
  /** `macros.json.dumps(value)` and `macros.json.loads(text)`. */
  readonly json: { dumps(value: unknown): string; loads(text: string): unknown };
  /** luxon's classes, for everything else: `macros.datetime.fromISO(ds).plus({ months: 1 })`. */
  readonly datetime: typeof DateTime;
  readonly duration: typeof Duration;
}

export const macros: Macros = Object.freeze({
  ds_add: addDays,
  dsAdd: addDays,
  ds_format: reformat,
  dsFormat: reformat,
  ds_format_locale: reformat,
  dsFormatLocale: reformat,
  datetime_diff_for_humans: differenceForHumans,
  datetimeDiffForHumans: differenceForHumans,
  random: () => Math.random(),
  uuid: Object.freeze({ uuid4: randomUUID }),
  json: Object.freeze({ dumps: (value: unknown) => JSON.stringify(value), loads: (text: string): unknown => JSON.parse(text) }),
  datetime: DateTime,
  duration: Duration,
});

function addDays(ds: string, days: number): string {
  return dateOf(ds, 'ds_add').plus({ days }).toISODate();
}

function reformat(ds: string, input: string, output: string, locale = 'en-US'): string {
  const date = DateTime.fromFormat(ds, luxonFormat(input), { zone: 'utc', locale: 'en-US' });
  if (!date.isValid) throw new ThenceError('INVALID_VALUE', `ds_format: "${ds}" is not a date in the format "${input}"`);
  return date.setLocale(locale.replace('_', '-')).toFormat(luxonFormat(output));
}

function differenceForHumans(date: DateTime | string, since?: DateTime | string): string {
  const name = 'datetime_diff_for_humans';
  return dateOf(date, name).toRelative({ base: since === undefined ? DateTime.utc() : dateOf(since, name), locale: 'en' });
}

function dateOf(value: DateTime | string, macro: string): DateTime<true> {
  const date = DateTime.isDateTime(value) ? value : DateTime.fromISO(value, { zone: 'utc' });
  if (!date.isValid) throw new ThenceError('INVALID_VALUE', `${macro}: "${String(value)}" is not an ISO 8601 date`);
  return date as DateTime<true>;
}

const STRFTIME: Readonly<Record<string, string>> = {
  Y: 'yyyy',
  y: 'yy',
  m: 'MM',
  d: 'dd',
  H: 'HH',
  I: 'hh',
  M: 'mm',
  S: 'ss',
  f: "SSS'000'",
  p: 'a',
  j: 'ooo',
  A: 'cccc',
  a: 'ccc',
  B: 'LLLL',
  b: 'LLL',
  z: 'ZZZ',
  Z: 'ZZZZ',
  V: 'WW',
  u: 'c',
  F: 'yyyy-MM-dd',
  T: 'HH:mm:ss',
  '%': "'%'",
};

/** strftime's codes as luxon's tokens; a format without '%' is luxon's already. */
export function luxonFormat(format: string): string {
  if (!format.includes('%')) return format;
  return format.replace(/%(.)|([A-Za-z]+)/g, (_all, code: string | undefined, text: string) => {
    if (code === undefined) return `'${text}'`;
    const token = STRFTIME[code];
    if (token === undefined)
      throw new ThenceError(
        'INVALID_VALUE',
        `the format "${format}" has the unknown code %${code}; allowed are %${Object.keys(STRFTIME).join(' %')}`,
      );
    return token;
  });
}
