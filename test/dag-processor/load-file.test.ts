import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { loadFile } from '../../src/dag-processor/load-file';
import { LoadHosts } from '../../src/user-code/load-hosts';
import { makeFolder, type FolderContent } from './make-folder';

const hosts = new LoadHosts({ dagFileTimeoutMs: 30_000, dagFileMemoryMb: 150 });
const impatient = new LoadHosts({ dagFileTimeoutMs: 1_000, dagFileMemoryMb: 150 });
afterAll(() => {
  hosts.stop();
  impatient.stop();
});

const load = (files: FolderContent, filePath = 'etl.ts') => loadFile(makeFolder(files), filePath, hosts);
const DAG = `import { DAG } from 'thence';\n`;

test('a file gives the specs of its DAGs, and what they depend on', async () => {
  const root = makeFolder({
    'etl.ts': `${DAG}import { readFileSync } from 'node:fs';\nimport { id } from './lib/id';\nnew DAG(id + readFileSync(__dirname + '/list.yaml'));`,
    'lib/id.ts': `export const id = 'etl_';`,
    'list.yaml': 'one',
  });
  const loaded = await loadFile(root, 'etl.ts', hosts);
  expect(loaded.dags!.map((dag) => dag.spec.dagId)).toEqual(['etl_one']);
  expect(loaded.inputs.map((file) => path.relative(root, file)).sort()).toEqual(['etl.ts', 'lib/id.ts', 'list.yaml']);
  expect(Object.keys(loaded.sources)).toEqual(['etl.ts', 'lib/id.ts']);
});

test('what a file prints while it loads is kept', async () => {
  const loaded = await load({ 'etl.ts': `${DAG}console.log('out'); console.error('err');\nnew DAG('etl');` });
  expect(loaded.output).toContain('out\n');
  expect(loaded.output).toContain('err\n');
});

test('a file sees none of the variables of thence', async () => {
  process.env['THENCE_SECRET_KEY'] = 'very secret key for the test';
  try {
    const own = new LoadHosts({ dagFileTimeoutMs: 5_000, dagFileMemoryMb: 200 });
    const text = `${DAG}new DAG('etl', { description: JSON.stringify(process.env) });`;
    const loaded = await loadFile(makeFolder({ 'etl.ts': text }), 'etl.ts', own);
    own.stop();
    expect(loaded.dags![0]!.spec.description).toContain('PATH');
    expect(loaded.dags![0]!.spec.description).not.toContain('THENCE_');
  } finally {
    delete process.env['THENCE_SECRET_KEY'];
  }
});

test('what one file does to the environment does not reach the next', async () => {
  await load({ 'etl.ts': `${DAG}process.env.LEFT = 'x'; process.chdir('/');\nnew DAG('etl');` });
  const loaded = await load({ 'etl.ts': `${DAG}new DAG('etl', { description: process.env.LEFT + ' ' + process.cwd() });` });
  expect(loaded.dags![0]!.spec.description).toBe(`undefined ${process.cwd()}`);
});

