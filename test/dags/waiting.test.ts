import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { Standalone } from '../support/standalone';
import { expectedRuns } from './expected';

const standalone = new Standalone({ THENCE_EXECUTOR: 'thread' });
afterAll(() => standalone.dispose());

test('the example that waits without a process is carried out by a real scheduler and triggerer', async () => {
  const expected = expectedRuns.find(({ dagId }) => dagId === 'waiting')!;
  copyFileSync(path.join(packageRoot, 'dags', expected.file), path.join(standalone.dagsFolder, expected.file));
  await standalone.start();
  await standalone.waitForDag('waiting');
  const runId = await standalone.trigger('waiting', { logical_date: `${expected.logicalDate}T00:00:00Z` });
  expect(await standalone.waitForRun('waiting', runId)).toBe(expected.state);

  const tasks = await standalone.query<{ task_id: string; state: string; pieces: number }>(
    `SELECT t.task_id, t.state, (SELECT max(a.piece) + 1 FROM attempt a WHERE a.ti = t.pk) AS pieces
     FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE r.run_id = $1`,
    [runId],
  );
  expect(Object.fromEntries(tasks.map(({ task_id: id, state }) => [id, state]))).toEqual(expected.tasks);
  // One piece up to the wait, one after it: nothing ran in between.
  const pieces = Object.fromEntries(tasks.map((task) => [task.task_id, task.pieces]));
  expect(pieces).toMatchObject({ trigger: 1, file_of_child: 2, work_of_child: 2, whole_run: 2 });

  const children = await standalone.query(`SELECT run_id, triggering_user, state FROM dag_run WHERE dag_id = 'waiting_child' ORDER BY pk`);
  expect(children).toEqual([
    { run_id: `for__${runId}`, triggering_user: 'waiting.trigger', state: 'success' },
    { run_id: expect.stringMatching(/^manual__/) as string, triggering_user: 'waiting.whole_run', state: 'success' },
  ]);
});
