import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

let cwd: string;
beforeAll(() => {
  cwd = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'thence-dags-test-')));
  mkdirSync(path.join(cwd, 'dags'));
  const file = (name: string, lines: string[]) => writeFileSync(path.join(cwd, 'dags', name), `${lines.join('\n')}\n`);
  file('mapped.ts', [
    "import { BashOperator, DAG, TaskGroup } from 'thence';",
    "const dag = new DAG('mapped');",
    "const list = dag.task('list', () => [1, 2, 3]);",
    "const none = dag.task('none', (): number[] => []);",
    "const square = dag.task('square', { expand: { n: list } }, ({ inputs }) => inputs.n * inputs.n);",
    "const sum = dag.task('sum', { inputs: { square } }, ({ inputs }) => { console.log('sum', inputs.square.reduce((a, b) => a + b, 0)); });",
    "const words = new BashOperator('words', { dag, expand: { command: ['echo a', 'echo b'] } });",
    "const group = new TaskGroup('each', { dag, expand: { n: list } });",
    "const half = group.task('half', ({ inputs }) => inputs.n / 2);",
    "const twice = group.task('twice', { inputs: { half } }, ({ inputs }) => { if (inputs.n === 2) throw new Error('two'); return inputs.half * 4; });",
    "dag.task('nothing', { expand: { n: none } }, () => 1);",
    "dag.task('report', { inputs: { all: group.all(twice) }, triggerRule: 'all_done' }, ({ inputs }) => console.log('report', JSON.stringify(inputs.all)));",
    'words.then(sum);',
  ]);
  file('waits.ts', [
    "import { BaseOperator, DAG, FunctionSensor, ShortCircuitOperator, TimeDeltaSensor, Trigger, TriggerEvent, type TaskContext } from 'thence';",
    "const dag = new DAG('waits', { schedule: null, startDate: '2026-01-01' });",
    'class Soon extends Trigger<{ word: string }> {',
    "  static kind = 'soon';",
    "  async *run({ log }) { log.info('looking'); await new Promise((resolve) => setTimeout(resolve, 20)); yield new TriggerEvent(`${this.args.word}!`); }",
    '}',
    'class Waits extends BaseOperator<string, { word: string }> {',
    "  execute(context: TaskContext) { return context.defer(new Soon({ word: this.options.word }), { resume: 'goOn' }); }",
    '  goOn(context: TaskContext, event: string) { context.log.info(`came ${event}`); return event; }',
    '}',
    'class Late extends BaseOperator<string> {',
    "  execute(context: TaskContext) { return context.defer({ kind: 'time', args: { at: Date.now() + 600_000 } }, { resume: 'goOn', timeout: 30 }); }",
    "  goOn() { return 'never'; }",
    '}',
    "const up = dag.task('up', () => 1).asSetup();",
    "const wait = new Waits('wait', { dag, word: 'now' });",
    'let looks = 0;',
    "const poke = new FunctionSensor('poke', { dag, run: () => ++looks > 1, pokeInterval: 10 });",
    "const reschedule = new FunctionSensor('reschedule', { dag, mode: 'reschedule', run: () => ++looks > 3, pokeInterval: 10 });",
    "const late = new Late('late', { dag });",
    "const delta = new TimeDeltaSensor('delta', { dag, delta: 20, deferrable: true });",
    "const check = new ShortCircuitOperator('check', { dag, run: () => false });",
    "const never = dag.task('never', () => 1);",
    "const down = dag.task('down', () => 1).asTeardown({ setups: up });",
    'up.then([wait, late, poke]).then(down);',
    'poke.then(reschedule).then(delta).then(check).then(never);',
  ]);
  file('runs.ts', [
    "import { DAG } from 'thence';",
    "const told = (what) => ({ ti, reason, exception }) => console.log(what, ti?.taskId ?? 'run', reason, exception?.message);",
    "const again = new DAG('again', { runRetries: 1, runRetryDelay: { hours: 1 }, onSuccess: told('success'), onFailure: told('failure') });",
    'let tries = 0;',
    "again.task('good', () => 1);",
    "again.task('bad', { onFailure: told('failure'), onSuccess: () => { throw new Error('out of order'); } }, () => { if (++tries === 1) throw new Error('not yet'); });",
    "const hangs = new DAG('hangs', { dagrunTimeout: 300 });",
    "hangs.task('hang', ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)));",
    "const fast = new DAG('fast', { failFast: true });",
    "fast.task('bad', { priorityWeight: 2 }, () => { throw new Error('bad'); });",
    "fast.task('other', () => 1);",
  ]);
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const thence = (...args: string[]) => runCli(args, { cwd, env: {} });
/** task id → state, from the table at the end */
const statesIn = (stdout: string) =>
  Object.fromEntries([...stdout.matchAll(/^│ (\S+) +│ (\S+) +│ \d+ +│/gm)].map(([, task, state]) => [task, state]));