describe('a file that fails says what, where, and shows the lines', () => {
  test('syntax error in a helper', async () => {
    const { error } = await load({
      'etl.ts': `${DAG}import './lib/broken';\nnew DAG('etl');`,
      'lib/broken.ts': `const fine = 1;\nconst = 2;\n`,
    });
    expect(error).toMatchObject({ filePath: 'etl.ts', file: 'lib/broken.ts', line: 2, column: 7 });
    expect(error!.frame).toContain('> 2 | const = 2;');
  });

  test('an error thrown by a helper, with the line of the source', async () => {
    const { error } = await load({
      'etl.ts': `${DAG}import { check } from './lib/check';\ncheck();\nnew DAG('etl');`,
      'lib/check.ts': `interface Gone {\n  a: string;\n}\nexport function check() {\n  throw new TypeError('no luck');\n}`,
    });
    expect(error).toMatchObject({ message: 'TypeError: no luck', file: 'lib/check.ts', line: 5, column: 9 });
    expect(error!.stackTrace).toMatch(/etl\.ts:3:1/);
  });

  test('a wrong option, at the line that gave it', async () => {
    const { error } = await load({ 'etl.ts': `${DAG}\nnew DAG('etl', { schedul: '@daily' });` });
    expect(error).toMatchObject({ file: 'etl.ts', line: 3 });
    expect(error!.message).toMatch(/`schedul`.*did you mean .schedule./);
  });

  test('a promise that nobody awaits and that rejects', async () => {
    const { error } = await load({ 'etl.ts': `${DAG}new DAG('etl');\nvoid (async () => { throw new Error('too late?'); })();` });
    expect(error).toMatchObject({ message: 'too late?', line: 3 });
  });

  test('a package that is nowhere', async () => {
    const { error } = await load({ 'etl.ts': `${DAG}import x from 'no-such-package/x';\nnew DAG('etl' + x);` });
    expect(error!.message).toMatch(/Cannot find the package "no-such-package\/x".*npm install no-such-package/s);
    expect(error).toMatchObject({ file: 'etl.ts', line: 2 });
  });

  test('a test that lies among the DAG files', async () => {
    const { error } = await load({
      'etl.ts': `${DAG}import { runDag } from 'thence/testing';\ntest('x', () => runDag(new DAG('etl')));`,
    });
    expect(error!.message).toMatch(/"thence\/testing" is for tests.*\.thenceignore there \(such as \*\.test\.ts\)/);
    expect(error).toMatchObject({ file: 'etl.ts', line: 2 });
  });

  test('an import of a file that cannot be imported', async () => {
    const { error } = await load({ 'etl.ts': `${DAG}import x from './x.yaml';\nnew DAG(x);`, 'x.yaml': 'a: 1' });
    expect(error!.message).toMatch(/^x\.yaml cannot be imported: code, \.json, \.sql/);
    expect(error).toMatchObject({ line: 2 });
  });

  test('a local import whose path is computed', async () => {
    const { error } = await load({
      'etl.ts': `${DAG}const name = './lib/x';\nnew DAG(require(name).id);`,
      'lib/x.ts': `export const id = 'x';`,
    });
    expect(error!.message).toContain('"./lib/x" is not part of the code of etl.ts: an import whose path is computed is not bundled');
    expect(error).toMatchObject({ line: 3 });
  });

  test('a circular import that breaks something', async () => {
    const { error } = await load({
      'etl.ts': `${DAG}import { a } from './lib/a';\nnew DAG('etl', { description: String(a) });`,
      'lib/a.ts': `import { Base } from './b';\nexport class a extends Base {}`,
      'lib/b.ts': `import { a } from './a';\nexport class Base {}\nexport const first = new a();`,
    });
    expect(error!.message).toContain('lib/b.ts is part of a circular import (lib/b.ts → lib/a.ts → lib/b.ts)');
  });
});

test('a circular import that breaks nothing is no error', async () => {
  const loaded = await load({
    'etl.ts': `${DAG}import { a } from './lib/a';\nnew DAG(a());`,
    'lib/a.ts': `import { b } from './b';\nexport const a = (): string => b();`,
    'lib/b.ts': `import { a } from './a';\nexport const b = (): string => typeof a;`,
  });
  expect(loaded.dags!.map((dag) => dag.spec.dagId)).toEqual(['function']);
});

describe('a file harms only itself', () => {
  test.each([
    ['process.exit', `process.exit(3);`, /etl\.ts called process\.exit\(3\) while it loaded/],
    ['2 GB of Buffers', `const all = []; for (let i = 0; i < 200; i++) all.push(Buffer.alloc(1e7, 1));`, /used more than 150 MB/],
    ['a heap without end', `const all = []; for (;;) all.push(new Array(1000).fill({}));`, /used more than 150 MB/],
    ['a native abort', `process.abort();`, /ended its process while it loaded \(SIGABRT\)/],
    ['a kill', `process.kill(process.pid, 'SIGKILL');`, /ended its process while it loaded \(SIGKILL\)/],
  ])('%s', async (_name, code, message) => {
    const { error, dags } = await load({ 'etl.ts': `${DAG}${code}` });
    expect(dags).toBeNull();
    expect(error!.message).toMatch(message);
    const next = await load({ 'etl.ts': `${DAG}new DAG('fine');` });
    expect(next.dags).toHaveLength(1);
  });

  test.each([
    ['an endless loop', 'etl.ts', `while (true);`],
    ['a top-level await that never ends', 'etl.mts', `await new Promise(() => {});`],
  ])('%s', async (_name, filePath, code) => {
    const { error } = await loadFile(makeFolder({ [filePath]: `${DAG}${code}` }), filePath, impatient);
    expect(error!.message).toContain(`${filePath} did not finish loading within 1 s (THENCE_DAG_FILE_TIMEOUT)`);
  });
});

