/**
 * What a task returns or pushes, as JSON text: only if it arrives as it left. JSON.stringify alone drops functions, turns
 * undefined in arrays into null and NaN into null, all without a word.
 */
import { ThenceError } from '../core/errors';

/**
 * @param what how the message calls the value: 'The return value of task "load"'.
 * @returns null for undefined, which stands for "no value".
 * @throws ThenceError naming the path of the first thing that is not JSON, or the size.
 */
export function toJsonText(value: unknown, what: string, maxBytes: number): string | null {
  if (value === undefined) return null;
  const flaw = findFlaw(value, '', []);
  if (flaw) {
    throw new ThenceError(
      'INVALID_VALUE',
      `${what} cannot be stored as JSON: ${flaw.path === '' ? 'it' : `\`${flaw.path}\``} is ${flaw.what}. ` +
        `Allowed are strings, finite numbers, booleans, null, arrays and plain objects of these (a Date becomes a string).`,
    );
  }
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return null; // a toJSON that answers undefined
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    throw new ThenceError(
      'INVALID_VALUE',
      `${what} is too large: ${bytes} bytes as JSON, the limit is ${maxBytes} (THENCE_MAX_XCOM_BYTES). ` +
        `Write large data to a file, bucket or table and return where it is.`,
    );
  }
  return text;
}

interface Flaw {
  readonly path: string;
  readonly what: string;
}

function findFlaw(value: unknown, path: string, parents: readonly object[]): Flaw | null {
  switch (typeof value) {
    case 'bigint':
      return { path, what: `a BigInt (${value}n); use Number(…) or String(…)` };
    case 'function':
      return { path, what: 'a function' };
    case 'symbol':
      return { path, what: 'a symbol' };
    case 'number':
      return Number.isFinite(value) ? null : { path, what: String(value) };
    case 'object':
      return value === null ? null : findFlawInObject(value, path, parents);
    default:
      return null;
  }
}

function findFlawInObject(value: object, path: string, parents: readonly object[]): Flaw | null {
  if (parents.includes(value)) return { path, what: 'a circular reference' };
  const around = [...parents, value];
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    if (value instanceof Date && Number.isNaN(value.getTime())) return { path, what: 'an invalid Date' };
    const replaced: unknown = (value.toJSON as (key: string) => unknown)('');
    return replaced === value ? null : findFlaw(replaced, path, around);
  }
  if (value instanceof Map || value instanceof Set) {
    return {
      path,
      what: `a ${value.constructor.name}, which JSON would turn into {}; use ${value instanceof Map ? 'Object.fromEntries(…)' : '[...set]'}`,
    };
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return { path, what: 'binary data; use Buffer.from(…).toString("base64")' };
  if (value instanceof Error) return { path, what: 'an Error, which JSON would turn into {}' };
  if (Symbol.asyncIterator in value || ('next' in value && Symbol.iterator in value))
    return { path, what: 'a generator, which JSON would turn into {}; collect what it yields in a list' };
  if (value instanceof Promise) return { path, what: 'a promise; await it' };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const at = `${path}[${index}]`;
      if (value[index] === undefined) return { path: at, what: 'undefined, which JSON would turn into null' };
      const flaw = findFlaw(value[index], at, around);
      if (flaw) return flaw;
    }
    return null;
  }
  for (const [key, inner] of Object.entries(value)) {
    const flaw = findFlaw(
      inner,
      /^[A-Za-z_$][\w$]*$/.test(key) ? (path === '' ? key : `${path}.${key}`) : `${path}[${JSON.stringify(key)}]`,
      around,
    );
    if (flaw) return flaw;
  }
  return null;
}
