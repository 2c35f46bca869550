import path from 'node:path';
import { loadDagsFolder } from '../../src/dag-processor/load-dags-folder';
import { makeFolder } from './make-folder';

const limits = { dagFileTimeoutMs: 30_000, dagFileMemoryMb: 200 };
const dagFile = (id: string) => `import { DAG } from 'thence';\nnew DAG('${id}').task('t', () => 1);\n`;

test('gives the DAGs of all files with their code, and the errors of the others', async () => {
  const dagsFolder = makeFolder({
    'b.ts': dagFile('b'),
    'a/one.ts': dagFile('one') + dagFile('two').split('\n')[1]!,
    'broken.ts': `import { DAG } from 'thence';\nnew DAG('broken'`,
    'again.ts': dagFile('b'),
    'forgot.ts': `import { DAG } from 'thence';\nexport { DAG };`,
    'helper.ts': `export const x = 1;`,
  });
  const { files, specs, errors, root } = await loadDagsFolder({ dagsFolder, ...limits });
  expect(root).toBe(dagsFolder);
  expect(specs.map((spec) => spec.dagId)).toEqual(['one', 'two', 'b']);
  expect(files.map((file) => file.filePath)).toEqual(['a/one.ts', 'again.ts']);
  expect(files[0]!.bundle).toMatchObject({ format: 'cjs', hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  expect(errors.map((error) => error.filePath)).toEqual(['b.ts', 'broken.ts', 'forgot.ts']);
  expect(errors[0]!.message).toContain('DAG id "b" of b.ts is taken: again.ts made it first');
});

test('looking for one DAG loads only the files that name it, when one of them makes it', async () => {
  const dagsFolder = makeFolder({ 'a.ts': dagFile('wanted'), 'b.ts': `import { DAG } from 'thence';\nthrow new Error('not looked at');` });
  const { specs, errors } = await loadDagsFolder({ dagsFolder, ...limits }, { dagId: 'wanted' });
  expect(specs.map((spec) => spec.dagId)).toEqual(['wanted']);
  expect(errors).toEqual([]);
});

test('a DAG whose id stands in no file is found all the same', async () => {
  const dagsFolder = makeFolder({
    'a.ts': `import { DAG } from 'thence';\nfor (const n of [1, 2]) new DAG('made_' + n).task('t', () => 1);`,
  });
  const { specs } = await loadDagsFolder({ dagsFolder, ...limits }, { dagId: 'made_2' });
  expect(specs.map((spec) => spec.dagId)).toEqual(['made_1', 'made_2']);
});

test('a folder that does not exist is named, and how to name another', async () => {
  const dagsFolder = path.join(makeFolder(), 'nowhere');
  await expect(loadDagsFolder({ dagsFolder, ...limits })).rejects.toThrow(
    `The dags folder ${dagsFolder} does not exist: make it, or name another one with THENCE_DAGS_FOLDER`,
  );
});

test('a timetable of a DAG file that fails is a warning', async () => {
  const dagsFolder = makeFolder({
    'odd.ts': `import { DAG, Timetable } from 'thence';
class Odd extends Timetable { nextRun() { return { start: 2, end: 1 }; } manualInterval(at) { return { start: at, end: at }; } }
new DAG('odd', { schedule: new Odd() }).task('t', () => 1);`,
  });
  const { files, errors } = await loadDagsFolder({ dagsFolder, ...limits });
  expect(errors).toEqual([]);
  expect(files[0]!.warnings).toEqual([
    expect.stringMatching(
      /^No run is scheduled: nextRun of the timetable Odd answered an interval that ends before it starts: .*, of DAG "odd" \(odd\.ts\)$/,
    ),
  ]);
});