test('a timer that is left over is a warning', async () => {
  const loaded = await load({ 'etl.ts': `${DAG}new DAG('etl').task('t', () => 1);\nsetInterval(() => undefined, 1000);` });
  expect(loaded.dags![0]!.warnings).toEqual([expect.stringContaining('etl.ts left 1 timer behind')]);
});

test('a helper that has nothing to do with DAGs is not run', async () => {
  const loaded = await load({ 'sums.ts': `import fs from 'node:fs';\nprocess.exit(1);\nexport { fs };` }, 'sums.ts');
  expect(loaded).toMatchObject({ dags: null, error: null });
});

test('template files travel with the code and count in its hash', async () => {
  const files = {
    'sql/etl.ts': `${DAG}import { BashOperator } from 'thence';\nnew BashOperator('run', { dag: new DAG('etl'), command: 'run.sh' });`,
    'sql/run.sh': 'echo {{ ds }}',
  };
  const root = makeFolder(files);
  const first = await loadFile(root, 'sql/etl.ts', hosts);
  expect(first.bundle!.files).toEqual({ 'sql/run.sh': 'echo {{ ds }}' });
  expect(first.inputs).toContain(path.join(root, 'sql/run.sh'));
  writeFileSync(path.join(root, 'sql/run.sh'), 'echo {{ ts }}');
  const second = await loadFile(root, 'sql/etl.ts', hosts);
  expect(second.bundle!.hash).not.toBe(first.bundle!.hash);
});

test.each(['flows/etl.ts', 'flows/etl.mts'])(
  '%s has the same hash in two folders, and no path of the machine in its code',
  async (filePath) => {
    const files = {
      'flows/etl.mts': `${DAG}import { where } from '../lib/where';\nimport { z } from 'zod';\nawait null;\nnew DAG('etl', { description: typeof z + where });`,
      'flows/etl.ts': `${DAG}import { where } from '../lib/where';\nimport q from '../q.sql';\nnew DAG('etl', { description: q + where.length });`,
      'lib/where.ts': `export const where = __dirname + import.meta.url;`,
      'q.sql': 'select 1',
    };
    const roots = [makeFolder(files), makeFolder(files)];
    const [one, two] = await Promise.all(roots.map((root) => loadFile(root, filePath, hosts)));
    expect(one!.bundle!.hash).toBe(two!.bundle!.hash);
    const map = Buffer.from(/base64,(.*)/.exec(one!.bundle!.code)![1]!, 'base64').toString();
    for (const text of [one!.bundle!.code, map]) expect(text).not.toContain(path.basename(roots[0]!));
  },
);

test('source code of the same workspace is bundled, packages are not', async () => {
  const root = makeFolder({
    'dags/etl.ts': `${DAG}import { shared } from 'shared';\nnew DAG(shared);`,
    'packages/shared/package.json': '{ "name": "shared", "main": "index.ts" }',
    'packages/shared/index.ts': `export const shared: string = 'from_workspace';`,
    'node_modules/shared': { link: '../packages/shared' },
  });
  const loaded = await loadFile(path.join(root, 'dags'), 'etl.ts', hosts);
  expect(loaded.dags![0]!.spec.dagId).toBe('from_workspace');
  expect(Object.keys(loaded.sources)).toEqual(['etl.ts', '../packages/shared/index.ts']);
});
