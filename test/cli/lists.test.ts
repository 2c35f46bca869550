import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertSession, insertTaskInstance } from '../support/factories';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

const db = useTestDatabase();
let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'thence-lists-'));
  await insertDag(db.pool, {
    dagId: 'weather',
    timezone: 'Europe/Zurich',
    tasks: ['fetch', 'store'],
    edges: [['fetch', 'store']],
    startDate: '2026-01-01T00:00:00.000Z',
    timetable: { kind: 'cron-data-interval', expression: '0 0 * * *', timezone: 'Europe/Zurich' },
  });
  await insertDag(db.pool, { dagId: 'hello', tags: ['example'] });
  const run = await insertRun(db.pool, {
    dagId: 'weather',
    runId: 'scheduled__1',
    runType: 'scheduled',
    state: 'failed',
    logicalDate: '2026-03-28T23:00:00Z',
    interval: ['2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
    conf: { region: 'eu' },
  });
  await insertTaskInstance(db.pool, { run, taskId: 'fetch', state: 'success' });
  await insertTaskInstance(db.pool, { run, taskId: 'store', state: 'failed' });
  await insertRun(db.pool, { dagId: 'weather', runId: 'manual__1', state: 'success', logicalDate: '2026-04-10T00:00:00Z' });
  await insertRun(db.pool, {
    dagId: 'weather',
    runId: 'backfill__1',
    runType: 'backfill',
    state: 'queued',
    logicalDate: '2025-04-10T00:00:00Z',
  });
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const thence = (...args: string[]) => runCli(args, { cwd, env: { THENCE_HOME: path.join(cwd, '.thence'), THENCE_DATABASE_URL: db.url } });
const json = async (...args: string[]) => JSON.parse((await thence(...args, '-o', 'json')).stdout) as unknown;

test('the four formats tell the same', async () => {
  const expected = [
    { dag_id: 'hello', is_paused: false },
    { dag_id: 'weather', is_paused: false },
  ];
  const list = ['dags', 'list', '--columns', 'dag_id,is_paused'];
  expect(await json(...list)).toEqual(expected);
  expect(parse((await thence(...list, '-o', 'yaml')).stdout)).toEqual(expected);
  expect((await thence(...list, '-o', 'plain')).stdout).toBe('dag_id   is_paused\nhello    false\nweather  false\n');
  const table = (await thence(...list)).stdout;
  expect(table).toMatch(/│ dag_id +│ is_paused +│/);
  expect(table).toMatch(/│ weather +│ false +│/);
});

test('an unknown column is wrong usage', async () => {
  expect(await thence('dags', 'list', '--columns', 'dagid')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('allowed are dag_id, fileloc') as string,
  });
});

test('tags choose among the DAGs', async () => {
  expect(await json('dags', 'list', '--tags', 'example', '--columns', 'dag_id')).toEqual([{ dag_id: 'hello' }]);
});

test.each([
  ['dags', 'details', 'wether'],
  ['dags', 'show', 'wether'],
  ['dags', 'list-runs', 'wether'],
  ['dags', 'next-execution', 'wether'],
  ['tasks', 'list', 'wether'],
  ['tasks', 'states-for-dag-run', 'wether', '2026-01-01'],
])('%s %s: an unknown DAG id has close ones named', async (...args) => {
  const { exitCode, stdout, stderr } = await thence(...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toBe('error: there is no DAG "wether"; did you mean "weather"?\n');
});

test('details tell what the newest version says', async () => {
  expect(await json('dags', 'details', 'weather')).toMatchObject({
    dag_id: 'weather',
    timezone: 'Europe/Zurich',
    tasks: ['fetch', 'store'],
    version: 1,
  });
});

test('show prints the graph, and saves it', async () => {
  expect((await thence('dags', 'show', 'weather')).stdout).toBe('fetch <FunctionOperator>\n└── store <FunctionOperator>\n');
  expect(await thence('dags', 'show', 'weather', '--format', 'dot', '--save', 'weather.dot')).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: 'wrote weather.dot\n',
  });
});

test('list-runs filters by state, kind and logical date', async () => {
  const ids = async (...args: string[]) =>
    ((await json('dags', 'list-runs', 'weather', ...args)) as { run_id: string }[]).map((run) => run.run_id);
  expect(await ids()).toEqual(['manual__1', 'scheduled__1', 'backfill__1']);
  expect(await ids('--no-backfill')).toEqual(['manual__1', 'scheduled__1']);
  expect(await ids('--state', 'failed')).toEqual(['scheduled__1']);
  expect(await ids('-s', '2026-01-01', '-e', '2026-03-31')).toEqual(['scheduled__1']);
  expect(await ids('--limit', '1')).toEqual(['manual__1']);
});

test("a run is found by its id, and by its logical date in the DAG's own timezone", async () => {
  expect((await thence('dags', 'state', 'weather', 'manual__1')).stdout).toBe('success\n');
  expect((await thence('dags', 'state', 'weather', '2026-03-29')).stdout).toBe('failed, {"region":"eu"}\n');
  expect((await thence('dags', 'state', 'weather', '2026-03-28T23:00:00Z')).stdout).toContain('failed');
  expect(await thence('dags', 'state', 'weather', '2026-03-28')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('has no run "2026-03-28"') as string,
  });
});

