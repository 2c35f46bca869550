import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

const db = useTestDatabase();
let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'thence-clear-'));
});
beforeEach(async () => {
  await db.reset();
  await insertDag(db.pool, { dagId: 'etl', tasks: ['extract', 'load'], edges: [['extract', 'load']] });
  for (const [runId, logicalDate] of [
    ['r1', '2026-01-01'],
    ['r2', '2026-01-02'],
  ] as const) {
    const run = await insertRun(db.pool, { dagId: 'etl', runId, state: 'failed', logicalDate });
    await insertTaskInstance(db.pool, { run, taskId: 'extract', state: 'failed' });
    await insertTaskInstance(db.pool, { run, taskId: 'load', state: 'upstream_failed', reason: 'rule' });
  }
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const thence = (...args: string[]) => runCli(args, { cwd, env: { THENCE_HOME: path.join(cwd, '.thence'), THENCE_DATABASE_URL: db.url } });
const said = (text: string) => expect.stringContaining(text) as string;
const states = async () =>
  (await db.pool.query('SELECT run_id, t.state FROM task_instance t JOIN dag_run r ON r.pk = t.run ORDER BY t.pk')).rows.map(
    ({ run_id, state }) => `${run_id} ${state ?? 'none'}`,
  );
const failedStates = ['r1 failed', 'r1 upstream_failed', 'r2 failed', 'r2 upstream_failed'];

test('tasks clear lists what will run again, with the version, and in a dry run does nothing', async () => {
  const { exitCode, stdout, stderr } = await thence('tasks', 'clear', 'etl', '-t', '^ext', '-e', '2026-01-01', '--dry-run', '-o', 'json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    { dag_id: 'etl', run_id: 'r1', task_id: 'extract', map_index: -1, state: 'failed', action: 'clear', version: 1 },
    { dag_id: 'etl', run_id: 'r1', task_id: 'load', map_index: -1, state: 'upstream_failed', action: 'decide', version: 1 },
  ]);
  expect(stderr).toContain('dry run, nothing was cleared: 1 task instance in 1 run');
  expect(await states()).toEqual(failedStates);
});

test('tasks clear asks, and with --yes does it', async () => {
  const asked = await thence('tasks', 'clear', 'etl', '--run-id', 'r2', '--task-id', 'extract', '-d');
  expect(asked).toMatchObject({ exitCode: 2, stderr: said('2 task instances in 1 run will be cleared. Say --yes to do it.') });
  expect(await states()).toEqual(failedStates);
  const cleared = await thence('tasks', 'clear', 'etl', '--run-id', 'r2', '--task-id', 'extract', '-d', '-y');
  expect(cleared).toMatchObject({ exitCode: 0, stderr: said('cleared: 2 task instances in 1 run') });
  expect(cleared.stderr).toContain('no scheduler is alive');
  expect(await states()).toEqual(['r1 failed', 'r1 upstream_failed', 'r2 none', 'r2 none']);
  expect((await db.pool.query('SELECT actor, via, action FROM audit_log')).rows).toEqual([
    { actor: os.userInfo().username, via: 'cli', action: 'clear_tasks' },
  ]);
});

test('dags clear starts runs again, only what failed when asked to', async () => {
  await db.pool.query(`UPDATE task_instance SET state = 'success' WHERE task_id = 'load'`);
  expect((await thence('dags', 'clear', 'et', '-R', '--only-failed', '-y')).exitCode).toBe(0);
  expect(await states()).toEqual(['r1 none', 'r1 success', 'r2 none', 'r2 success']);
});

test('tasks run leaves it to a scheduler, and says so when there is none', async () => {
  const ran = await thence('tasks', 'run', 'etl', 'extract', '2026-01-02', '--detach');
  expect(ran).toMatchObject({ exitCode: 0, stdout: '', stderr: said('task "extract" of run "r2" was failed and is to run now') });
  expect(ran.stderr).toContain('no scheduler is alive');
  expect(await states()).toEqual(['r1 failed', 'r1 upstream_failed', 'r2 none', 'r2 none']);
  expect(await thence('tasks', 'run', 'etl', 'extract', 'r3')).toMatchObject({ exitCode: 1, stderr: said('has no run "r3"') });
});

test('dags reserialize leaves it to a DAG processor, and says so when there is none', async () => {
  const asked = await thence('dags', 'reserialize', 'etl');
  expect(asked).toMatchObject({ exitCode: 0, stdout: said('to be evaluated again: '), stderr: said('no DAG processor is alive') });
  const { rows } = await db.pool.query('SELECT file_path FROM parse_request');
  expect(rows).toEqual((await db.pool.query("SELECT file_path FROM dag WHERE dag_id = 'etl'")).rows);
  expect(await thence('dags', 'reserialize', 'elt')).toMatchObject({ exitCode: 1, stderr: said('there is no DAG "elt"') });
});

test('usage that makes no sense is refused before anything is read', async () => {
  expect(await thence('tasks', 'clear', 'etl', '--map-index', '3')).toMatchObject({
    exitCode: 2,
    stderr: said('name that with --task-id'),
  });
  expect(await thence('tasks', 'clear', 'etl', '--run-id', 'r1', '-s', '2026-01-01')).toMatchObject({ exitCode: 2 });
});

test('dags delete takes everything, and says when the file brings the DAG back', async () => {
  mkdirSync(path.join(cwd, 'dags'), { recursive: true });
  writeFileSync(path.join(cwd, 'dags', 'etl.ts'), '');
  expect(await thence('dags', 'delete', 'etl')).toMatchObject({
    exitCode: 2,
    stderr: said('DAG "etl", 2 runs and their logs will be deleted'),
  });
  const { exitCode, stdout, stderr } = await thence('dags', 'delete', 'etl', '-y', '-o', 'json');
  expect([exitCode, JSON.parse(stdout)]).toEqual([0, { dag_id: 'etl', deleted_runs: 2 }]);
  expect(stderr).toContain('its file etl.ts is still there');
  expect((await db.pool.query('SELECT FROM dag')).rowCount).toBe(0);
});

test('tasks state counts the instances of a mapped task, or tells that of one', async () => {
  const { rows } = await db.pool.query<{ pk: number }>(`SELECT pk FROM dag_run WHERE run_id = 'r1'`);
  const run = rows[0]!.pk;
  for (const [mapIndex, state] of [
    [0, 'success'],
    [1, 'failed'],
    [2, 'success'],
    [3, 'removed'],
  ] as const) {
    await insertTaskInstance(db.pool, { run, taskId: 'mapped', mapIndex, state });
  }
  expect((await thence('tasks', 'state', 'etl', 'mapped', 'r1')).stdout).toBe('2 success, 1 failed\n');
  expect((await thence('tasks', 'state', 'etl', 'mapped', 'r1', '--map-index', '1')).stdout).toBe('failed\n');
});

test('tasks mark lists and marks; runs are marked, noted and deleted by their date', async () => {
  const marked = await thence('tasks', 'mark', 'etl', '2026-01-01', '--task-id', 'extract', '--state', 'success', '-y', '-o', 'json');
  expect(JSON.parse(marked.stdout)).toMatchObject([
    { run_id: 'r1', task_id: 'extract', state: 'failed', action: 'mark success' },
    { run_id: 'r1', task_id: 'load', state: 'upstream_failed', action: 'decide' },
  ]);
  expect(marked).toMatchObject({ exitCode: 0, stderr: said('marked success: 1 task instance') });
  expect((await thence('dags', 'mark', 'etl', 'r1', '--state', 'success')).stdout).toBe('run "r1" is marked success\n');
  expect((await thence('dags', 'note', 'etl', 'r1', 'late', '--task-id', 'load')).exitCode).toBe(0);
  expect((await db.pool.query('SELECT note FROM ti_detail')).rows).toEqual([{ note: 'late' }]);
  expect(await thence('dags', 'delete-run', 'etl', '2026-01-02', '-y')).toMatchObject({ exitCode: 0, stdout: 'run "r2" is deleted\n' });
  expect(await states()).toEqual(['r1 success', 'r1 success']);
});
