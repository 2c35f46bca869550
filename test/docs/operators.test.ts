import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as thence from 'thence';
import { packageRoot } from '../../src/config/package-root';
import { loadDagsFolder } from '../../src/dag-processor/load-dags-folder';
import { makeFolder } from '../dag-processor/make-folder';

const text = readFileSync(path.join(packageRoot, 'docs/operators.md'), 'utf8');

test('each block of code in docs/operators.md is a DAG file that loads', async () => {
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!);
  expect(blocks).toHaveLength(3);
  const root = makeFolder(Object.fromEntries(blocks.map((block, i) => [`block_${i}.ts`, block])));
  const { files, errors } = await loadDagsFolder({ dagsFolder: root, dagFileTimeoutMs: 60_000, dagFileMemoryMb: 200 });
  expect(errors).toEqual([]);
  expect(files.flatMap((file) => file.warnings)).toEqual([]);
}, 60_000);

const withOptions = Object.entries(thence).flatMap(([name, value]) => {
  const { '~optionNames': all, optionNames } = value as { '~optionNames'?: readonly string[]; optionNames?: readonly string[] };
  const names = all ?? optionNames;
  return typeof value === 'function' && names && name !== 'BashOperator' ? [{ name, names: names.filter((one) => one !== 'run') }] : [];
});

test.each(withOptions)('docs/operators.md has $name with all its options', ({ name, names }) => {
  expect(text).toContain(name);
  for (const option of names) expect(text).toMatch(new RegExp(`\`${option}\\b|\\b${option}: `));
});

test('there are operators to hold the page to', () => expect(withOptions.length).toBeGreaterThan(14));
