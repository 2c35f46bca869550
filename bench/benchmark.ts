import pg from 'pg';
import type { Standalone } from '../test/support/standalone';

export interface BenchmarkOptions {
  readonly executor: string;
  /** A small size that only proves that the benchmark works. */
  readonly smoke: boolean;
}
/** Returns the lines to print. */
export type Benchmark = (options: BenchmarkOptions) => Promise<string[]>;

/** Milliseconds that `count` single-row commits take, one after the other, on the same server. */
export async function rawCommits(standalone: Standalone, count: number): Promise<number> {
  const client = new pg.Client({ connectionString: standalone.databaseUrl() });
  await client.connect();
  try {
    await client.query('CREATE TABLE IF NOT EXISTS bench_commit (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 50)');
    await client.query('INSERT INTO bench_commit VALUES (1, 0) ON CONFLICT DO NOTHING');
    const update = { name: 'bench', text: 'UPDATE bench_commit SET n = n + 1 WHERE id = 1' };
    await client.query(update);
    const start = performance.now();
    for (let i = 0; i < count; i++) await client.query(update);
    return performance.now() - start;
  } finally {
    await client.end();
  }
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
export const ms = (value: number): string => `${value.toFixed(0)} ms`;
