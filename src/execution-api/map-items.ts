/** What mapped instances ask for: one element each of what a task gave. The source is parsed once, not once per instance. */
import { ThenceError } from '../core/errors';
import type { MapItem } from './execution-api';

/** The elements of an output to map over, as JSON texts; those of an object are [key, value]. null: it is neither a list nor an object. */
export function elementsOf(json: string): readonly string[] | null {
  const value = JSON.parse(json) as unknown;
  if (typeof value !== 'object' || value === null) return null;
  const elements: readonly unknown[] = Array.isArray(value) ? value : Object.entries(value);
  return elements.map((element) => JSON.stringify(element));
}

/** @throws NOT_FOUND */
export function noSuchItem({ taskId, index }: MapItem): ThenceError {
  return new ThenceError(
    'NOT_FOUND',
    `task "${taskId}" has no element ${index} to map over (any more): its output is another one than when the mapped task was expanded`,
  );
}

/** The newest used values, up to a total weight. */
export class WeighedCache<Value> {
  private readonly kept = new Map<string, { readonly value: Promise<Value>; weight: number }>();
  private total = 0;

  /** @param weigh in the unit of `limit` */
  constructor(
    private readonly limit: number,
    private readonly weigh: (value: Value) => number,
  ) {}

  /** A `load` that fails is not kept. */
  get(key: string, load: () => Promise<Value>): Promise<Value> {
    const known = this.kept.get(key);
    if (known) {
      this.kept.delete(key);
      this.kept.set(key, known);
      return known.value;
    }
    const entry = { value: load(), weight: 0 };
    this.kept.set(key, entry);
    entry.value.then(
      (value) => this.settle(key, entry, this.weigh(value)),
      () => this.kept.get(key) === entry && this.kept.delete(key),
    );
    return entry.value;
  }

  private settle(key: string, entry: { weight: number }, weight: number): void {
    if (this.kept.get(key) !== entry) return;
    entry.weight = weight;
    this.total += weight;
    for (const [oldest, { weight: freed }] of this.kept) {
      if (this.total <= this.limit || oldest === key) break;
      this.kept.delete(oldest);
      this.total -= freed;
    }
  }
}
