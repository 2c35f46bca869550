import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Standalone } from '../support/standalone';
import { eventually } from '../support/eventually';

const LENGTH = 3_000;

/** A map over an output, its aggregation, and a callback of the run. All that is done is noted in a file, outside of the database. */
const source = (journal: string) => `
import { appendFileSync } from 'node:fs';
import { DAG } from 'thence';
const note = (line: string) => appendFileSync(${JSON.stringify(journal)}, line + '\\n');
const dag = new DAG('mapped', { schedule: null, maxActiveTasks: 64, onSuccess: ({ dagRun }) => note('called ' + dagRun.runId) });
const list = dag.task('list', () => Array.from({ length: ${LENGTH} }, (_, i) => i));
const each = dag.task('each', { expand: { n: list }, maxMapLength: ${LENGTH} }, ({ inputs, tryNumber }) => {
  note('begin ' + inputs.n + ' ' + tryNumber);
  return inputs.n;
});
dag.task('sum', { inputs: { each } }, ({ inputs }) => inputs.each.reduce((a, b) => a + b, 0));
`;

const standalone = new Standalone({ THENCE_EXECUTOR: 'thread', THENCE_PARALLELISM: '16' });
const journal = path.join(standalone.folder, 'journal');
afterAll(() => standalone.dispose());

it('a kill -9 of everything while a task is expanded, and again while its instances run, loses no instance and makes none twice', async () => {
  standalone.writeDag('mapped.ts', source(journal));
  await standalone.start();
  await standalone.waitForDag('mapped');
  const runId = await standalone.trigger('mapped');
  const lines = (word: string) =>
    (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []).filter((line) => line.startsWith(word));
  const instances = async () =>
    (await standalone.query<{ n: number }>('SELECT count(*)::int AS n FROM task_instance WHERE map_index >= 0'))[0]!.n;

  await eventually(async () => expect(await instances()).toBeGreaterThan(0), 60_000);
  await standalone.kill();
  await standalone.start();
  await eventually(() => expect(lines('begin').length).toBeGreaterThan(LENGTH / 3), 60_000);
  await standalone.kill();
  await standalone.start();

  expect(await standalone.waitForRun('mapped', runId, 120_000)).toBe('success');
  const begins = lines('begin');
  expect(begins.filter((line, at) => begins.indexOf(line) !== at)).toEqual([]);
  expect(new Set(begins.map((line) => line.split(' ')[1])).size).toBe(LENGTH);
  expect(await standalone.query(`SELECT value FROM xcom WHERE task_id = 'sum'`)).toEqual([{ value: String((LENGTH * (LENGTH - 1)) / 2) }]);
  expect(await standalone.query('SELECT length, success FROM task_tally')).toEqual([{ length: LENGTH, success: LENGTH }]);
  expect(await standalone.query(`SELECT id FROM attempt WHERE state <> 'ended'`)).toEqual([]);
  expect(await standalone.query('SELECT owner FROM expansion')).toEqual([]);
  await eventually(() => expect(lines('called')).toEqual([`called ${runId}`]), 30_000);
}, 240_000);
