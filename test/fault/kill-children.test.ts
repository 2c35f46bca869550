import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Standalone } from '../support/standalone';
import { eventually } from '../support/eventually';

/** 3 chains for each executor. Each try says that it begins, and what it has done, in a file. */
const source = (journal: string) => `
import { appendFileSync } from 'node:fs';
import { DAG } from 'thence';
const dag = new DAG('many', { schedule: null, maxActiveTasks: 200, defaultArgs: { retries: 3, retryDelay: 50 } });
const note = (word: string, context: any) => appendFileSync(${JSON.stringify(journal)}, word + ' ' + context.ti.taskId + ' ' + context.tryNumber + '\\n');
for (const executor of ['thread', 'local']) for (let chain = 0; chain < 3; chain++) {
  let before: any = null;
  for (let i = 0; i < 20; i++) {
    const task = dag.task(executor + chain + '_' + i, { executor }, async (context) => {
      note('begin', context);
      await new Promise((resolve) => setTimeout(resolve, 80));
      note('done', context);
    });
    before?.then(task);
    before = task;
  }
}
`;

/** Of the processes of a home, by what stands in their command line or environment. */
function pidsOf(home: string, word: string): number[] {
  const read = (pid: number, name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return ''; // gone
    }
  };
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    const command = read(pid, 'cmdline');
    return command.includes(word) && (command + read(pid, 'environ')).includes(home);
  });
}

it('a kill -9 of a single process at a time is mended by the others: nothing is lost, begun twice as the same try, or left over', async () => {
  const standalone = new Standalone({ THENCE_EXECUTOR: 'thread,local', THENCE_PARALLELISM: '5' });
  try {
    const journal = path.join(standalone.folder, 'journal');
    standalone.writeDag('many.ts', source(journal));
    await standalone.start();
    await standalone.waitForDag('many');
    const runId = await standalone.trigger('many');
    const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []);
    const done = () => lines().filter((line) => line.startsWith('done')).length;
    const goesOn = async () => {
      const from = done();
      await eventually(() => {
        if (done() < from + 10) throw new Error(`${done()} are done, there were ${from} before\n${standalone.output.slice(-4000)}`);
      }, 30_000);
    };
    await goesOn();
    for (const word of [
      'main.js scheduler',
      'main.js webserver',
      'main.js dag-processor',
      'thread/host-main',
      'task-host-main',
      'bin/postgres',
    ]) {
      const pids = pidsOf(standalone.home, word);
      expect([word, pids.length > 0]).toEqual([word, true]);
      process.kill(pids[0]!, 'SIGKILL');
      await goesOn();
    }

    expect(await standalone.waitForRun('many', runId)).toBe('success');
    const begins = lines().filter((line) => line.startsWith('begin'));
    expect(begins.filter((line, at) => begins.indexOf(line) !== at)).toEqual([]);
    expect(
      new Set(
        lines()
          .filter((line) => line.startsWith('done'))
          .map((line) => line.split(' ')[1]),
      ).size,
    ).toBe(120);
    expect(await standalone.query(`SELECT id FROM attempt WHERE state <> 'ended'`)).toEqual([]);
    await standalone.stop();
    expect(pidsOf(standalone.home, '')).toEqual([]);
  } finally {
    await standalone.dispose();
  }
}, 180_000);

it('told to stop, it cuts off what runs after the grace time and runs it again at the next start, at no cost of a retry', async () => {
  const standalone = new Standalone({ THENCE_EXECUTOR: 'thread,local', THENCE_KILL_GRACE: '1000' });
  try {
    const journal = path.join(standalone.folder, 'journal');
    standalone.writeDag(
      'long.ts',
      `import { appendFileSync } from 'node:fs';
      import { DAG } from 'thence';
      const dag = new DAG('long', { schedule: null, defaultArgs: { retries: 0 } });
      for (const executor of ['thread', 'local']) dag.task(executor, { executor }, async ({ tryNumber }) => {
        appendFileSync(${JSON.stringify(journal)}, executor + tryNumber + '\\n');
        if (tryNumber === 1) await new Promise((resolve) => setTimeout(resolve, 600_000));
      });`,
    );
    await standalone.start();
    await standalone.waitForDag('long');
    const runId = await standalone.trigger('long');
    const begun = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n').toSorted() : []);
    await eventually(() => expect(begun()).toEqual(['local1', 'thread1']), 20_000);
    await standalone.stop();
    expect(pidsOf(standalone.home, '')).toEqual([]);

    await standalone.start();
    expect(await standalone.waitForRun('long', runId)).toBe('success');
    expect(begun()).toEqual(['local1', 'local2', 'thread1', 'thread2']);
    const attempts = await standalone.query('SELECT try_number, end_state, end_reason FROM attempt ORDER BY try_number');
    expect(attempts).toMatchObject([{ end_reason: 'lost' }, { end_reason: 'lost' }, { end_state: 'success' }, { end_state: 'success' }]);
    expect(await standalone.query('SELECT FROM task_instance WHERE retries_used > 0')).toEqual([]);
  } finally {
    await standalone.dispose();
  }
}, 120_000);
