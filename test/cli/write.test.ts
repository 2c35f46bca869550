import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertSession } from '../support/factories';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

const db = useTestDatabase();
let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'thence-write-'));
});
beforeEach(async () => {
  await db.reset();
  const timetable = { kind: 'cron-data-interval', expression: '0 0 * * *', timezone: 'Europe/Zurich' } as const;
  await insertDag(db.pool, {
    dagId: 'weather',
    isPaused: true,
    timezone: 'Europe/Zurich',
    timetable,
    startDate: '2026-01-01T00:00:00.000Z',
  });
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const thence = (...args: string[]) => runCli(args, { cwd, env: { THENCE_HOME: path.join(cwd, '.thence'), THENCE_DATABASE_URL: db.url } });
const said = (text: string) => expect.stringContaining(text) as string;

describe('dags trigger', () => {
  test('makes a queued run, and says what keeps it from starting', async () => {
    const { exitCode, stdout, stderr } = await thence(
      'dags',
      'trigger',
      'weather',
      '-c',
      '{"region": "eu"}',
      '-r',
      'mine',
      '-l',
      '2026-02-01',
      '-o',
      'json',
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      dag_id: 'weather',
      dag_run_id: 'mine',
      logical_date: '2026-01-31T23:00:00Z',
      conf: { region: 'eu' },
      state: 'queued',
    });
    expect(stderr).toContain('DAG "weather" is paused');
    expect(stderr).toContain('no scheduler is alive');
    const { rows } = await db.pool.query('SELECT run_id, state, triggered_by, triggering_user, conf FROM dag_run');
    expect(rows).toEqual([
      { run_id: 'mine', state: 'queued', triggered_by: 'cli', triggering_user: os.userInfo().username, conf: { region: 'eu' } },
    ]);
    const audit = await db.pool.query('SELECT actor, via, action, dag_id FROM audit_log');
    expect(audit.rows).toEqual([{ actor: os.userInfo().username, via: 'cli', action: 'trigger_run', dag_id: 'weather' }]);
  });

  test('says nothing of a scheduler that is alive', async () => {
    await insertSession(db.pool, { kind: 'scheduler' });
    expect((await thence('dags', 'trigger', 'weather')).stderr).not.toContain('no scheduler');
  });

  test('a logical date that exists, and an unknown DAG, are refused', async () => {
    await insertRun(db.pool, { dagId: 'weather', runId: 'first', state: 'success', logicalDate: '2026-01-31T23:00:00Z' });
    expect(await thence('dags', 'trigger', 'weather', '-l', '2026-02-01')).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: said('"first" (success)'),
    });
    expect(await thence('dags', 'trigger', 'wether')).toMatchObject({
      exitCode: 1,
      stderr: 'error: there is no DAG "wether"; did you mean "weather"?\n',
    });
  });
});

test('unpause and pause say what they changed, and go on after an unknown id', async () => {
  const unpaused = await thence('dags', 'unpause', 'nope', 'weather', '-o', 'json');
  expect(unpaused).toMatchObject({ exitCode: 1, stderr: said('there is no DAG "nope"') });
  expect(JSON.parse(unpaused.stdout)).toEqual([{ dag_id: 'weather', is_paused: false, changed: true }]);
  expect(JSON.parse((await thence('dags', 'unpause', 'weather', '-o', 'json')).stdout)).toEqual([
    { dag_id: 'weather', is_paused: false, changed: false },
  ]);
  expect((await thence('dags', 'pause', 'weather')).exitCode).toBe(0);
  expect((await db.pool.query('SELECT is_paused FROM dag')).rows).toEqual([{ is_paused: true }]);
});

