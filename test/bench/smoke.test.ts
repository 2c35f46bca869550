import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compiledEntry } from '../../src/config/package-root';

test.each(['chain', 'fan-out', 'backfill'])('the benchmark %s works, in smoke size', async (name) => {
  const { stdout } = await promisify(execFile)(process.execPath, [compiledEntry('bench/run'), name, '--smoke'], {
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  expect(stdout).toMatch(/raw single-row commits: .*ratio \d/);
});

test('the benchmark waiting works, in smoke size', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [compiledEntry('bench/run'), 'waiting', '--smoke'], {
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  expect(stdout.match(/paired hops: .*ratio \d/g)).toHaveLength(2);
});
