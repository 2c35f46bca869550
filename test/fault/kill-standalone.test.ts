import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Standalone } from '../support/standalone';
import { eventually } from '../support/eventually';

/** 10 chains of 20 tasks. Each try says that it begins, and what it has done, in a file: the world's view, outside the database. */
const source = (journal: string) => `
import { appendFileSync } from 'node:fs';
import { DAG } from 'thence';
const dag = new DAG('many', { schedule: null, maxActiveTasks: 200, defaultArgs: { retries: 0 } });
const note = (word: string, context: any) => appendFileSync(${JSON.stringify(journal)}, word + ' ' + context.ti.taskId + ' ' + context.tryNumber + '\\n');
for (let chain = 0; chain < 10; chain++) {
  let before: any = null;
  for (let i = 0; i < 20; i++) {
    const task = dag.task('t' + chain + '_' + i, async (context) => {
      note('begin', context);
      await new Promise((resolve) => setTimeout(resolve, 60));
      note('done', context);
    });
    before?.then(task);
    before = task;
  }
}
`;

describe.each(['local', 'thread'])('kill -9 of everything in the middle of 200 tasks, twice, with the %s executor', (executor) => {
  const standalone = new Standalone({ THENCE_EXECUTOR: executor, THENCE_PARALLELISM: '8' });
  afterAll(() => standalone.dispose());

  it('ends successfully by itself, begins each try at most once, does every task, leaks no slot', async () => {
    const journal = path.join(standalone.folder, 'journal');
    standalone.writeDag('many.ts', source(journal));
    await standalone.start();
    await standalone.waitForDag('many');
    const runId = await standalone.trigger('many');
    const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []);
    const doneAtLeast = (count: number) =>
      eventually(async () => {
        const done = lines().filter((line) => line.startsWith('done')).length;
        if (done < count) throw new Error(`${done} of ${count} are done\n${standalone.output.slice(-4000)}`);
      }, 60_000);

    for (const share of [40, 110]) {
      await doneAtLeast(share);
      await standalone.kill();
      appendFileSync(journal, 'killed\n');
      const before = lines().length;
      await standalone.start();
      await eventually(async () => {
        if (lines().length <= before) throw new Error('work has not gone on');
      }, 20_000);
    }

    expect(await standalone.waitForRun('many', runId, 120_000)).toBe('success');
    const begins = lines().filter((line) => line.startsWith('begin'));
    expect(begins.filter((line, at) => begins.indexOf(line) !== at)).toEqual([]);
    const done = new Set(
      lines()
        .filter((line) => line.startsWith('done'))
        .map((line) => line.split(' ')[1]),
    );
    expect(done.size).toBe(200);
    expect(await standalone.query(`SELECT id FROM attempt WHERE state <> 'ended'`)).toEqual([]);
  }, 240_000);
});
