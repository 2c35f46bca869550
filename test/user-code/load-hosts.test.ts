import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compiledEntry } from '../../src/config/package-root';
import { loadFile } from '../../src/dag-processor/load-file';
import { LoadHosts } from '../../src/user-code/load-hosts';
import { eventually } from '../support/eventually';
import { makeFolder } from '../dag-processor/make-folder';

const limits = { dagFileTimeoutMs: 60_000, dagFileMemoryMb: 200 };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a package of operators that brings its own thence uses the running one', async () => {
  const root = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nimport { Shout } from 'operators-of-others';\nnew Shout('t', { dag: new DAG('etl'), text: 'hi' });`,
    'node_modules/operators-of-others/package.json': '{ "name": "operators-of-others", "main": "index.js" }',
    'node_modules/operators-of-others/index.js': `const { BaseOperator } = require('thence');\nexports.Shout = class Shout extends BaseOperator {};\nexports.Shout.optionNames = ['text'];`,
    'node_modules/operators-of-others/node_modules/thence/index.js': `throw new Error('the wrong copy');`,
    'node_modules/thence/index.js': `throw new Error('the wrong copy');`,
  });
  const hosts = new LoadHosts(limits);
  const { dags, error } = await loadFile(root, 'etl.ts', hosts);
  hosts.stop();
  expect(error).toBeNull();
  expect(dags![0]!.spec.tasks).toMatchObject([{ id: 't', operator: 'Shout' }]);
});

test('a process that loads for ever ends when the one that started it is killed', async () => {
  const root = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nimport { writeFileSync } from 'node:fs';\nwriteFileSync(__dirname + '/pid', String(process.pid));\nwhile (true);`,
  });
  const parent = path.join(root, '.parent.cjs');
  writeFileSync(
    parent,
    `const { LoadHosts } = require(${JSON.stringify(compiledEntry('src/user-code/load-hosts'))});
     const { loadFile } = require(${JSON.stringify(compiledEntry('src/dag-processor/load-file'))});
     void loadFile(${JSON.stringify(root)}, 'etl.ts', new LoadHosts(${JSON.stringify(limits)}));`,
  );
  const child = fork(parent, [], { execArgv: [] });
  const pid = await eventually(() => {
    const text = readFileSync(path.join(root, 'pid'), 'utf8');
    expect(text).not.toBe('');
    return Number(text);
  });
  expect(isAlive(pid)).toBe(true);
  child.kill('SIGKILL');
  await eventually(() => !isAlive(pid));
});

test('what a file started is killed with it', async () => {
  const root = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nimport { spawn } from 'node:child_process';\nimport { writeFileSync } from 'node:fs';
writeFileSync(__dirname + '/pid', String(spawn('sleep', ['1000']).pid));\nnew DAG('etl').task('t', () => 1);`,
  });
  const hosts = new LoadHosts(limits);
  const { dags } = await loadFile(root, 'etl.ts', hosts);
  expect(dags![0]!.warnings).toEqual([expect.stringContaining('left 1 child process')]);
  const pid = Number(readFileSync(path.join(root, 'pid'), 'utf8'));
  await eventually(() => !isAlive(pid));
  hosts.stop();
});
