/** Circular imports between local files are legal and mostly harmless; when a file in one fails to load, the circle is the likely cause. */
import type { ImportGraph } from './bundle-file';

/**
 * A sentence that names the circle, when one of the given files (the stack of an error) is part of one; otherwise null.
 * @param files innermost first
 */
export function describeCircularImport(imports: ImportGraph, files: readonly string[]): string | null {
  for (const file of new Set(files)) {
    const circle = shortestCircle(imports, file);
    if (circle !== null) {
      return `${file} is part of a circular import (${circle.join(' → ')}): what one of them takes from the next may not be there yet while they load; move what they share into a file of its own`;
    }
  }
  return null;
}

/** Breadth first from `start` back to itself: ['a.ts', 'b.ts', 'a.ts']. */
function shortestCircle(imports: ImportGraph, start: string): string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const at of queue) {
    for (const next of imports.get(at) ?? []) {
      if (next === start) return [...pathTo(at, cameFrom), start];
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      queue.push(next);
    }
  }
  return null;
}

function pathTo(file: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const before = cameFrom.get(file);
  return before === undefined ? [file] : [...pathTo(before, cameFrom), file];
}
