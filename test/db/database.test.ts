import { openDatabase } from '../../src/db/database';
import { useTestDatabase } from '../support/database';

const db = useTestDatabase();

it('gives int8 as number and timestamptz as Date', async () => {
  const { rows } = await db.pool.query("SELECT 9007199254740991::int8 AS big, '2026-01-02T03:04:05.678Z'::timestamptz AS at");
  expect(rows).toEqual([{ big: 9_007_199_254_740_991, at: new Date('2026-01-02T03:04:05.678Z') }]);
});

it('sends statements that are not awaited one by one in one flush, in order', async () => {
  const client = await db.pool.connect();
  try {
    const results = await Promise.all([
      client.query('BEGIN'),
      client.query("INSERT INTO pool (name, slots) VALUES ('p', 3)"),
      client.query<{ slots: number }>({ name: 'read-pool', text: 'SELECT slots FROM pool WHERE name = $1', values: ['p'] }),
      client.query('ROLLBACK'),
    ]);
    expect(results[2].rows).toEqual([{ slots: 3 }]);
  } finally {
    client.release();
  }
});

it('ends a transaction whose client stops thinking, statements without end and waits for locks', async () => {
  const { rows } = await db.pool.query(
    "SELECT name, setting FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout') ORDER BY name",
  );
  expect(rows.map((row: { setting: string }) => Number(row.setting))).toEqual([5_000, 10_000, 30_000]);
});

it('a connection that is cut while it is lent out ends nothing but its queries', async () => {
  const client = await db.pool.connect();
  try {
    const ended = new Promise((resolve) => client.once('end', resolve));
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    expect(client.listenerCount('error')).toBeGreaterThan(0); // an 'error' that nobody listens to ends the process
    await db.pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    await ended;
    await expect(client.query('SELECT 1')).rejects.toThrow();
  } finally {
    client.release(true);
  }
});

it('connects TypeORM at its first use, once', async () => {
  const [first, second] = await Promise.all([db.database.orm(), db.database.orm()]);
  expect(first).toBe(second);
  expect(await first.query('SELECT 1::int8 AS one')).toEqual([{ one: 1 }]);
});

it('names the server but not the password when it cannot connect', async () => {
  const opening = openDatabase({ url: 'postgres://someone:secret@127.0.0.1:1/nothing', applicationName: 'test' });
  await expect(opening).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/^cannot reach the database at postgres:\/\/someone:\*\*\*@127\.0\.0\.1:1\/nothing: .*ECONNREFUSED/),
  });
});
