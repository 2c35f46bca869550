import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { DAG_OPTION_NAMES } from '../../src/dag/dag';
import { TASK_OPTION_NAMES } from '../../src/dag/task-options';
import { loadDagsFolder } from '../../src/dag-processor/load-dags-folder';
import { makeFolder } from '../dag-processor/make-folder';

const text = readFileSync(path.join(packageRoot, 'docs/options.md'), 'utf8');
const [, ofDag, ofTask] = text.split(/^## /m);

/** The names in the first column of a table. */
const listed = (section: string): string[] =>
  [...section.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)`/g)].map((match) => match[1]!)).sort();

it('docs/options.md has exactly the options that there are', () => {
  expect(listed(ofDag!)).toEqual([...DAG_OPTION_NAMES].sort());
  expect(listed(ofTask!)).toEqual([...TASK_OPTION_NAMES].sort());
});

it('its example is a DAG file that loads without a warning', async () => {
  const [, block] = /^```ts\n(.*?)^```/ms.exec(text)!;
  const root = makeFolder({ 'block.ts': block! });
  const { files, specs, errors } = await loadDagsFolder({ dagsFolder: root, dagFileTimeoutMs: 60_000, dagFileMemoryMb: 200 });
  expect(errors).toEqual([]);
  expect(files.flatMap((file) => file.warnings)).toEqual([]);
  expect(specs).toHaveLength(1);
}, 60_000);
