import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { loadDagsFolder } from '../../src/dag-processor/load-dags-folder';
import { makeFolder } from '../dag-processor/make-folder';

const text = readFileSync(path.join(packageRoot, 'docs/authoring.md'), 'utf8');

test('each block of code in docs/authoring.md is a DAG file that loads without a warning', async () => {
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!);
  expect(blocks.length).toBeGreaterThan(4);
  const root = makeFolder(Object.fromEntries(blocks.map((block, i) => [`block_${i}.ts`, block])));
  const { files, specs, errors } = await loadDagsFolder({ dagsFolder: root, dagFileTimeoutMs: 60_000, dagFileMemoryMb: 200 });
  expect(errors).toEqual([]);
  expect(files.flatMap((file) => file.warnings)).toEqual([]);
  expect(specs).toHaveLength(blocks.length);
  expect(specs.some(({ groups }) => groups.some(({ expand }) => expand !== undefined))).toBe(true);
}, 60_000);