describe('backfill', () => {
  const range = ['--dag-id', 'weather', '--from-date', '2026-03-28', '--to-date', '2026-03-30'];

  test("a dry run lists the intervals, in the timetable's own zone too, through the change of the clocks", async () => {
    await insertRun(db.pool, { dagId: 'weather', runId: 'there', state: 'success', logicalDate: '2026-03-28T23:00:00Z' });
    const { exitCode, stdout, stderr } = await thence('backfill', 'create', ...range, '--dry-run', '-o', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      {
        logical_date: '2026-03-27T23:00:00Z',
        data_interval_start: '2026-03-27T23:00:00Z',
        data_interval_end: '2026-03-28T23:00:00Z',
        'start in Europe/Zurich': '2026-03-28T00:00:00+01:00',
        'end in Europe/Zurich': '2026-03-29T00:00:00+01:00',
        action: 'create',
        existing_run: null,
      },
      expect.objectContaining({
        logical_date: '2026-03-28T23:00:00Z',
        'start in Europe/Zurich': '2026-03-29T00:00:00+01:00',
        'end in Europe/Zurich': '2026-03-30T00:00:00+02:00',
        action: 'skip',
        existing_run: 'there (success)',
      }),
      expect.objectContaining({ logical_date: '2026-03-29T22:00:00Z', action: 'create' }),
    ]);
    expect(stderr).toContain('dry run, nothing was stored: 3 intervals, 2 to create, 0 to run again, 1 to leave as they are');
    expect((await db.pool.query('SELECT FROM backfill')).rowCount).toBe(0);
  });

  test('is stored, listed, paused, let go on, and cancelled', async () => {
    const created = await thence('backfill', 'create', ...range, '--max-active-runs', '2', '--detach');
    expect(created).toMatchObject({
      exitCode: 0,
      stdout: said('backfill 1 of "weather": 3 intervals'),
      stderr: said('no scheduler is alive'),
    });
    const list = async () => JSON.parse((await thence('backfill', 'list', '--dag-id', 'weather', '-o', 'json')).stdout) as unknown;
    expect(await list()).toEqual([expect.objectContaining({ id: 1, dag_id: 'weather', state: 'running', total: 3, success: 0 })]);

    expect(await thence('backfill', 'create', ...range)).toMatchObject({ exitCode: 1, stderr: said('has an unfinished backfill') });
    expect(await thence('backfill', 'pause', '1')).toMatchObject({ exitCode: 0, stdout: 'backfill 1 is paused\n' });
    expect(await list()).toMatchObject([{ state: 'paused' }]);
    expect(await thence('backfill', 'unpause', '1')).toMatchObject({ exitCode: 0 });
    expect(await thence('backfill', 'cancel', '1')).toMatchObject({ exitCode: 0, stdout: 'backfill 1 is cancelled\n' });
    expect(await list()).toMatchObject([{ state: 'cancelled' }]);
    expect(await thence('backfill', 'cancel', '1')).toMatchObject({ exitCode: 1, stderr: said('cancelled already') });
    expect(await thence('backfill', 'cancel', '77')).toMatchObject({ exitCode: 1, stderr: said('there is no backfill 77') });
  });

  test('an unknown DAG has close ones named', async () => {
    const { exitCode, stderr } = await thence(
      'backfill',
      'create',
      '--dag-id',
      'wether',
      '--from-date',
      '2026-01-01',
      '--to-date',
      '2026-01-02',
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'error: there is no DAG "wether"; did you mean "weather"?\n' });
  });
});

describe('processes that cannot start', () => {
  test('a port in use is one sentence and exit code 1', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    for (const command of ['webserver', 'standalone']) {
      const { exitCode, stderr } = await thence(command, '--port', String(port));
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`port ${port} on 127.0.0.1 is in use by another process`);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
    await new Promise((resolve) => server.close(resolve));
  });

  test('a database that is down at start is waited for, and in the end is one sentence and exit code 1', async () => {
    const port = await freePort();
    const start = async (command: string) => {
      const env = { THENCE_DATABASE_URL: `postgres://me:hidden@127.0.0.1:${port}/app`, THENCE_PORT: String(await freePort()) };
      return { command, ...(await runCli([command], { cwd, env: { THENCE_HOME: path.join(cwd, '.thence'), ...env } })) };
    };
    // All at once: each waits for a minute.
    for (const { command, exitCode, stderr } of await Promise.all(['scheduler', 'dag-processor', 'webserver', 'standalone'].map(start))) {
      expect({ command, exitCode }).toEqual({ command, exitCode: 1 });
      expect(stderr).toContain(`cannot reach the database at postgres://me:***@127.0.0.1:${port}/app`);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  });
});

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
