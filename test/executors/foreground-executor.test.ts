import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCli } from '../support/run-cli';
import { subjectOf } from '../../src/core/workload';
import { ForegroundExecutor } from '../../executors/foreground/foreground-executor';
import type { LogLine } from '../../src/logs/log-store';
import { startHarness } from './harness';
import type { Harness } from './harness';

let run: Harness;
let lines: { task: string; line: LogLine }[] = [];

beforeEach(async () => {
  lines = [];
  run = await startHarness(
    (home) => new ForegroundExecutor({ home, killGraceMs: 200, onLine: (line, work) => lines.push({ task: subjectOf(work), line }) }),
    1,
  );
});
afterEach(async () => run.stop());

// Under jest the fixture runs in another realm than this file, whose console is jest's: a stack comes as lines of stderr.
const shown = () =>
  lines.filter(({ line }) => !/^\s+at /.test(line.message)).map(({ task, line }) => `${task}: ${line.message.split('\n')[0]}`);

test('attempts run one after the other in this process, and their lines come as they are written', async () => {
  const tasks = [run.task('value'), run.task('speaks'), run.task('fails')];
  for (const task of tasks) run.begin(task);
  const outcomes = await Promise.all(tasks.map((task) => run.ended(task)));
  expect(outcomes.map(({ outcome }) => outcome.kind)).toEqual(['success', 'success', 'failed']);
  expect((JSON.parse((outcomes[0]!.outcome as { returnValue: string }).returnValue) as { pid: number }).pid).toBe(process.pid);
  expect(shown()).toEqual([
    'speaks: one { two: 2 }',
    'speaks: three',
    'speaks: four',
    'speaks: Error: six',
    'speaks: five',
    'fails: TypeError: it broke',
  ]);
  expect(run.log(tasks[1]!)).toEqual([]);
});

test('what shows a line may print itself: that is not the output of the task', async () => {
  const printed: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  const own = await startHarness(
    (home) => new ForegroundExecutor({ home, killGraceMs: 200, onLine: (line) => process.stdout.write(`> ${line.message}\n`) }),
    1,
  );
  await own.outcomeOf(own.task('speaks'));
  await own.stop();
  write.mockRestore();
  expect(printed.slice(0, 2)).toEqual(['> one { two: 2 }\n', '> three\n']);
});

test('a timeout and an uncaught exception end the attempt, and the next one runs', async () => {
  expect((await run.outcomeOf(run.task('waits', { executionTimeoutMs: 50 }))).outcome).toMatchObject({ kind: 'failed', reason: 'timeout' });
  expect((await run.outcomeOf(run.task('silent'))).outcome.kind).toBe('success');
});

test('the working directory and the environment are put back', async () => {
  // In a process of its own: user code sees the real process.env, where Jest gives tests a copy.
  const folder = mkdtempSync(path.join(os.tmpdir(), 'thence-foreground-'));
  writeFileSync(
    path.join(folder, 'leaves.js'),
    `const { DAG } = require('thence');
     const dag = new DAG('leaves');
     const begin = process.cwd();
     const first = dag.task('changes', () => { process.env.LEFT_BEHIND = 'yes'; process.env.HOME = '/nowhere'; process.chdir('/'); });
     first.then(dag.task('looks', () => console.log(JSON.stringify([process.env.LEFT_BEHIND ?? null, process.env.HOME, process.cwd() === begin]))));`,
  );
  const { stdout, exitCode } = await runCli(['dags', 'test', 'leaves', '--dags-folder', folder], { cwd: folder });
  rmSync(folder, { recursive: true });
  expect(stdout).toContain(JSON.stringify([null, process.env.HOME, true]));
  expect(exitCode).toBe(0);
});
