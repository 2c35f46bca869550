import { readdirSync } from 'node:fs';
import path from 'node:path';
import { openRegistry, takeMadeDags } from '../../src/dag/registry';
import { serializeDag } from '../../src/dag/serialize';
import { expectedRuns } from './expected';

const dagsFolder = path.join(__dirname, '../../dags');
const files = readdirSync(dagsFolder).filter((name) => name.endsWith('.ts'));

test.each(files)('%s makes DAGs without a warning, and its outcome is written down', async (file) => {
  openRegistry();
  jest.resetModules();
  await import(path.join(dagsFolder, file));
  const dags = takeMadeDags();
  expect(dags).not.toEqual([]);
  for (const dag of dags) {
    const { spec, warnings } = serializeDag(dag, { dagsFolder, filePath: file });
    expect(warnings).toEqual([]);
    expect(spec.tags).toContain('example');
    expect(spec.description).not.toBeNull();
    const expected = expectedRuns.filter(({ dagId }) => dagId === spec.dagId);
    expect(expected).not.toEqual([]);
    for (const run of expected) {
      expect(run.file).toBe(file);
      const named = new Set(Object.keys(run.tasks).map((name) => name.replace(/\[\d+\]$/, '')));
      expect([...named].toSorted()).toEqual(spec.tasks.map(({ id }) => id).toSorted());
    }
  }
});
