import { distance } from 'fastest-levenshtein';

/**
 * Names close to what was typed, the closest first, at most three: a third of the letters may be wrong, one is the start of the other, or the
 * other's plural.
 */
export function closeNames(given: string, known: Iterable<string>): string[] {
  const wanted = given.toLowerCase();
  const most = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3)); // two swapped letters count as two
  return [...known]
    .map((name) => ({ name, away: closeness(wanted, name.toLowerCase()) }))
    .filter(({ away }) => away <= most)
    .sort((a, b) => a.away - b.away || a.name.localeCompare(b.name))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `; did you mean "a" or "b"?`, or an empty text when nothing is close. For the end of a sentence without its full stop. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const close = closeNames(given, known).map((name) => `"${name}"`);
  return close.length === 0 ? '' : `; did you mean ${close.join(' or ')}?`;
}

function closeness(wanted: string, name: string): number {
  const away = singular(wanted) === singular(name) ? Math.min(distance(wanted, name), 1) : distance(wanted, name);
  const isStart = wanted.length >= 3 && (name.startsWith(wanted) || wanted.startsWith(name));
  return isStart ? Math.min(away, 1) : away;
}

const singular = (name: string) => name.replace(/ies$/, 'y').replace(/s$/, '');
