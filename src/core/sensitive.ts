/** Which names stand for secrets, and values with such parts taken out: what logs, pages and answers of the API may show. */
import type { JsonValue } from './json';

/** What stands in the place of a secret. Sent back by a form or a client, it means "as it is". */
export const HIDDEN = '***';

const secretName =
  /passw|passphrase|pass(_|$)|secret|token|api_?key|private_?key|access_?key|keyfile_?dict|service_?account|credential|authorization/i;

/** `db_password`, `API-Key`, `github.token`. */
export function isSensitiveName(name: string): boolean {
  return secretName.test(name.replaceAll(/[-. ]/g, '_'));
}

/** A copy in which every value under a sensitive name is `***`, at any depth. null stays: there is nothing to hide. */
export function hideSensitive(value: JsonValue, isSecret = false): JsonValue {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item: JsonValue) => hideSensitive(item, isSecret));
  if (typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value as { readonly [name: string]: JsonValue }).map(([name, item]) => [
        name,
        hideSensitive(item, isSecret || isSensitiveName(name)),
      ]),
    );
  return isSecret ? HIDDEN : value;
}

/** All texts and numbers in `value` that stand under a sensitive name, as text. */
export function sensitiveTexts(value: JsonValue, isSecret = false): string[] {
  if (typeof value === 'string') return isSecret ? [value] : [];
  if (typeof value === 'number') return isSecret ? [String(value)] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => sensitiveTexts(item as JsonValue, isSecret));
  return Object.entries(value).flatMap(([name, item]) => sensitiveTexts(item, isSecret || isSensitiveName(name)));
}

/** The value of a variable as it may be shown: `***` under a sensitive name, otherwise with what is sensitive in its JSON taken out. */
export function showVariable(key: string, value: string): string {
  if (isSensitiveName(key)) return HIDDEN;
  const json = jsonContainer(value);
  if (json === null || sensitiveTexts(json).length === 0) return value;
  return JSON.stringify(hideSensitive(json));
}

/** The object or list that a text is the JSON of; null for any other text. */
export function jsonContainer(text: string): JsonValue | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}

/** `given` with each `***` under a sensitive name replaced by what stands there in `stored`: what was shown hidden comes back unchanged. */
export function restoreHidden(given: JsonValue, stored: JsonValue | undefined, isSecret = false): JsonValue {
  if (typeof given !== 'object' || given === null) return isSecret && given === HIDDEN ? (stored ?? HIDDEN) : given;
  if (Array.isArray(given)) {
    const list = Array.isArray(stored) ? (stored as readonly JsonValue[]) : [];
    return given.map((item: JsonValue, at) => restoreHidden(item, list[at], isSecret));
  }
  const object = typeof stored === 'object' && stored !== null && !Array.isArray(stored) ? (stored as { [name: string]: JsonValue }) : {};
  return Object.fromEntries(
    Object.entries(given).map(([name, item]) => [
      name,
      restoreHidden(item, Object.hasOwn(object, name) ? object[name] : undefined, isSecret || isSensitiveName(name)),
    ]),
  );
}
