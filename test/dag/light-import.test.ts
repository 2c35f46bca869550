import { execFileSync } from 'node:child_process';
import { compiledEntry } from '../../src/config/package-root';

test('importing thence in a DAG file loads only the few small packages that it needs', () => {
  const script = `require(${JSON.stringify(compiledEntry('src/index'))});
    const packages = Object.keys(require.cache).map((file) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean);
    console.log(JSON.stringify([...new Set(packages)].sort()));`;
  expect(JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }))).toEqual(['fastest-levenshtein', 'luxon']);
});
