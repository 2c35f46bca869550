/**
 * The ledger's own connections: in pipeline mode, guarded by timeouts, with instants as numbers.
 *
 * Traps of pipelining: each statement has its own Sync, so an error does not stop those sent behind it; they fail because the
 * transaction is aborted, and COMMIT then answers ROLLBACK without an error. `flush` rejects with the first error, which is the cause,
 * and `commit` looks at what the server really did.
 */
import pg from 'pg';
import type { Pool, PoolClient, QueryResult, QueryResultRow } from 'pg';
import { guardedPool } from '../../db/guarded-pool';
import type { Logger } from '../../telemetry/logger';

export interface ConnectionOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly maxConnections: number;
  readonly logger: Logger | null;
}

/**
 * Every hot statement has an index to go by, also while a table is so young that the planner would rather read it whole; as the
 * plans of prepared statements outlive that youth, it is not asked. One plan for all values: planning the claim takes longer than
 * carrying it out.
 */
const SESSION_SETTINGS = [
  'SET enable_seqscan = off',
  'SET plan_cache_mode = force_generic_plan',
  'SET jit = off',
  'SET client_connection_check_interval = 2000',
].join(';');

export function openPool(options: ConnectionOptions): Pool {
  return guardedPool({ ...options, typeParser, settings: SESSION_SETTINGS });
}

/** A statement that is parsed and planned once per connection. */
export function prepared<Row extends QueryResultRow>(name: string, text: string) {
  return (client: PoolClient | Pool, ...values: unknown[]): Promise<QueryResult<Row>> => client.query<Row>({ name, text, values });
}

/** Sends all that `send` asks for in one write, in the order of its properties, and waits for all. Rejects with the first error. */
export async function flush<T extends Record<string, unknown>>(
  client: PoolClient,
  send: () => T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const { stream } = (client as unknown as { connection: { stream: { cork(): void; uncork(): void } } }).connection;
  stream.cork();
  let sent: T;
  try {
    sent = send();
  } finally {
    stream.uncork();
  }
  const answers = await Promise.all(Object.values(sent));
  return Object.fromEntries(Object.keys(sent).map((key, i) => [key, answers[i]])) as { [K in keyof T]: Awaited<T[K]> };
}

export const begin = (client: PoolClient) => client.query('BEGIN');

/** @throws when an earlier statement of the transaction had failed, so that nothing was committed. */
export async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back: one of its statements had failed');
}

/** Lends a connection; `work` begins and commits by itself. What throws is rolled back. */
export async function withClient<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    return await work(client);
  } catch (error) {
    await client.query('ROLLBACK').catch((rollback: Error) => (broken = rollback));
    throw error;
  } finally {
    client.release(broken);
  }
}

export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return withClient(pool, async (client) => {
    await begin(client);
    const result = await work(client);
    await commit(client);
    return result;
  });
}

/** Milliseconds since the epoch → what `timestamptz` reads. @throws as Postgres would, with SQLSTATE 22008, for what is no date */
export function timestamp(instant: number | null): string | null {
  if (instant === null) return null;
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) throw Object.assign(new Error(`${instant} milliseconds since 1970 is no date`), { code: '22008' });
  return date.toISOString();
}

/** What Postgres refuses in text and jsonb: NUL and lone surrogates become U+FFFD. */
export function storable(text: string): string {
  return Buffer.from(text.replaceAll('\0', '\uFFFD'), 'utf8').toString('utf8');
}

const INT8 = 20;
const TIMESTAMPTZ = 1184;
const parseTimestamp = pg.types.getTypeParser(TIMESTAMPTZ) as (text: string) => Date;

const typeParser = ((oid: number, format?: 'text' | 'binary') => {
  if (oid === INT8) return Number;
  if (oid === TIMESTAMPTZ) return (text: string) => parseTimestamp(text).getTime();
  return pg.types.getTypeParser(oid, format);
}) as pg.CustomTypesConfig['getTypeParser'];
