import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { compiledEntry } from '../../src/config/package-root';
import type { InMemoryRun } from '../../src/testing/run-dag-in-memory';
import { useTestDatabase } from '../support/database';
import { expectedRuns as allRuns } from './expected';

const expectedRuns = allRuns.filter(({ needsScheduler }) => !needsScheduler);
const database = useTestDatabase({ migrated: false });

/** In a process of its own, as a person would run them: user code is evaluated outside of Jest's realm. */
const script = `
  const { findDagInFiles } = require(${JSON.stringify(compiledEntry('src/testing/find-dag-file'))});
  const { runDagInMemory } = require(${JSON.stringify(compiledEntry('src/testing/run-dag-in-memory'))});
  const { loadConfig } = require(${JSON.stringify(compiledEntry('src/config/load-config'))});
  (async () => {
    const config = loadConfig();
    const [files, results] = [{}, []];
    for (const { dagId, logicalDate, conf } of JSON.parse(process.argv[1])) {
      const found = (files[dagId] ??= await findDagInFiles(dagId, null, config));
      results.push(await runDagInMemory(found, config, { logicalDate: Date.parse(logicalDate), conf, skipRetryDelays: true }));
    }
    process.stdout.write('RESULTS' + JSON.stringify(results), () => process.exit(0));
  })();`;

let runs: readonly InMemoryRun[];
beforeAll(async () => {
  const child = spawn(process.execPath, ['-e', script, JSON.stringify(expectedRuns)], {
    cwd: path.join(__dirname, '../..'),
    env: {
      PATH: process.env['PATH'],
      THENCE_HOME: mkdtempSync(path.join(os.tmpdir(), 'thence-examples-')),
      THENCE_CONN_EXAMPLES: database.url,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [printed, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const results = printed.split('RESULTS')[1];
  if (results === undefined) throw new Error(`the examples did not run:\n${complaints}\n${printed}`);
  runs = JSON.parse(results) as InMemoryRun[];
}, 180_000);

test.each(expectedRuns.map((expected, index) => ({ ...expected, index })))(
  '$dagId of $logicalDate ends as expected: $state',
  (expected) => {
    const run = runs[expected.index]!;
    const of = <T>(pick: (task: InMemoryRun['tasks'][number]) => T) =>
      Object.fromEntries(run.tasks.map((task) => [task.mapIndex < 0 ? task.taskId : `${task.taskId}[${task.mapIndex}]`, pick(task)]));
    expect({ state: run.state, tasks: of(({ state }) => state) }).toEqual({ state: expected.state, tasks: expected.tasks });
    const outputs = of(({ output }) => output);
    expect(outputs).toMatchObject(expected.outputs ?? {});
    for (const [taskId, pattern] of Object.entries(expected.outputPatterns ?? {})) expect(outputs[taskId]).toMatch(pattern);
    expect(of(({ tryNumber }) => tryNumber)).toMatchObject(expected.tries ?? {});
  },
);
