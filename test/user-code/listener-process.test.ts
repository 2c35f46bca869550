import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ListenerEvent } from '../../src/core/listener';
import type { Logger } from '../../src/telemetry/logger';
import { ListenerProcess } from '../../src/user-code/listener-process';
import { eventually } from '../support/eventually';

const folder = mkdtempSync(path.join(os.tmpdir(), 'thence-listener-'));
const journal = path.join(folder, 'journal');
const open: ListenerProcess[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.stop(0)));
  writeFileSync(journal, '');
});

const logged: string[] = [];
const log = (text: unknown) => logged.push(String(text));
const logger = { info: log, warn: log, error: log, debug: log } as unknown as Logger;

let files = 0;
function listen(source: string, options: object = {}): ListenerProcess {
  const file = path.join(folder, `listener_${++files}.ts`);
  const head = `import { appendFileSync } from 'node:fs';\nconst write = (text: string) => appendFileSync(${JSON.stringify(journal)}, text + '\\n');\n`;
  writeFileSync(file, head + source);
  const made = new ListenerProcess({ file, logger, pauseMs: 20, ...options });
  open.push(made);
  return made;
}
const run = (runId: string): ListenerEvent => ({
  kind: 'run',
  event: { dagId: 'd', runId, runType: 'manual', logicalDate: null, state: 'running', reason: null, startDate: null, endDate: null },
});
const runs = (from: number, count: number) => Array.from({ length: count }, (_, i) => run(String(from + i)));
const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').filter(Boolean) : []);
const told = (expected: readonly string[]) => eventually(() => expect(lines()).toEqual(expected));

test('a listener is told all events in their order, one at a time, and sees no secrets of ours', async () => {
  process.env['THENCE_SECRET_KEY'] = 'not for users of thence';
  const listener = listen(`
    import type { Listener } from 'thence';
    let busy = 0;
    export const listener: Listener = {
      async onRunState({ runId, ...rest }) {
        if (++busy > 1) write('two at once');
        await new Promise(setImmediate);
        write(runId + ' ' + Object.keys(rest).length + ' ' + (process.env.THENCE_SECRET_KEY ?? 'hidden'));
        busy--;
        console.log('told ' + runId);
      },
    };`);
  delete process.env['THENCE_SECRET_KEY'];
  listener.tell(runs(0, 250));
  listener.tell([run('last')]);
  await told([...Array.from({ length: 250 }, (_, i) => `${i} 7 hidden`), 'last 7 hidden']);
  await eventually(() => logged.some((line) => line.endsWith(': told last')));
  expect(listener.lost).toBe(0);
});

test('what a listener throws is logged, and it is told the next event', async () => {
  listen(
    `export const listener = { onRunState({ runId }: any) { if (runId === '1') throw new Error('not this one'); write(runId); } };`,
  ).tell(runs(0, 3));
  await told(['0', '2']);
  await eventually(() => logged.some((line) => line.includes('not this one')));
});

test('one that ends its process is started again, and is told what was not handed over yet; what was is lost, and counted', async () => {
  const listener = listen(`export const listener = { onRunState({ runId }: any) { if (runId === '1') process.exit(3); write(runId); } };`);
  listener.tell(runs(0, 102));
  await told(['0', '100', '101']);
  expect(listener.lost).toBe(100);
  expect(logged.join('\n')).toMatch(/ended with exit code 3; it is started again in 0.02 s/);
});

test.each([
  ['busy for ever', 'for (;;);'],
  ['waiting for ever', 'return new Promise(() => undefined);'],
])('one that is %s is ended, and another takes its place', async (_name, code) => {
  const source = `export const listener = { onRunState({ runId }: any) { write(runId); if (runId === 'hangs') { ${code} } } };`;
  const listener = listen(source, { patienceMs: 1_500 });
  listener.tell([run('hangs')]);
  await told(['hangs']);
  listener.tell([run('next')]);
  await told(['hangs', 'next']);
  expect(listener.lost).toBe(1);
});

test('events for which the queue has no room are dropped and counted', async () => {
  const listener = listen(`export const listener = { onRunState({ runId }: any) { write(runId); } };`, { mostQueued: 5 });
  listener.tell(runs(0, 8));
  await told(['0', '1', '2', '3', '4']);
  expect(listener.lost).toBe(3);
});

test.each([
  ['a syntax error', 'export const listener = {\n  onRunState( { }\n};', /listener_\d+\.ts:5:\d+: ERROR: /],
  ['what it throws', '\nconst nothing: any = null;\nnothing.at(0);\n', /reading 'at'\) \(line 5\); it is started again in/],
  ['an import that is not there', "import { a } from 'no-such-package';\na();", /Cannot find module 'no-such-package'/],
  ['a process.exit', 'process.exit(4);', /the process of the listener \S+ ended with exit code 4; it is started again in/],
  ['a loop without end', 'for (;;);', /has not loaded for 1.5 s and was ended; it is started again in/],
])('%s while it is loaded is said, with its place, and the file is taken once it is good', async (_name, source, sentence) => {
  const before = logged.length;
  const listener = listen(source, { patienceMs: 1_500 });
  listener.tell([run('first')]);
  await eventually(() => expect(logged.slice(before).join('\n')).toMatch(sentence));
  const file = path.join(folder, `listener_${files}.ts`);
  writeFileSync(
    file,
    `import { appendFileSync } from 'node:fs';\nexport const listener = { onRunState: ({ runId }: any) => appendFileSync(${JSON.stringify(journal)}, runId + '\\n') };`,
  );
  await told(['first']);
  expect(listener.lost).toBe(0);
});

test('a listener that cannot be loaded says why, and holds up nobody', async () => {
  const listener = listen(`export const listner = {};`);
  listener.tell(runs(0, 2));
  await eventually(() => logged.some((line) => /exports no `listener` with onTaskState\(event\) or onRunState\(event\)/.test(line)));
  await listener.stop(10_000);
  expect(listener.lost).toBe(2);
});

test('what waits when the scheduler stops is told before', async () => {
  const listener = listen(
    `export const listener = { async onRunState({ runId }: any) { await new Promise(setImmediate); write(runId); } };`,
  );
  await eventually(() => expect(listener.isReady).toBe(true));
  listener.tell(runs(0, 120));
  await listener.stop(10_000);
  expect(lines()).toHaveLength(120);
  expect(listener.lost).toBe(0);
});

test('a file that is not there is an error of the configuration', () => {
  expect(() => new ListenerProcess({ file: '/nowhere/listener.ts', logger })).toThrow(
    'there is no file /nowhere/listener.ts (THENCE_LISTENERS)',
  );
});
