import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { bundleFile } from '../../src/dag-processor/bundle-file';
import { openRegistry } from '../../src/dag/registry';
import { evaluateBundle, triggersOf } from '../../src/user-code/evaluate-bundle';
import { makeFolder } from '../dag-processor/make-folder';

const text = readFileSync(path.join(packageRoot, 'docs/deferring.md'), 'utf8');
const examples = [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, source]) => source!);

afterEach(() => openRegistry());

test.each(examples.map((source, n) => [n, source] as const))(
  'example %i of the page on deferring is a DAG file that loads',
  async (_n, source) => {
    const dagsFolder = makeFolder({ 'example.ts': source });
    const outcome = await bundleFile(dagsFolder, 'example.ts');
    if (!outcome.ok) throw new Error(outcome.error.message);
    const dags = await evaluateBundle(outcome.built.bundle, { filePath: 'example.ts', dagsFolder });
    expect(dags).toHaveLength(1);
    if (source.includes("static kind = 'message'")) expect(() => triggersOf(dags).find('message')).not.toThrow();
  },
);
