import { readFileSync } from 'node:fs';
import path from 'node:path';
import { evaluateModule } from '../../src/config/config-file';
import { packageRoot } from '../../src/config/package-root';
import { loadDagsFolder } from '../../src/dag-processor/load-dags-folder';
import { makeFolder } from '../dag-processor/make-folder';

const text = readFileSync(path.join(packageRoot, 'docs/callbacks.md'), 'utf8');
const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!);

test('each DAG of docs/callbacks.md loads without a warning', async () => {
  const root = makeFolder(Object.fromEntries(blocks.slice(0, 3).map((block, i) => [`block_${i}.ts`, block])));
  const { files, specs, errors } = await loadDagsFolder({ dagsFolder: root, dagFileTimeoutMs: 60_000, dagFileMemoryMb: 200 });
  expect(errors).toEqual([]);
  expect(files.flatMap((file) => file.warnings)).toEqual([]);
  expect(specs.map(({ deadlines = [] }) => deadlines.length).toSorted()).toEqual([0, 0, 3]);
}, 60_000);

test('its listener is one', () => {
  expect(blocks).toHaveLength(4);
  const { listener } = evaluateModule(path.join(makeFolder({ 'listener.ts': blocks[3]! }), 'listener.ts')) as { listener: object };
  expect(listener).toEqual({ onTaskState: expect.any(Function), onRunState: expect.any(Function) });
});
