/**
 * Kinds of things that DAG files make, told apart by a registered symbol and never by `instanceof`: a package of operators may
 * bring its own copy of thence, and its tasks are tasks all the same.
 */
export const BRAND: unique symbol = Symbol.for('thence.kind');

export type Brand = 'dag' | 'task' | 'group' | 'list' | 'output' | 'trigger' | 'notifier' | 'timetable';

export function isBranded(value: unknown, ...brands: readonly Brand[]): boolean {
  return typeof value === 'object' && value !== null && brands.includes((value as { [BRAND]?: Brand })[BRAND]!);
}
