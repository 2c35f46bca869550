import pg from 'pg';
import { isOutage } from '../../src/db/outage';
import { useTestDatabase } from '../support/database';

const db = useTestDatabase();
const failureOf = async (work: () => Promise<unknown>): Promise<unknown> =>
  work().then(
    () => null,
    (error: unknown) => error,
  );

it('is a connection that is cut, refused, or waits too long', async () => {
  const cut = await failureOf(async () => db.pool.query('SELECT pg_terminate_backend(pg_backend_pid())'));
  const refused = await failureOf(async () => new pg.Client('postgres://x@127.0.0.1:1/x').connect());
  const byName = await failureOf(async () => new pg.Client('postgres://x@localhost:1/x').connect());
  const gone = await failureOf(async () => new pg.Client(db.url.replace(/[^/]*$/, 'there_is_no_such_database')).connect());
  expect([cut, refused, byName, gone].map(isOutage)).toEqual([true, true, true, true]);
});

it('is no statement that Postgres refuses', async () => {
  const wrong = await failureOf(async () => db.pool.query('SELECT nothing'));
  const twice = await failureOf(async () => db.pool.query("INSERT INTO pool (name, slots) VALUES ('default_pool', 1)"));
  expect([wrong, twice].map(isOutage)).toEqual([false, false]);
  expect(wrong).toBeInstanceOf(Error);
});
