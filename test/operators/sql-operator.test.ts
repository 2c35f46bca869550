import { DAG, registerSqlDriver, SqlOperator, type SqlOptions } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { useTestDatabase } from '../support/database';
import { contextFor } from '../support/task-context';

const db = useTestDatabase({ migrated: false });
beforeAll(() => db.pool.query('CREATE TABLE t (n int)'));
beforeEach(async () => {
  openRegistry();
  await db.pool.query('TRUNCATE t');
});

const run = (options: Omit<SqlOptions, 'connection' | 'url'>, connection = db.url) =>
  new SqlOperator('sql', { dag: new DAG('d'), connection: 'db', ...options }).execute(contextFor({ connections: { db: connection } }));
const count = async () => (await db.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM t')).rows[0]!.n;

test('the output is the rows of the last statement, as JSON', async () => {
  const sql = `SELECT $1::int AS n, 'x' AS s, true AS b, NULL AS nothing, 9007199254740993::bigint AS big, 1.50::numeric AS exact,
    '2026-01-31 06:00+00'::timestamptz AS at, '{"a":[1]}'::jsonb AS j, '\\x00ff'::bytea AS bytes, 'NaN'::float8 AS nan`;
  const rows = await run({ sql, parameters: [7] });
  expect(rows).toEqual([
    {
      n: 7,
      s: 'x',
      b: true,
      nothing: null,
      big: '9007199254740993',
      exact: '1.50',
      at: '2026-01-31T06:00:00.000Z',
      j: { a: [1] },
      bytes: 'AP8=',
      nan: 'NaN',
    },
  ]);
  expect(JSON.parse(JSON.stringify(rows))).toEqual(rows);
  expect(await run({ sql: ['INSERT INTO t VALUES (1), (2)', 'SELECT n FROM t ORDER BY n'] })).toEqual([{ n: 1 }, { n: 2 }]);
});

test('a list is carried out as a whole or not at all; without a transaction each statement stands for itself', async () => {
  const sql = ['INSERT INTO t VALUES ($1)', 'INSERT INTO t VALUES ($1 / 0)'];
  await expect(run({ sql, parameters: [1] })).rejects.toThrow('division by zero');
  expect(await count()).toBe(0);
  await expect(run({ sql, parameters: [1], transaction: false })).rejects.toThrow('division by zero');
  expect(await count()).toBe(1);
});

test('a result of more rows than maxRows is stopped at the server and says what to do', async () => {
  const sql = 'SELECT generate_series(1, 50000000) AS n';
  await expect(run({ sql })).rejects.toThrow(/more than 10000 rows, which is its `maxRows`.*CREATE TABLE/);
  await expect(run({ sql: ['SELECT 1', 'SELECT generate_series(1, 3)'], maxRows: 2 })).rejects.toThrow('more than 2 rows');
  expect(await run({ sql: 'SELECT generate_series(1, 3) AS n', maxRows: 3 })).toHaveLength(3);
});

test('a database may be named by a url', async () => {
  const task = new SqlOperator('sql', { dag: new DAG('d'), url: db.url, sql: 'SELECT 1 AS one' });
  expect(await task.execute(contextFor({}))).toEqual([{ one: 1 }]);
});

test('a driver that knows no transactions says so, and is held to maxRows too', async () => {
  registerSqlDriver('plain', { query: async () => ({ rows: [{ a: 1 }, { a: 2 }], fields: [{ name: 'a' }], rowCount: null }) });
  await expect(run({ sql: ['a', 'b'] }, 'plain://h')).rejects.toThrow(
    /type "plain" cannot carry out several statements in one transaction/,
  );
  expect(await run({ sql: ['a', 'b'], transaction: false }, 'plain://h')).toEqual([{ a: 1 }, { a: 2 }]);
  await expect(run({ sql: 'a', maxRows: 1 }, 'plain://h')).rejects.toThrow('more than 1 rows');
});

test('what cannot work is an error of the DAG file', () => {
  const dag = new DAG('d');
  expect(() => new SqlOperator('a', { dag, sql: 'x' })).toThrow(/task "a".* needs a `connection` or a `url`/);
  expect(() => new SqlOperator('b', { dag, connection: 'c', url: 'u', sql: 'x' })).toThrow(/has both/);
  expect(() => new SqlOperator('c', { dag, connection: 'c', sql: [] })).toThrow(/`sql` of task "c".* is \[\]; allowed is a statement/);
});
