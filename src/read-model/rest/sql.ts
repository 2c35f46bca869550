/** What the list queries share: conditions that are left out when there is nothing to compare with, patterns, order. */

export interface Page {
  readonly limit: number;
  readonly offset: number;
}
export interface Order {
  readonly name: string;
  readonly descending: boolean;
}
export interface Range<T> {
  readonly gte?: T;
  readonly gt?: T;
  readonly lte?: T;
  readonly lt?: T;
}

export class Where {
  private readonly parts: string[] = [];

  constructor(readonly values: unknown[] = []) {}

  /** `sql` has one `?` for the value. An undefined value asks for nothing. */
  and(sql: string, value: unknown): this {
    if (value === undefined) return this;
    this.parts.push(sql.replaceAll('?', `$${this.values.push(value)}`));
    return this;
  }

  range(column: string, { gte, gt, lte, lt }: Range<Date | number>): this {
    return this.and(`${column} >= ?`, gte).and(`${column} > ?`, gt).and(`${column} <= ?`, lte).and(`${column} < ?`, lt);
  }

  /** Part of the text, any case; `%` and `_` are wildcards, `|` separates alternatives, `~` is everything. */
  like(column: string, pattern: string | undefined): this {
    return this.and(`${column} ILIKE ANY (?::text[])`, patternsOf(pattern));
  }

  /** That there is a row of `from`, such as `t WHERE t.x = y`, to which all that `build` adds applies. Adds it nothing, nothing is asked. */
  exists(from: string, build: (inside: Where) => unknown): this {
    const inside = new Where(this.values);
    build(inside);
    if (inside.parts.length > 0) this.parts.push(`EXISTS (SELECT FROM ${from} AND ${inside.parts.join(' AND ')})`);
    return this;
  }

  get sql(): string {
    return this.parts.length === 0 ? '' : `WHERE ${this.parts.join(' AND ')}`;
  }
}

/** For `ILIKE ANY (?::text[])`; undefined asks for nothing. */
export function patternsOf(pattern: string | undefined): string[] | undefined {
  if (pattern === undefined || pattern === '~') return undefined;
  return pattern.split('|').map((part) => `%${part.trim()}%`);
}

/** `columns`: name → SQL. `tie` makes the order total. */
export function orderSql(order: readonly Order[], columns: Readonly<Record<string, string>>, tie: string): string {
  const terms = order.map(({ name, descending }) => `${columns[name]} ${descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`);
  return `ORDER BY ${[...terms, `${tie} ${order[0]?.descending ? 'DESC' : 'ASC'}`].join(', ')}`;
}

/** `?x_gte=…&x_gt=…` as one range. */
export function rangeOf<T>(query: Readonly<Record<string, unknown>>, name: string): Range<T> {
  const part = (suffix: string) => (query[`${name}_${suffix}`] ?? undefined) as T | undefined;
  return { gte: part('gte'), gt: part('gt'), lte: part('lte'), lt: part('lt') };
}
