/** One meaning, one text: object keys sorted, no white space. What versions of DAGs are compared and stored by. */
import { createHash } from 'node:crypto';
import type { DagSpec } from './spec';

/** Like JSON.stringify, with the keys of every object in code point order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return Object.fromEntries(entries);
  });
}

/** sha256 of the canonical text, in hex. */
export function specHash(spec: DagSpec): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('hex');
}
