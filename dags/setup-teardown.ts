// A setup prepares what the work needs; its teardown tidies up also when the work fails, and does not decide how the run ends.
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DAG } from 'thence';
import { z } from 'zod';

const dag = new DAG('setup_teardown', {
  description: 'A scratch folder that is removed whatever happens to the tasks that use it',
  schedule: null,
  params: z.object({ breakIt: z.boolean().default(false).describe('Make the work fail, to see that the folder goes all the same') }),
  tags: ['example'],
});

const folder = dag.task('make_folder', () => mkdtemp(path.join(os.tmpdir(), 'thence-scratch-'))).asSetup();

const write = dag.task('write', { inputs: { folder } }, async ({ inputs }) => {
  const file = path.join(inputs.folder, 'numbers.txt');
  await writeFile(file, '1\n2\n3\n');
  return file;
});

const sum = dag.task('sum', { inputs: { write } }, async ({ inputs, params }) => {
  if (params.breakIt) throw new Error('broken on purpose');
  const lines = (await readFile(inputs.write, 'utf8')).trim().split('\n');
  return lines.reduce((total, line) => total + Number(line), 0);
});

// After all the work: an edge from the last task, and one from the setup, which asTeardown adds.
const remove = dag.task('remove_folder', { inputs: { folder } }, async ({ inputs }) => {
  await rm(inputs.folder, { recursive: true });
  return access(inputs.folder).then(
    () => 'still there',
    () => 'gone',
  );
});
sum.then(remove.asTeardown({ setups: folder }));

// Follows the work, not the teardown.
dag.task('report', { inputs: { sum } }, ({ inputs }) => `the sum is ${inputs.sum}`);
