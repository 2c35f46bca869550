import { spawn } from 'node:child_process';
import { thenceCommand } from '../../src/config/package-root';
import { eventually } from '../support/eventually';
import { runCli } from '../support/run-cli';
import { Standalone } from '../support/standalone';

jest.setTimeout(240_000);

const standalone = new Standalone({ THENCE_EXECUTOR: 'thread' });
beforeAll(async () => {
  standalone.writeDag(
    'days.ts',
    `import { DAG } from 'thence';
    const dag = new DAG('days', { schedule: '@daily', startDate: '2026-01-01' });
    const check = dag.task('check', ({ ds, conf }) => { console.log('looking at ' + ds); if (ds === conf.bad) throw new Error('a bad day'); return ds; });
    dag.task('wait', { inputs: { check } }, ({ conf }) => new Promise((done) => setTimeout(done, Number(conf.waitMs ?? 0))));`,
  );
  await standalone.start();
  await standalone.waitForDag('days');
});
afterAll(() => standalone.dispose());

const place = () => ({ cwd: standalone.folder, env: { THENCE_HOME: standalone.home } });
const thence = (...args: string[]) => runCli(args, place());
/** One that is looked at while it goes on. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [thenceCommand, ...args], {
    cwd: standalone.folder,
    env: { ...process.env, NODE_OPTIONS: '', THENCE_HOME: standalone.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise((resolve) => child.once('close', resolve));
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}
const range = (from: string, to: string) => ['backfill', 'create', '--dag-id', 'days', '--from-date', from, '--to-date', to];

test('the processes of standalone are alive, and share one database with the command line', async () => {
  for (const kind of ['scheduler', 'webserver', 'dag-processor']) {
    await eventually(async () => expect(await thence('jobs', 'check', '--job-type', kind)).toMatchObject({ exitCode: 0 }));
  }
});

test('a triggered run of an unpaused DAG is carried out', async () => {
  await thence('dags', 'unpause', 'days');
  const { exitCode, stderr } = await thence('dags', 'trigger', 'days', '-r', 'by-hand', '-l', '2026-02-01');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  await eventually(async () => expect((await thence('dags', 'state', 'days', 'by-hand')).stdout).toBe('success\n'));
  await thence('dags', 'pause', 'days');
});

test('tasks run has one task run again, shows what it waits for and its log, and leaves what is below as it is', async () => {
  const refused = await thence('tasks', 'run', 'days', 'check', 'by-hand');
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toContain('task "check" of run "by-hand" of DAG "days" is success; --force runs it again');

  const followed = start('tasks', 'run', 'days', 'check', '2026-02-01', '--force');
  await eventually(() => expect(followed.stderr()).toMatch(/it waits: The DAG is paused/));
  await thence('dags', 'unpause', 'days');
  expect(await followed.ended).toBe(0);
  await thence('dags', 'pause', 'days');
  expect(followed.stdout()).toContain('looking at 2026-02-01\n');
  expect(followed.stderr()).toContain('task "check" of run "by-hand" is success\n');
  const states = JSON.parse((await thence('tasks', 'states-for-dag-run', 'days', 'by-hand', '-o', 'json')).stdout);
  expect(states).toMatchObject([{ task_id: 'check', state: 'success', try_number: 2 }, { task_id: 'wait', state: 'success', try_number: 1 }]); // prettier-ignore
});

test('a backfill is waited for, also while its DAG is paused', async () => {
  const { exitCode, stdout, stderr } = await thence(...range('2025-01-01', '2025-01-10'), '--max-active-runs', '4');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^backfill \d+ of "days": 10 intervals\n/);
  expect(stdout).toMatch(/10\/10 done, 0 running, 0 failed\n/);
  expect(stdout).toMatch(/is complete after .*: 10 intervals, 10 successful\n$/);
  const { stdout: runs } = await thence(
    'dags',
    'list-runs',
    'days',
    '--state',
    'success',
    '-s',
    '2025-01-01',
    '-e',
    '2025-01-10',
    '-o',
    'json',
  );
  expect(JSON.parse(runs)).toHaveLength(10);
});

test('a failed run makes the exit code 1; reprocessing runs the failed one again and leaves the others', async () => {
  const failed = await thence(...range('2025-02-01', '2025-02-03'), '--dag-run-conf', '{"bad": "2025-02-02"}');
  expect(failed.exitCode).toBe(1);
  expect(failed.stdout).toMatch(/3 intervals, 2 successful, 1 failed\n$/);
  const again = await thence(...range('2025-02-01', '2025-02-03'), '--reprocess-behavior', 'failed', '--dry-run');
  expect(again.stderr).toContain('3 intervals, 0 to create, 1 to run again, 2 to leave as they are');
});

test('tasks run ends with 1 when the task fails again', async () => {
  const { stdout: listed } = await thence('dags', 'list-runs', 'days', '--state', 'failed', '-o', 'json');
  const [failed] = JSON.parse(listed) as { run_id: string }[];
  const { exitCode, stdout, stderr } = await thence('tasks', 'run', 'days', 'check', failed!.run_id);
  expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/looking at 2025-02-02[^]*a bad day/)]);
  expect(stderr).toMatch(/was failed and is to run now[^]* is failed\n$/);
});

test('Ctrl-C leaves the backfill to the scheduler', async () => {
  const followed = start(...range('2025-03-01', '2025-03-02'), '--dag-run-conf', '{"waitMs": 1500}', '--max-active-runs', '1');
  await eventually(() => expect(followed.stdout()).toContain('0/2 done'));
  followed.child.kill('SIGINT');
  expect(await followed.ended).toBe(130);
  const id = /detached: backfill (\d+) goes on/.exec(followed.stderr())?.[1];
  await eventually(async () => {
    const list = JSON.parse((await thence('backfill', 'list', '-o', 'json')).stdout) as { id: number; state: string; success: number }[];
    expect(list.find((backfill) => String(backfill.id) === id)).toMatchObject({ state: 'completed', success: 2 });
  }, 60_000);
});
