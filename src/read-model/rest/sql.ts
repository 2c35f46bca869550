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
  readonly values: unknown[] = [];

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
    if (pattern === undefined || pattern === '~') return this;
    return this.and(
      `${column} ILIKE ANY (?::text[])`,
      pattern.split('|').map((part) => `%${part.trim()}%`),
    );
  }

  get sql(): string {
    return this.parts.length === 0 ? '' : `WHERE ${this.parts.join(' AND ')}`;
  }
}

/** `columns`: name → SQL. `tie` makes the order total. */
export function orderSql(order: readonly Order[], columns: Readonly<Record<string, string>>, tie: string): string {
  const terms = order.map(({ name, descending }) => `${columns[name]} ${descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`);
  return `ORDER BY ${[...terms, `${tie} ${order[0]?.descending ? 'DESC' : 'ASC'}`].join(', ')}`;
}

/** `?x_gte=…&x_gt=…` as one range. */
export function rangeOf<T>(query: Readonly<Record<string, unknown>>, name: string): Range<T> {
  const part = (suffix: string) => query[`${name}_${suffix}`] as T | undefined;
  return { gte: part('gte'), gt: part('gt'), lte: part('lte'), lt: part('lt') };
}
