import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

let cwd: string;
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'thence-check-')));
  mkdirSync(path.join(cwd, 'dags'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const write = (name: string, lines: string[]) => writeFileSync(path.join(cwd, 'dags', name), `${lines.join('\n')}\n`);
const check = (...args: string[]) => runCli(['dags', 'check', ...args], { cwd, env: { THENCE_HOME: path.join(cwd, '.thence') } });

const good = ["import { DAG } from 'thence';", "const dag = new DAG('good', {});", "dag.task('a', () => 1);"];

test('a folder without errors says what it holds, and leaves nothing behind', async () => {
  write('good.ts', good);
  write('plain.mjs', ["import { DAG } from 'thence';", "new DAG('plain', {}).task('a', () => 1);"]);
  expect(await check()).toMatchObject({ exitCode: 0, stdout: '2 files, 2 DAGs, no errors\n' });
  expect(readdirSync(cwd)).toEqual(['dags']);
});

test('a wrong type is named with file, line and column, and the lines around it', async () => {
  write('typed.ts', [
    ...good,
    "const orders = dag.task('orders', () => [1, 2]);",
    "dag.task('sum', { inputs: { orders } }, ({ inputs }) => inputs.orders.toUpperCase());",
  ]);
  const { exitCode, stdout } = await check();
  expect(exitCode).toBe(1);
  expect(stdout).toContain("dags/typed.ts:5:71: TS2339: Property 'toUpperCase' does not exist on type 'number[]'");
  expect(stdout).toContain("> 5 | dag.task('sum'");
  expect(stdout).toContain('1 file, 1 DAG, 1 error');
});

test('the text of another file is a string, for the compiler too', async () => {
  write('query.sql', ['select 1']);
  write('text.ts', [...good, "import sql from './query.sql';", "dag.task('t', () => sql.trim());", 'const n: number = sql;']);
  const { stdout } = await check();
  expect(stdout).toContain("dags/text.ts:6:7: TS2322: Type 'string' is not assignable to type 'number'");
  expect(stdout).toContain('1 file, 1 DAG, 1 error');
});

test('--no-types only loads', async () => {
  write('typed.ts', [...good, "const n: number = 'text';"]);
  expect(await check('--no-types')).toMatchObject({ exitCode: 0, stdout: '1 file, 1 DAG, no errors\n' });
});

test('a file that throws, and one with an unknown option, are import errors with their place', async () => {
  write('throws.js', ["const { DAG } = require('thence');", "new DAG('x', {});", "throw new Error('no such table');"]);
  write('option.js', ["const { DAG } = require('thence');", "new DAG('y', { shedule: '@daily' });"]);
  const { exitCode, stdout, stderr } = await check();
  expect(exitCode).toBe(1);
  expect(stdout).toContain('dags/throws.js:3:7: no such table');
  expect(stdout).toContain('> 3 | throw new Error');
  expect(stdout).toMatch(/dags\/option\.js:2:\d+: .*shedule.*did you mean `?"?schedule/);
  expect(stdout).toContain('2 files, 0 DAGs, 2 errors');
  expect(stderr).not.toMatch(/\n\s+at /);
});

test('one file may be checked alone, and one that is not there is a clear error', async () => {
  write('good.ts', good);
  write('broken.ts', ["import { DAG } from 'thence';", 'new DAG(']);
  expect(await check('dags/good.ts')).toMatchObject({ exitCode: 0, stdout: '1 file, 1 DAG, no errors\n' });
  expect(await check('dags/godo.ts')).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: `error: there is no file or folder ${cwd}/dags/godo.ts\n`,
  });
});

test('two files that make the same DAG', async () => {
  write('one.ts', good);
  write('two.ts', good);
  const { exitCode, stdout } = await check('--no-types');
  expect(exitCode).toBe(1);
  expect(stdout).toContain('dags/two.ts: DAG id "good" of two.ts is taken: one.ts made it first');
  expect(stdout).toContain('2 files, 1 DAG, 1 error');
});

test('a file that means to make a DAG and makes none is an error, a helper that others import is not', async () => {
  write('helper.ts', ["import { DAG } from 'thence';", 'export const make = (id: string) => new DAG(id);']);
  expect((await check('--no-types')).stdout).toContain("dags/helper.ts: helper.ts imports DAG from 'thence' and made no DAG");
  expect((await check('--no-types', 'dags/helper.ts')).exitCode).toBe(1);
  write('uses.ts', ["import { make } from './helper';", "make('one').task('a', () => 1);"]);
  expect(await check('--no-types')).toMatchObject({ exitCode: 0, stdout: '2 files, 1 DAG, no errors\n' });
  expect(await check('--no-types', 'dags/helper.ts')).toMatchObject({ exitCode: 0, stdout: '1 file, 0 DAGs, no errors\n' });
});

test('dags list --local lists what the files make, without a database', async () => {
  write('good.ts', ["import { DAG } from 'thence';", "new DAG('good', { schedule: '@daily', startDate: '2026-01-01', tags: ['x'] });"]);
  write('broken.ts', ['import { DAG } from', 'new DAG(']);
  const { exitCode, stdout, stderr } = await runCli(['dags', 'list', '--local', '-o', 'json'], { cwd });
  expect({ exitCode, rows: JSON.parse(stdout) as unknown, stderr }).toEqual({
    exitCode: 0,
    rows: [{ dag_id: 'good', fileloc: 'good.ts', owners: null, schedule: '0 0 * * *', tags: 'x' }],
    stderr: '1 file could not be loaded: "thence dags check" shows why\n',
  });
  expect(readdirSync(cwd)).toEqual(['dags']);
});

test('no DAGs folder is a clear error', async () => {
  rmSync(path.join(cwd, 'dags'), { recursive: true });
  expect(await check()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`${cwd}/dags does not exist`) as string });
});
