/** Schemas that many routes share. */
import { DateTime } from 'luxon';
import { z } from 'zod';
import { ApiError } from './api-error';

/** In answers: a Date, on the wire ISO 8601 in UTC. */
export const date = z.date();
export const nullableDate = z.date().nullable();

const isoDate = z.string().meta({ format: 'date-time' });

/** ISO 8601; without an offset it is in UTC. */
export const dateParam = isoDate.transform((text, context) => {
  const parsed = DateTime.fromISO(repairSpace(text), { zone: 'utc' });
  if (parsed.isValid) return parsed.toJSDate();
  context.addIssue({ code: 'custom', message: `"${text}" is not a date in ISO 8601, such as 2026-01-31T06:00:00Z` });
  return z.NEVER;
});

/** `2026-01-31 06:00` is a common way to write the T; elsewhere a space is an unescaped + of a URL. */
const repairSpace = (text: string) => text.replace(/^(\d{4}-\d\d-\d\d) (?=\d)/, '$1T').replace(' ', '+');

/** As `dateParam`, but the offset must be there. */
export const awareDate = isoDate.transform((text, context) => {
  const parsed = DateTime.fromISO(text, { setZone: true });
  if (parsed.isValid && /(Z|[+-]\d\d(:?\d\d)?)$/i.test(text) && /T/i.test(text)) return parsed.toMillis();
  context.addIssue({
    code: 'custom',
    message: `"${text}" is not a date and time in ISO 8601 with its offset, such as 2026-01-31T06:00:00Z`,
  });
  return z.NEVER;
});

/** 50 a page; more than 100 gives 100. */
export const paging = {
  limit: z
    .int()
    .min(0)
    .default(50)
    .transform((limit) => Math.min(limit, 100)),
  offset: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
};

/** `?x_gte=…&x_lt=…` for dates. */
export function dateRange<N extends string>(name: N) {
  return range(name, dateParam.optional());
}
export function numberRange<N extends string>(name: N) {
  return range(name, z.number().optional());
}
/** The same in a body, where null is nothing, too. */
export function bodyDateRange<N extends string>(name: N) {
  return range(name, dateParam.nullish());
}
export function bodyNumberRange<N extends string>(name: N) {
  return range(name, z.number().nullish());
}
function range<N extends string, T extends z.ZodType>(name: N, type: T) {
  return Object.fromEntries(['gte', 'gt', 'lte', 'lt'].map((suffix) => [`${name}_${suffix}`, type])) as {
    [K in `${N}_${'gte' | 'gt' | 'lte' | 'lt'}`]: T;
  };
}

export const texts = z.array(z.string()).optional();
export const integers = z.array(z.int().min(-2147483648).max(2147483647)).optional();
/** Of a task instance; -1 is one that is not mapped. */
export const mapIndex = z.int().min(-1).max(2147483647);

export const pattern = z
  .string()
  .optional()
  .describe('Part of the text, in any case; `%` and `_` are wildcards, `|` separates alternatives');

export const orderBy = (allowed: readonly string[], fallback: string) =>
  z
    .array(z.string())
    .default([fallback])
    .describe(`Any of ${allowed.join(', ')}; a leading \`-\` is descending`);

/** The same, read: each name with its direction. Also takes `a,-b`. */
export function readOrder(given: readonly string[], allowed: readonly string[]): { name: string; descending: boolean }[] {
  return given
    .flatMap((text) => text.split(','))
    .map((text) => {
      const name = text.trim().replace(/^-/, '');
      if (!allowed.includes(name)) throw new ApiError(400, `cannot order by ${JSON.stringify(name)}; allowed are ${allowed.join(', ')}`);
      return { name, descending: text.trim().startsWith('-') };
    });
}

/** Holds each value to be one of `allowed`. */
export function oneOf(name: string, given: readonly string[] | undefined, allowed: readonly string[]): readonly string[] | undefined {
  for (const value of given ?? []) {
    if (!allowed.includes(value))
      throw new ApiError(422, `Invalid value ${JSON.stringify(value)} for ${name}. Valid values are ${allowed.join(', ')}`);
  }
  return given && given.length > 0 ? given : undefined;
}

export const jsonObject = z.record(z.string(), z.unknown());

/** Seconds between two moments, or null while there is no end. */
export const seconds = (from: Date | null, to: Date | null) => (from && to ? (to.getTime() - from.getTime()) / 1000 : null);

/** The answer of a route with status 204. */
export const nothing = z.undefined();

/** Clients send the field with null. */
export const noTeam = z.null().optional().describe('There are no teams');
