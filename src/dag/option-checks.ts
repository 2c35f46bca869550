/** Options as a table: each name has a check that answers what is allowed when the value is not. */
import { didYouMean } from '../core/did-you-mean';
import { ALLOWED_DURATIONS, durationToMs, parseDuration } from '../core/duration';
import { ThenceError } from '../core/errors';

/** Null when the value is allowed, else what is: 'a whole number from 0'. */
export type Check = (value: unknown) => string | null;
/** For messages, made only when one is needed: 'task "load" (made at dags/etl.ts:14:3)'. */
export type Owner = () => string;

export const integer =
  (min: number, max = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}`;
export const boolean: Check = (value) => (typeof value === 'boolean' ? null : 'true or false');
export const text: Check = (value) => (typeof value === 'string' ? null : 'a string');
export const name: Check = (value) =>
  typeof value === 'string' && value.trim() !== '' && value.length <= 200 ? null : 'a string of 1 to 200 characters';
export const func: Check = (value) => (typeof value === 'function' ? null : 'a function');
export const oneOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    allowed.includes(value as string) ? null : `one of ${allowed.map((one) => `'${one}'`).join(', ')}${didYouMean(String(value), allowed)}`;
export const duration: Check = (value) => {
  try {
    parseDuration(value, '');
    return null;
  } catch {
    return `a duration: ${ALLOWED_DURATIONS}`;
  }
};
export const positiveDuration: Check = (value) => duration(value) ?? (durationToMs(value, '') > 0 ? null : 'a duration longer than 0');
export const listOf =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return 'a list';
    const wanted = value.map(check).find((allowed) => allowed !== null);
    return wanted === undefined ? null : `a list in which each is ${wanted}`;
  };

export type Checks = Readonly<Record<string, Check>>;

/**
 * @param allowed every name that may stand there; null when that is not known
 * @param elsewhere where a name that is not allowed may belong: the end of a sentence, or an empty text
 */
export function checkOptions(
  options: object,
  owner: Owner,
  checks: Checks,
  allowed: readonly string[] | null,
  elsewhere: (name: string) => string = () => '',
): void {
  for (const [key, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (!check) {
      if (allowed === null || allowed.includes(key)) continue;
      throw new ThenceError(
        'DAG_FILE',
        `unknown option \`${key}\` of ${owner()}${didYouMean(key, allowed) || elsewhere(key) || `; allowed are ${[...allowed].sort().join(', ')}`}`,
      );
    }
    const wanted = check(value);
    if (wanted !== null) throw new ThenceError('DAG_FILE', `\`${key}\` of ${owner()} is ${show(value)}; allowed is ${wanted}`);
  }
}

/** Without what was given as undefined: `{ retries: undefined }` means "not given". */
export function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value).slice(0, 200);
  } catch {
    return 'an object';
  }
}
