import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseConnection } from '../../src/secrets/parse-connection';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertDag, insertRun, insertSession, insertTaskInstance } from '../support/factories';
import { deferTasks, eventsOf, home, startTriggerer } from './support';
import type { RunningTriggerer } from './support';

const db = useTestDatabase();
let triggerer: RunningTriggerer;
let server: Server;
let status = 404;

beforeAll(async () => {
  server = createServer((_request, response) => response.writeHead(status, { 'x-tag': 'a' }).end('body'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
beforeEach(async () => {
  await db.reset();
  triggerer = await startTriggerer(db);
});
afterEach(() => triggerer.stop());
afterAll(() => server.close());

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const request = (over: object = {}) => ({
  connection: null,
  url: url(),
  method: 'GET',
  headers: {},
  query: {},
  body: null,
  timeoutMs: 5_000,
  followRedirects: true,
  verifyTls: true,
  ...over, // prettier-ignore
});
const external = (over: object) => ({
  dagId: 'other',
  logicalDates: [],
  runIds: ['x'],
  taskIds: null,
  groupId: null,
  allowed: ['success'],
  failed: ['failed'],
  skipped: ['skipped'],
  ...over, // prettier-ignore
});
const seen = async (run: number) => {
  triggerer.wake();
  return eventually(async () => {
    const events = await eventsOf(db.pool, run);
    expect(events.every((event) => event !== null)).toBe(true);
    return events;
  });
};

it('a moment ends its wait, and nothing else is left of it: the attempt has ended, its run is woken', async () => {
  const run = await deferTasks(db.pool, [{ kind: 'time', args: { at: 5 } }]);
  expect(await seen(run)).toEqual([{ kind: 'event', payload: { at: 5 } }]);
  expect((await db.pool.query('SELECT FROM wait')).rowCount).toBe(0);
  expect((await db.pool.query(`SELECT state FROM attempt`)).rows).toEqual([{ state: 'ended' }]);
  expect((await db.pool.query('SELECT cause FROM run_wake')).rows).toEqual([{ cause: 'wait over' }]);
});

it('a moment that is to come is met by the timer, without a poll', async () => {
  const dueAt = Date.now() + 400;
  const run = await deferTasks(db.pool, [{ kind: 'time', args: { at: dueAt }, firstCheckAt: dueAt }]);
  expect(await seen(run)).toEqual([{ kind: 'event', payload: { at: dueAt } }]);
  const { rows } = await db.pool.query<{ at: Date }>('SELECT scheduled_at AS at FROM task_instance');
  expect(rows[0]!.at.getTime()).toBeGreaterThanOrEqual(dueAt);
});

it('files and patterns: those that are there end their waits, the others are looked for again', async () => {
  const folder = path.join(home, 'files');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'a.csv'), '');
  const run = await deferTasks(db.pool, [
    { kind: 'file', args: { path: path.join(folder, '*.csv') }, intervalMs: 60_000 },
    { kind: 'file', args: { path: path.join(folder, 'late') }, intervalMs: 20 },
  ]);
  triggerer.wake();
  await eventually(async () => expect(await eventsOf(db.pool, run)).toEqual([{ kind: 'event', payload: { paths: [path.join(folder, 'a.csv')] } }, null])); // prettier-ignore
  writeFileSync(path.join(folder, 'late'), '');
  expect((await seen(run))[1]).toEqual({ kind: 'event', payload: { paths: [path.join(folder, 'late')] } });
});

it('a request is sent until its status is no longer one of "not yet"; no answer at all is "not yet" too', async () => {
  status = 404;
  const run = await deferTasks(db.pool, [
    { kind: 'http', args: { request: request(), notYet: [404] }, intervalMs: 20 },
    { kind: 'http', args: { request: request({ url: 'http://127.0.0.1:1/' }), notYet: [] }, intervalMs: 20, timeoutAt: Date.now() + 300 },
    { kind: 'http', args: { request: request({ connection: 'nowhere' }), notYet: [] } },
  ]);
  triggerer.wake();
  await eventually(async () => {
    const [waits, ...others] = await eventsOf(db.pool, run);
    expect(waits).toBeNull();
    expect(others).toEqual([{ kind: 'timeout' }, { kind: 'failed', message: 'there is no connection "nowhere"' }]);
  });
  status = 200;
  expect((await seen(run))[0]).toMatchObject({ kind: 'event', payload: { status: 200, body: 'body', headers: { 'x-tag': 'a' } } });
});

it('SQL is asked on its connection; a wrong statement fails its wait with what the database says', async () => {
  await triggerer.stop();
  triggerer = await startTriggerer(db, { connections: { db: parseConnection('db', db.url, 'the test') } });
  await db.pool.query('CREATE TABLE IF NOT EXISTS arrived (n int)');
  const run = await deferTasks(db.pool, [
    { kind: 'sql', args: { connection: 'db', sql: 'SELECT count(*) FROM arrived WHERE n > $1', parameters: [3] }, intervalMs: 20 },
    { kind: 'sql', args: { connection: 'db', sql: 'SELEC 1', parameters: [] } },
  ]);
  triggerer.wake();
  await eventually(async () => expect(await eventsOf(db.pool, run)).toEqual([null, { kind: 'failed', message: expect.stringContaining('SELEC') as string }])); // prettier-ignore
  await db.pool.query('INSERT INTO arrived VALUES (4)');
  expect((await seen(run))[0]).toEqual({ kind: 'event', payload: { value: '1' } });
  await db.pool.query('DROP TABLE arrived');
});

it('runs and tasks of other DAGs, all in one question', async () => {
  await insertDag(db.pool, { dagId: 'other', tasks: ['a', 'b'] });
  const other = await insertRun(db.pool, { dagId: 'other', runId: 'x', state: 'running' });
  await insertTaskInstance(db.pool, { run: other, taskId: 'a', state: 'success', session: await insertSession(db.pool) });
  await insertTaskInstance(db.pool, { run: other, taskId: 'b', state: 'skipped' });
  const run = await deferTasks(db.pool, [
    { kind: 'external-task', args: external({ taskIds: ['a'] }) },
    { kind: 'external-task', args: external({ taskIds: ['a', 'b'] }) },
    { kind: 'external-task', args: external({}), intervalMs: 20 },
    { kind: 'dag-run', args: { dagId: 'other', runId: 'x', allowed: ['success'], failed: ['failed'] }, intervalMs: 20 },
    { kind: 'dag-run', args: { dagId: 'other', runId: 'gone', allowed: ['success'], failed: ['failed'] } },
  ]);
  triggerer.wake();
  await eventually(async () =>
    expect(await eventsOf(db.pool, run)).toEqual([
      { kind: 'event', payload: { outcome: 'allowed' } },
      { kind: 'event', payload: { outcome: 'skipped' } },
      null,
      null,
      { kind: 'failed', message: 'the run "gone" of DAG "other" is not there (any more)' },
    ]),
  );
  await db.pool.query(`UPDATE dag_run SET state = 'failed', end_date = clock_timestamp() WHERE pk = $1`, [other]);
  expect((await seen(run)).slice(2, 4)).toEqual([
    { kind: 'event', payload: { outcome: 'failed' } },
    { kind: 'event', payload: { state: 'failed', outcome: 'failed' } },
  ]);
});

it('what has come true before anybody looked ends by its event, and not by the timeout that is over as well', async () => {
  await triggerer.stop();
  const past = Date.now() - 60_000;
  const run = await deferTasks(db.pool, [
    { kind: 'time', args: { at: past }, firstCheckAt: past, timeoutAt: past + 10 },
    { kind: 'file', args: { path: path.join(home, 'never') }, timeoutAt: past },
  ]);
  triggerer = await startTriggerer(db);
  expect(await seen(run)).toEqual([{ kind: 'event', payload: { at: past } }, { kind: 'timeout' }]);
});

it('the interval doubles up to backoffToMs', async () => {
  const run = await deferTasks(db.pool, [{ kind: 'file', args: { path: path.join(home, 'never'), backoffToMs: 50 }, intervalMs: 10 }]);
  triggerer.wake();
  await eventually(async () => expect((await db.pool.query('SELECT interval_ms FROM wait WHERE run = $1', [run])).rows).toEqual([{ interval_ms: 50 }])); // prettier-ignore
});

it('a look that a dead triggerer began is begun again at once', async () => {
  const dead = await insertSession(db.pool, { kind: 'triggerer', state: 'lost' });
  const run = await deferTasks(db.pool, [{ kind: 'time', args: { at: 5 }, firstCheckAt: Date.now() + 3_600_000 }]);
  await db.pool.query('UPDATE wait SET session = $1', [dead]);
  expect(await seen(run)).toEqual([{ kind: 'event', payload: { at: 5 } }]);
});

it('600 waits of one moment end in batches, each once, by two triggerers', async () => {
  const other = await startTriggerer(db);
  const run = await deferTasks(db.pool, Array.from({ length: 600 }, () => ({ kind: 'time' as const, args: { at: 5 }, firstCheckAt: Date.now() + 300 }))); // prettier-ignore
  triggerer.wake();
  other.wake();
  expect(new Set((await seen(run)).map((event) => JSON.stringify(event))).size).toBe(1);
  await other.stop();
});
