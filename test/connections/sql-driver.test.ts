import { postgresDriver } from '../../src/connections/postgres';
import { registerSqlDriver, sqlDriverOf } from '../../src/connections/sql-driver';
import { parseConnection } from '../../src/secrets/parse-connection';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const db = useTestDatabase();
const connection = () => parseConnection('db', db.url, 'a test');

test('a query has its rows by column, its columns in order, and parameters', async () => {
  const { rows, fields, rowCount } = await postgresDriver.query(connection(), 'SELECT $1::int + 1 AS b, $2::text AS a', [1, 'x']);
  expect([rows, fields, rowCount]).toEqual([[{ b: 2, a: 'x' }], [{ name: 'b' }, { name: 'a' }], 1]);
});

test('of several statements the last answers, and the first are undone when a later one fails', async () => {
  const sql = 'CREATE TABLE made (n int); INSERT INTO made VALUES (1), (2); SELECT count(*)::int AS n FROM made';
  expect((await postgresDriver.query(connection(), sql, [])).rows).toEqual([{ n: 2 }]);
  await expect(postgresDriver.query(connection(), 'DELETE FROM made; SELECT 1 / 0', [])).rejects.toThrow(/division by zero/);
  expect((await db.pool.query('SELECT FROM made')).rowCount).toBe(2);
});

test('a task that is stopped takes its statement with it, on the server too', async () => {
  const stop = new AbortController();
  const asleep = "SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'";
  const query = postgresDriver.query(connection(), 'SELECT pg_sleep(600)', [], { signal: stop.signal });
  const ended = expect(query).rejects.toMatchObject({ name: 'AbortError' });
  await eventually(async () => expect((await db.pool.query(asleep)).rowCount).toBe(1));
  stop.abort();
  await ended;
  await eventually(async () => expect((await db.pool.query(asleep)).rowCount).toBe(0));
});

test('a driver of one’s own is found by the type of the connection, and an unknown type names those that there are', async () => {
  registerSqlDriver('My-SQL', { query: async () => ({ rows: [], fields: [], rowCount: 0 }) });
  expect((await sqlDriverOf({ id: 'x', type: 'my_sql' }).query(connection(), '', [])).rowCount).toBe(0);
  expect(() => sqlDriverOf({ id: 'x', type: 'posgres' })).toThrow(
    /connection "x" has the type "posgres", for which there is no SQL driver \(there is: postgres, my_sql\); did you mean "postgres"\?/,
  );
  expect(() => registerSqlDriver('x', {} as never)).toThrow(/no query\(connection, sql, parameters\)/);
});

test('an sslmode that does not exist is refused before anything is sent', async () => {
  const wrong = { ...connection(), extra: { sslmode: 'always' } };
  await expect(postgresDriver.query(wrong, 'SELECT 1', [])).rejects.toThrow(/sslmode "always"; allowed are disable/);
});
