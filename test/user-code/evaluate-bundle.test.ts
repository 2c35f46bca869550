import type { BundleCode } from '../../src/core/workload';
import { openRegistry } from '../../src/dag/registry';
import { bundleFile, withFiles } from '../../src/dag-processor/bundle-file';
import { makeFolder } from '../dag-processor/make-folder';
import { BundleCache, evaluateBundle } from '../../src/user-code/evaluate-bundle';

async function bundleOf(root: string, filePath: string): Promise<BundleCode> {
  const outcome = await bundleFile(root, filePath);
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.built.bundle;
}

async function evaluate(files: { readonly [name: string]: string }, filePath = 'etl.ts') {
  const dagsFolder = makeFolder(files);
  return evaluateBundle(await bundleOf(dagsFolder, filePath), { filePath, dagsFolder });
}

afterEach(() => openRegistry());

test('every DAG that the file makes is found, without exports', async () => {
  const dags = await evaluate({
    'etl.ts': `import { DAG } from 'thence';\nfor (const id of ['a', 'b']) new DAG(id).task('t', () => 1);`,
  });
  expect(dags.map((dag) => dag.id)).toEqual(['a', 'b']);
});

test('a file with top-level await loads, wherever its packages come from', async () => {
  const dags = await evaluate(
    {
      'etl.mts': `import { DAG } from 'thence';\nimport { DateTime } from 'luxon';\nconst year = await Promise.resolve(DateTime.utc(2026).year);\nnew DAG('year_' + year);`,
    },
    'etl.mts',
  );
  expect(dags.map((dag) => dag.id)).toEqual(['year_2026']);
});

test('zod is there in a folder that has no package of its own', async () => {
  const dags = await evaluate({
    'etl.ts': `import { DAG } from 'thence';\nimport { z } from 'zod';\nnew DAG('etl', { params: z.object({ region: z.string().default('eu') }) });`,
  });
  expect(dags).toHaveLength(1);
});

test('__dirname and import.meta.url are those of each source file', async () => {
  const dagsFolder = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nimport { here, there } from './lib/where';\nnew DAG('etl', { description: [__dirname, here, there].join(' ') });`,
    'lib/where.ts': `export const here = __dirname;\nexport const there = import.meta.url;`,
  });
  const [dag] = await evaluateBundle(await bundleOf(dagsFolder, 'etl.ts'), { filePath: 'etl.ts', dagsFolder });
  expect(dag!.options.description).toBe(`${dagsFolder} ${dagsFolder}/lib file://${dagsFolder}/lib/where.ts`);
});

test('text and JSON files are imported with the code', async () => {
  const [dag] = await evaluate({
    'etl.ts': `import { DAG } from 'thence';\nimport query from './q.sql';\nimport table from './t.json';\nnew DAG('etl', { description: query + table.name });`,
    'q.sql': 'select ',
    't.json': '{ "name": "orders" }',
  });
  expect(dag!.options.description).toBe('select orders');
});

test('the default export of a package that is an ES module arrives in a module file', async () => {
  const [dag] = await evaluate(
    {
      'etl.mts': `import { DAG } from 'thence';\nimport shout, { calm } from 'only-import';\nnew DAG(shout('etl') + calm);`,
      'node_modules/only-import/package.json':
        '{ "name": "only-import", "type": "module", "exports": { ".": { "import": "./index.js" } } }',
      'node_modules/only-import/index.js': `export default (text) => text.toUpperCase();\nexport const calm = '_calm';`,
    },
    'etl.mts',
  );
  expect(dag!.id).toBe('ETL_calm');
});

test('a DAG made by an async function that nobody awaits is still found in its first turn', async () => {
  const dags = await evaluate({ 'etl.ts': `import { DAG } from 'thence';\nvoid (async () => { await null; new DAG('soon'); })();` });
  expect(dags.map((dag) => dag.id)).toEqual(['soon']);
});

describe('the cache of a runner', () => {
  test('evaluates a bundle once, and again after newer ones have pushed it out', async () => {
    const dagsFolder = makeFolder({
      'a.ts': `import { DAG } from 'thence';\nnew DAG('a');`,
      'b.ts': `import { DAG } from 'thence';\nnew DAG('b');`,
    });
    const cache = new BundleCache(1);
    const fetched: string[] = [];
    const get = async (filePath: string) => {
      const bundle = await bundleOf(dagsFolder, filePath);
      return cache.get(bundle.hash, { filePath, dagsFolder }, async () => {
        fetched.push(filePath);
        return bundle;
      });
    };
    const first = await get('a.ts');
    expect(await get('a.ts')).toBe(first);
    await get('b.ts');
    await get('a.ts');
    expect(fetched).toEqual(['a.ts', 'b.ts', 'a.ts']);
  });
});

test('on a host without a dags folder, files that travel with the code lie where each source file expects them', async () => {
  const dagsFolder = makeFolder({
    'team/etl.ts': `import { readFileSync } from 'node:fs';\nimport { DAG } from 'thence';\nimport { query } from './lib/query';\nnew DAG('etl', { description: readFileSync(__dirname + '/sql/a.sql', 'utf8') + query });`,
    'team/lib/query.ts': `import { readFileSync } from 'node:fs';\nimport path from 'node:path';\nexport const query = readFileSync(path.join(__dirname, '../sql/b.sql'), 'utf8');`,
    'team/sql/a.sql': 'A',
    'team/sql/b.sql': 'B',
  });
  const bundle = withFiles(await bundleOf(dagsFolder, 'team/etl.ts'), { 'team/sql/a.sql': 'stored a, ', 'team/sql/b.sql': 'stored b' });
  const place = { filePath: 'team/etl.ts', dagsFolder: null };
  for (const round of [1, 2]) {
    const [dag] = await evaluateBundle(bundle, place);
    expect([round, dag!.options.description]).toEqual([round, 'stored a, stored b']);
  }
});