test('states of tasks', async () => {
  expect((await thence('tasks', 'state', 'weather', 'store', 'scheduled__1')).stdout).toBe('failed\n');
  expect(await thence('tasks', 'state', 'weather', 'stor', 'scheduled__1')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('did you mean "store"?') as string,
  });
  expect(await json('tasks', 'states-for-dag-run', 'weather', '2026-03-29')).toMatchObject([
    { task_id: 'fetch', state: 'success', logical_date: '2026-03-28T23:00:00Z' },
    { task_id: 'store', state: 'failed' },
  ]);
});

test('tasks list gives operators, rules and neighbours', async () => {
  expect(await json('tasks', 'list', 'weather')).toMatchObject([
    { task_id: 'fetch', downstream: 'store' },
    { task_id: 'store', upstream: 'fetch' },
  ]);
  expect((await thence('tasks', 'list', 'weather', '--tree')).stdout).toContain('└── store');
});

test('next-execution goes on from the newest scheduled run, through the change of the clocks', async () => {
  const fields = await json('dags', 'next-execution', 'weather', '-n', '2');
  expect(fields).toHaveLength(2);
  const { stdout } = await thence('dags', 'next-execution', 'weather');
  expect(stdout.trim()).toBe((fields as { logical_date: string }[])[0]!.logical_date);
  const none = await thence('dags', 'next-execution', 'hello');
  expect(none).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('has no next run') as string });
});

test('import errors are listed with exit code 1', async () => {
  expect(await thence('dags', 'list-import-errors')).toMatchObject({ exitCode: 0, stdout: 'no import errors\n' });
  await db.pool.query(
    `INSERT INTO import_error (file_path, message, stack_trace, line, col) VALUES ('broken.ts', 'Unexpected "}"', 'x', 3, 7)`,
  );
  const { exitCode, stdout } = await thence('dags', 'list-import-errors', '-o', 'json');
  expect({ exitCode, rows: JSON.parse(stdout) as unknown }).toEqual({
    exitCode: 1,
    rows: [{ filepath: 'broken.ts:3:7', error: 'Unexpected "}"' }],
  });
});

test('pools and what they hold', async () => {
  expect(await json('pools', 'list')).toEqual([
    { pool: 'default_pool', slots: 128, occupied_slots: 0, include_deferred: false, description: 'Default pool' },
  ]);
});

test('jobs check is 1 while nobody is alive, whatever ran before', async () => {
  await insertSession(db.pool, { kind: 'scheduler', host: 'old-host', leaseMs: -1000 });
  expect(await thence('jobs', 'check', '--job-type', 'scheduler')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('no scheduler is alive; the last was') as string,
  });
  await insertSession(db.pool, { kind: 'scheduler', host: 'this-host' });
  expect(await thence('jobs', 'check', '--job-type', 'scheduler')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('alive: scheduler') as string,
  });
  expect(await thence('jobs', 'check', '--hostname', 'old-host')).toMatchObject({ exitCode: 1 });
});

test('db clean deletes what ended before a date, and asks first', async () => {
  await insertRun(db.pool, {
    dagId: 'hello',
    runId: 'ancient',
    state: 'success',
    startDate: '2020-01-01',
    endDate: '2020-01-02',
    logicalDate: '2020-01-01',
  });
  const clean = ['db', 'clean', '--clean-before-timestamp', '2021-01-01'];
  expect((await thence(...clean, '--dry-run')).stdout).toBe('1 run that ended before 2021-01-01T00:00:00Z would be deleted\n');
  expect(await thence(...clean)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Say --yes to do it.') as string });
  expect((await thence(...clean, '--dag-ids', 'weather', '--yes')).stdout).toContain('nothing to delete');
  expect((await thence(...clean, '--yes')).stdout).toBe('deleted 1 runs\n');
  expect((await db.pool.query(`SELECT FROM dag_run WHERE run_id = 'ancient'`)).rowCount).toBe(0);
});

describe('a database without our tables', () => {
  const empty = useTestDatabase({ migrated: false });

  test('says what to run, and db migrate and db reset make them', async () => {
    const on = (...args: string[]) =>
      runCli(args, { cwd, env: { THENCE_HOME: path.join(cwd, '.thence'), THENCE_DATABASE_URL: empty.url } });
    expect(await on('dags', 'list')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('run "thence db migrate" first') as string,
    });
    expect(await on('db', 'check')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('lacks the migrations') as string });
    expect(await on('db', 'migrate')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('applied Initial') as string });
    expect(await on('db', 'migrate')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('is up to date') as string });
    await insertDag(empty.pool, { dagId: 'gone' });
    expect(await on('db', 'reset')).toMatchObject({ exitCode: 2 });
    expect(await on('db', 'reset', '--yes')).toMatchObject({ exitCode: 0 });
    expect((await on('dags', 'list', '-o', 'json')).stdout).toBe('[]\n');
  });
});
