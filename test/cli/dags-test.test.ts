import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageRoot, thenceCommand } from '../../src/config/package-root';
import { eventually } from '../support/eventually';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

let cwd: string;
beforeAll(() => {
  cwd = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'thence-dags-test-')));
  mkdirSync(path.join(cwd, 'dags'));
  write('sales.ts', [
    "import { BashOperator, BranchOperator, DAG, EmptyOperator, SkipError } from 'thence';",
    "const dag = new DAG('sales', { schedule: '@daily', startDate: '2026-01-01', timezone: 'Europe/Zurich',",
    "  params: { type: 'object', properties: { region: { type: 'string', enum: ['eu', 'us'], default: 'eu' } }, additionalProperties: false } });",
    "const orders = dag.task('orders', async ({ params, xcom }) => { console.log('region', params.region); await xcom.push('n', 3); return [1, 2]; });",
    "const total = dag.task('total', { inputs: { orders } }, async ({ inputs, log, xcom, variables, connections }) => {",
    "  log.warn(`n is ${await xcom.pull('orders', { key: 'n' })}, ${await variables.get('colour')}, ${(await connections.get('shop')).host}`);",
    '  return inputs.orders[0] + inputs.orders[1];',
    '});',
    "const pick = new BranchOperator('pick', { dag, inputs: { total }, run: ({ inputs }) => (inputs.total > 2 ? 'high' : 'low') });",
    "const high = new BashOperator('high', { dag, command: 'echo \"{{ ts }} {{ ti.xcom_pull(\\'total\\') }}\"' });",
    "const low = new EmptyOperator('low', { dag });",
    "const end = new EmptyOperator('end', { dag, triggerRule: 'none_failed_min_one_success' });",
    'pick.then([high, low]).then(end);',
    "dag.task('skipped', () => { throw new SkipError('nothing today'); });",
  ]);
  write('trouble.ts', [
    "import { DAG } from 'thence';",
    "const dag = new DAG('trouble', { defaultArgs: { retryDelay: { hours: 1 } } });",
    "const flaky = dag.task('flaky', { retries: 1 }, ({ tryNumber }) => { if (tryNumber === 1) throw new Error('not yet'); return tryNumber; });",
    "const broken = dag.task('broken', () => { throw new Error('out of order'); });",
    "const after = dag.task('after', () => 1);",
    'flaky.then(after); broken.then(after);',
    "const slow = new DAG('slow');",
    "slow.task('sleep', ({ log, signal }) => new Promise((resolve) => { log.info('asleep'); signal.addEventListener('abort', () => { log.info('woken'); resolve(1); }); setTimeout(resolve, 60_000); }));",
    "const late = new DAG('late');",
    "late.task('hang', { executionTimeout: 300 }, () => new Promise((resolve) => setTimeout(resolve, 60_000)));",
  ]);
  write('broken.ts', ["import { DAG } from 'thence';", "new DAG('never', { schedule: '@dayly', startDate: '2026-01-01' });"]);
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function write(name: string, lines: string[]): void {
  writeFileSync(path.join(cwd, 'dags', name), `${lines.join('\n')}\n`);
}
const env = { THENCE_VAR_COLOUR: 'green', THENCE_CONN_SHOP: 'http://shop.example:8080/', THENCE_KILL_GRACE: '500' };
const thence = (...args: string[]) => runCli(args, { cwd, env });
/** task id → state, from the table at the end */
const statesIn = (stdout: string) =>
  Object.fromEntries([...stdout.matchAll(/^│ (\S+) +│ (\S+) +│ \d+ +│/gm)].map(([, task, state]) => [task, state]));

