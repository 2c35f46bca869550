import type { RunView, TaskSnapshot } from '../core/run-view';

/** A run in which nothing is mapped and that waits for no other. */
export function unmappedView(tasks: ReadonlyMap<string, TaskSnapshot>): Omit<RunView, 'held'> {
  return { tasks, mapped: new Map(), instances: new Map(), expanding: new Set(), waitsForPast: new Set(), dagRoom: null };
}
