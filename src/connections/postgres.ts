/** Connections of type `postgres`: what `pg` is told, queries, and the test of a connection. */
import type { Client, ClientConfig, QueryResult } from 'pg';
import { ThenceError } from '../core/errors';
import type { ConnectionInfo } from '../execution-api/execution-api';
import type { SqlDriver, SqlResult, SqlStatement } from './sql-driver';
import { tooManyRows } from './too-many-rows';

const connectTimeoutMs = 10_000;

export const postgresDriver: SqlDriver = {
  query: (connection, sql, parameters, options) =>
    withClient(connection, options?.signal, async (client) =>
      (await send(client, connection, { sql, parameters }, options?.maxRows)).at(-1)!,
    ),

  transaction: (connection, statements, options) =>
    withClient(connection, options?.signal, async (client) => {
      const results: SqlResult[] = [];
      await client.query('BEGIN');
      // A failure closes the connection, which undoes it.
      for (const statement of statements) results.push((await send(client, connection, statement, options?.maxRows)).at(-1)!);
      await client.query('COMMIT');
      return results;
    }),
};

async function withClient<T>(
  connection: ConnectionInfo,
  signal: AbortSignal | undefined,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const { default: pg } = await import('pg');
  const client = new pg.Client(clientConfig(connection));
  // What breaks while a query is under way is told by the query.
  client.on('error', () => undefined);
  const cancel = () => void cancelOn(connection, client).catch(() => client.end().catch(() => undefined));
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    await client.connect();
    signal?.throwIfAborted();
    return await work(client);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    await client.end().catch(() => undefined);
  }
}

/** The results of one text, which may hold several statements where it has no parameters. Rows past `maxRows` are not kept. */
async function send(
  client: Client,
  connection: ConnectionInfo,
  { sql, parameters }: SqlStatement,
  maxRows = Number.POSITIVE_INFINITY,
): Promise<SqlResult[]> {
  const { default: pg } = await import('pg');
  let isTooLong = false;
  const query = new pg.Query<Record<string, unknown>>(parameters.length === 0 ? sql : { text: sql, values: [...parameters] });
  const results = await new Promise<QueryResult[]>((resolve, reject) => {
    query.on('row', (row, result) => {
      if (result!.rows.length < maxRows) return result!.addRow(row);
      if (!isTooLong) void cancelOn(connection, client).catch(() => client.end().catch(() => undefined));
      isTooLong = true;
    });
    query.on('error', reject);
    query.on('end', (result) => resolve([result as unknown as QueryResult | QueryResult[]].flat()));
    client.query(query);
  }).catch((error: unknown) => {
    throw isTooLong ? tooManyRows(maxRows) : error;
  });
  if (isTooLong) throw tooManyRows(maxRows);
  return results.map(({ rows, fields, rowCount }) => ({
    rows: rows as Record<string, unknown>[],
    fields: (fields ?? []).map(({ name }) => ({ name })),
    rowCount,
  }));
}

/** A cut connection alone would let the server go on to the end of the statement. */
async function cancelOn(connection: ConnectionInfo, client: Client): Promise<void> {
  const { default: pg } = await import('pg');
  const other = new pg.Client(clientConfig(connection));
  other.on('error', () => undefined);
  try {
    await other.connect();
    await other.query('SELECT pg_cancel_backend($1)', [(client as Client & { processID: number | null }).processID]);
  } finally {
    await other.end();
  }
}

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** From the connection's fields; of `extra`: sslmode, sslrootcert (PEM text), application_name, options, connect_timeout (seconds). */
export function clientConfig({ id, host, port, login, password, schema, extra }: ConnectionInfo): ClientConfig {
  const text = (name: string) => (typeof extra[name] === 'string' ? extra[name] : undefined);
  const timeoutS = Number(extra['connect_timeout']);
  return {
    // Never what the environment of the process says of another server.
    host: host?.replace(/^\[(.*)\]$/, '$1') ?? 'localhost',
    port: port ?? 5432,
    user: login ?? undefined,
    password: password ?? undefined,
    database: schema ?? login ?? undefined,
    ssl: sslOf(id, text('sslmode'), text('sslrootcert')),
    application_name: text('application_name') ?? 'thence-task',
    options: text('options'),
    connectionTimeoutMillis: timeoutS > 0 ? timeoutS * 1000 : connectTimeoutMs,
    keepAlive: true,
  };
}

/** As libpq reads it: `require` encrypts without looking at the certificate, `verify-*` looks. `allow` and `prefer` do without. */
function sslOf(id: string, mode: string | undefined, ca: string | undefined): ClientConfig['ssl'] {
  if (mode !== undefined && !sslModes.includes(mode))
    throw new ThenceError('INVALID_VALUE', `connection "${id}" has the sslmode "${mode}"; allowed are ${sslModes.join(', ')}`);
  if (mode === undefined || ['disable', 'allow', 'prefer'].includes(mode)) return undefined;
  if (mode === 'require' || mode === 'no-verify') return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
    ...(mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  };
}