describe('dags test', () => {
  test('runs one DagRun with the real engine, prints logs as they come, and leaves nothing behind', async () => {
    const { exitCode, stdout, stderr } = await thence('dags', 'test', 'sales', '2026-03-29');
    expect({ exitCode, states: statesIn(stdout) }).toEqual({
      exitCode: 0,
      states: { orders: 'success', total: 'success', pick: 'success', high: 'success', low: 'skipped', end: 'success', skipped: 'skipped' },
    });
    expect(stdout).toMatch(/^orders +\| region eu$/m);
    expect(stdout).toMatch(/^total +\| WARN n is 3, green, shop.example$/m);
    expect(stdout).toMatch(/^high +\| 2026-03-28T23:00:00\+00:00 3$/m); // midnight in Zurich
    expect(stdout).toMatch(/^low +\| → skipped \(branch\)$/m);
    expect(stderr).toMatch(/run of "sales" for 2026-03-28T23:00:00Z: success after /);
    expect(existsSync(path.join(cwd, '.thence'))).toBe(false);
  });

  test('a day alone means the run that the schedule has for that day in the timezone of the DAG, else midnight', async () => {
    write('morning.ts', [
      "import { DAG } from 'thence';",
      "const morning = new DAG('morning', { schedule: '0 6 * * 1-5', startDate: '2026-01-01', timezone: 'Europe/Zurich' });",
      "morning.task('dates', ({ ts, dataIntervalEnd }) => { console.log('for', ts, dataIntervalEnd.toISO()); });",
    ]);
    const onThursday = await thence('dags', 'test', 'morning', '2026-01-08', '-f', 'dags/morning.ts');
    expect(onThursday.stdout).toContain('for 2026-01-08T05:00:00+00:00 2026-01-09T05:00:00.000Z');
    const onSunday = await thence('dags', 'test', 'morning', '2026-01-11', '-f', 'dags/morning.ts');
    expect(onSunday.stdout).toContain('for 2026-01-10T23:00:00+00:00');
  });

  test('a task that calls process.exit fails, and the run goes on without it', async () => {
    write('exits.ts', [
      "import { DAG } from 'thence';",
      "const exits = new DAG('exits');",
      "exits.task('quits', () => process.exit(0));",
      "exits.task('other', () => 1);",
    ]);
    const { exitCode, stdout } = await thence('dags', 'test', 'exits', '-f', 'dags/exits.ts');
    expect({ exitCode, states: statesIn(stdout) }).toEqual({ exitCode: 1, states: { quits: 'failed', other: 'success' } });
    expect(stdout).toMatch(/^quits +\| ERROR Error: The task ended its process with exit code 0: something called process\.exit\(\)/m);
  });

  test('conf overrides params, and what does not fit them is refused', async () => {
    expect((await thence('dags', 'test', 'sales', '--conf', '{"region": "us"}')).stdout).toMatch(/^orders +\| region us$/m);
    const { exitCode, stderr, stdout } = await thence('dags', 'test', 'sales', '-c', '{"region": "mars"}');
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('region must be one of "eu", "us", given "mars"');
  });

  test('a failed run ends with exit code 1; retries happen at once where that is asked for', async () => {
    const { exitCode, stdout, stderr } = await thence('dags', 'test', 'trouble', '-f', 'dags/trouble.ts', '--no-retry-delay');
    expect({ exitCode, states: statesIn(stdout) }).toEqual({
      exitCode: 1,
      states: { flaky: 'success', broken: 'failed', after: 'upstream_failed' },
    });
    expect(stdout).toMatch(/flaky +\| → try 2$/m);
    expect(stdout).toMatch(/broken +\| ERROR Error: out of order/);
    expect(stderr).toMatch(/run of "trouble" for .*: failed after /);
  });

  test('a task past its executionTimeout fails', async () => {
    const { exitCode, stdout } = await thence('dags', 'test', 'late');
    expect({ exitCode, states: statesIn(stdout) }).toEqual({ exitCode: 1, states: { hang: 'failed' } });
  });

  test('Ctrl-C stops what runs, shows how far it came, and ends with 130', async () => {
    const child = spawn(process.execPath, [thenceCommand, 'dags', 'test', 'slow'], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await eventually(() => expect(stdout).toContain('asleep'));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(stdout).toContain('woken');
    expect(Object.keys(statesIn(stdout))).toEqual(['sleep']);
  });

  test('an unknown DAG id has close ones named; a file that fails to load is shown', async () => {
    expect(await thence('dags', 'test', 'salse')).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining('did you mean "sales"?') as string,
    });
    const { exitCode, stderr } = await thence('dags', 'test', 'never');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/error: broken\.ts:2:\d+: .*@dayly/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('tasks test', () => {
  test('runs one task alone, without what stands before it', async () => {
    const { exitCode, stdout } = await thence('tasks', 'test', 'sales', 'orders', '2026-03-29', '--task-params', '{"region": "us"}');
    expect({ exitCode, states: statesIn(stdout) }).toEqual({ exitCode: 0, states: { orders: 'success' } });
    expect(stdout).toContain('region us');
  });

  test('tries once, and ends with 1 when it fails', async () => {
    const { exitCode, stdout } = await thence('tasks', 'test', 'trouble', 'flaky');
    expect({ exitCode, states: statesIn(stdout) }).toEqual({ exitCode: 1, states: { flaky: 'failed' } });
  });

  test('an unknown task has close ones named', async () => {
    expect(await thence('tasks', 'test', 'sales', 'order')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('has no task "order"; did you mean "orders"?') as string,
    });
  });
});

describe('tasks render', () => {
  const render = (...args: string[]) => thence('tasks', 'render', ...args);

  test('fills in the templates for a date, params and what other tasks returned, masks secrets, and runs nothing', async () => {
    write('rendered.ts', [
      "import { BashOperator, DAG } from 'thence';",
      "console.log('loading');",
      "const dag = new DAG('rendered', { schedule: '@daily', startDate: '2026-01-01',",
      "  params: { type: 'object', properties: { region: { type: 'string', default: 'eu' } } } });",
      "const first = dag.task('first', () => [1]);",
      "const mapped = dag.task('mapped', { expand: { n: [1, 2] } }, ({ inputs }) => inputs.n);",
      "const show = new BashOperator('show', { dag, command: 'touch ran # {{ ds }} {{ params.region }} {{ conn.shop.host }}',",
      '  env: { API_TOKEN: \'hush\', GOT: \'{{ ti.xcom_pull("first") }} {{ ti.xcom_pull("mapped") }}\' } });',
      "const each = new BashOperator('each', { dag, expand: { command: ['echo {{ ds }}', 'echo {{ map_index }}'] } });",
      'first.then(show); mapped.then(show);',
    ]);
    const { exitCode, stdout, stderr } = await render(
      ...['rendered', 'show', '2026-01-31', '-t', '{"region": "us"}', '--outputs', '{"first": 5, "mapped": [7, 8]}', '-o', 'json'],
    );
    expect({ exitCode, stderr, rendered: JSON.parse(stdout) as unknown }).toEqual({
      exitCode: 0,
      stderr: 'loading\n',
      rendered: { command: 'touch ran # 2026-01-31 us shop.example', env: { API_TOKEN: '***', GOT: '5 7,8' } },
    });
    expect(existsSync(path.join(cwd, 'ran'))).toBe(false);
    expect((await render('rendered', 'show', '2026-01-31')).stderr).toContain('there is no XCom "return_value" of first');
  });

  test('takes the first instance of a mapped task unless another is named', async () => {
    expect((await render('rendered', 'each', '2026-01-31')).stdout).toBe('# command\necho 2026-01-31\n');
    expect((await render('rendered', 'each', '--map-index', '1')).stdout).toBe('# command\necho 1\n');
  });

  test.each([
    [['each', '--map-index', '2'], 'task "each" has the instances 0 to 1, and not 2'],
    [['show', '--map-index', '0'], 'task "show" is not mapped'],
    [['show', '--outputs', '{"mapped": 1}'], 'task "mapped" is mapped: its output is given as a list'],
    [['show', '--outputs', '{"other": 1}'], 'has no task "other"'],
    [['shown'], 'did you mean "show"?'],
  ])('%j is refused', async (args, words) => {
    expect(await render('rendered', ...args)).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining(words) as string });
  });
});

test('the DAG of a new project runs', async () => {
  await thence('init', 'fresh');
  const fresh = path.join(cwd, 'fresh');
  const { exitCode, stdout } = await runCli(['dags', 'test', 'hello', '2026-01-01', '--conf', '{"name": "Ada"}'], { cwd: fresh });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('Hello, Ada!');
  expect(stdout).toContain('greeted on 2026-01-01');
  expect(await runCli(['dags', 'check'], { cwd: fresh })).toMatchObject({
    exitCode: 0,
    stdout: '1 file, 1 DAG, no errors\n',
    stderr: expect.stringContaining('TypeScript is not installed in this project') as string,
  });
  expect(JSON.parse(readFileSync(path.join(fresh, 'package.json'), 'utf8'))).toMatchObject({
    dependencies: { thence: `file:${packageRoot}` },
  });
});