test('dags test expands mapped tasks and groups, and gives each instance its element', async () => {
  const { exitCode, stdout } = await thence('dags', 'test', 'mapped', '-f', 'dags/mapped.ts');
  expect({ exitCode, states: statesIn(stdout) }).toEqual({
    exitCode: 0,
    states: {
      list: 'success',
      none: 'success',
      'square[0]': 'success',
      'square[1]': 'success',
      'square[2]': 'success',
      sum: 'success',
      'words[0]': 'success',
      'words[1]': 'success',
      'each.half[0]': 'success',
      'each.half[1]': 'success',
      'each.half[2]': 'success',
      'each.twice[0]': 'success',
      'each.twice[1]': 'failed',
      'each.twice[2]': 'success',
      nothing: 'skipped',
      report: 'success',
    },
  });
  expect(stdout).toMatch(/^sum +\| sum 14$/m);
  expect(stdout).toMatch(/^words\[1\] +\| b$/m);
  expect(stdout).toMatch(/^report +\| report \[2,6\]$/m);
});

test('dags test waits for what sensors and deferred tasks wait for, short circuits, and tears down', async () => {
  const { exitCode, stdout, stderr } = await thence('dags', 'test', 'waits', '-f', 'dags/waits.ts');
  expect({ exitCode, stderr, states: statesIn(stdout) }).toEqual({
    exitCode: 1,
    stderr: expect.stringContaining('run of "waits"') as string,
    states: {
      up: 'success',
      wait: 'success',
      late: 'failed',
      poke: 'success',
      reschedule: 'success',
      delta: 'success',
      check: 'success',
      never: 'skipped',
      down: 'success',
    },
  });
  expect(stdout).toMatch(/^wait +\| → deferred: waits for its trigger "soon"$/m);
  expect(stdout).toMatch(/^wait +\| looking$/m);
  expect(stdout).toMatch(/^wait +\| came now!$/m);
  expect(stdout).toMatch(/^late +\| ERROR DeferralTimeout: nothing came/m);
  expect(stdout).toMatch(/^never +\| → skipped \(short_circuit\)$/m);
});

test('tasks test runs all instances of a task that is mapped over literals, and says what else needs the whole DAG', async () => {
  const words = await thence('tasks', 'test', 'mapped', 'words');
  expect({ exitCode: words.exitCode, states: statesIn(words.stdout) }).toEqual({
    exitCode: 0,
    states: { 'words[0]': 'success', 'words[1]': 'success' },
  });
  const square = await thence('tasks', 'test', 'mapped', 'square');
  expect(square).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('task "square" is mapped over the output of "list"') as string,
  });
});

test('dags test starts a failed run again, calls back, stops one that takes too long, and one that is to fail fast', async () => {
  const again = await thence('dags', 'test', 'again', '-f', 'dags/runs.ts', '--no-retry-delay');
  expect({ exitCode: again.exitCode, states: statesIn(again.stdout) }).toEqual({
    exitCode: 0,
    states: { good: 'success', bad: 'success' },
  });
  expect(again.stdout).toMatch(/^bad +\| → try 2$/m);
  expect(again.stdout).toMatch(/^bad +\| failure bad executed not yet$/m);
  expect(again.stdout).toMatch(/^bad +\| ERROR .*out of order/m);
  expect(again.stdout).toMatch(/^again +\| success run/m);
  expect(again.stdout).not.toContain('failure run');
  expect(again.stdout).not.toMatch(/^good +\| → try 2$/m);

  const hangs = await thence('dags', 'test', 'hangs', '-f', 'dags/runs.ts');
  expect({ exitCode: hangs.exitCode, states: statesIn(hangs.stdout) }).toEqual({ exitCode: 1, states: { hang: 'failed' } });

  const fast = await thence('dags', 'test', 'fast', '-f', 'dags/runs.ts');
  expect({ exitCode: fast.exitCode, states: statesIn(fast.stdout) }).toEqual({ exitCode: 1, states: { bad: 'failed', other: 'skipped' } });
  expect(fast.stdout).toMatch(/^other +\| → skipped \(fail_fast\)$/m);
});
