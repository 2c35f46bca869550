import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FileLogStore } from '../../src/logs/file-log-store';
import type { LogLine, LogRef } from '../../src/logs/log-store';

const home = mkdtempSync(path.join(os.tmpdir(), 'thence-logs-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const store = new FileLogStore(home);
const ref = (overrides: Partial<LogRef> = {}): LogRef => ({
  dagId: 'd',
  runId: 'manual__2026-01-01T00:00:00+00:00',
  taskId: 'g.t',
  mapIndex: -1,
  tryNumber: 1,
  ...overrides,
});
const line = (message: string): LogLine => ({ time: '2026-01-01T00:00:00.000Z', level: 'info', source: 'task', message });
const messages = async (of: LogRef, from?: number, maxBytes?: number) => {
  const page = await store.read(of, from, maxBytes);
  return { messages: page.lines.map(({ message }) => message), next: page.next };
};

test('a log stands where the contract says', () => {
  expect(store.pathOf(ref())).toBe(path.join(home, 'logs/dag_id=d/run_id=manual__2026-01-01T00:00:00+00:00/task_id=g.t/attempt=1.log'));
  expect(store.pathOf(ref({ mapIndex: 3, tryNumber: 2 }))).toMatch(/task_id=g\.t\/map_index=3\/attempt=2\.log$/);
});

test.each(['a/b', '..', '.', 'a\\b', 'x'.repeat(250), 'ü'.repeat(200), 'a%2Fb', 'nul\0'])(
  'the run id %j stays one folder, below the logs',
  async (runId) => {
    const where = ref({ runId });
    await store.append(where, line(runId));
    const file = store.pathOf(where);
    expect(path.relative(path.join(home, 'logs/dag_id=d'), file).split(path.sep)).toHaveLength(3);
    expect(file.split(path.sep).every((part) => Buffer.byteLength(part) <= 255)).toBe(true);
    expect((await store.read(where)).lines[0]?.message).toBe(runId);
  },
);

test('two ids never share a folder', () => {
  const ids = ['a/b', 'a%2Fb', 'x'.repeat(250), `${'x'.repeat(249)}y`];
  expect(new Set(ids.map((runId) => store.pathOf(ref({ runId })))).size).toBe(ids.length);
});

test('a try that printed nothing gives no lines, and has no file', async () => {
  expect(await store.read(ref({ tryNumber: 9 }), 7)).toEqual({ lines: [], next: 7 });
  expect(existsSync(store.pathOf(ref({ tryNumber: 9 })))).toBe(false);
});

test('pages follow one another without a gap, and never end inside a line', async () => {
  const where = ref({ tryNumber: 3 });
  const written = Array.from({ length: 200 }, (_, index) => `line ${index} ${'é'.repeat(index)}`);
  for (const message of written) await store.append(where, line(message));
  const read: string[] = [];
  for (let from = 0; ;) {
    const page = await messages(where, from, 700);
    if (page.next === from) break;
    read.push(...page.messages);
    from = page.next;
  }
  expect(read).toEqual(written);
  expect((await messages(where, 0)).next).toBe(statSync(store.pathOf(where)).size);
});

test('a line that is being written comes with a later read', async () => {
  const where = ref({ tryNumber: 4 });
  await store.append(where, line('whole'));
  const text = JSON.stringify(line('in two parts'));
  appendFileSync(store.pathOf(where), text.slice(0, 20));
  const first = await messages(where);
  expect(first.messages).toEqual(['whole']);
  appendFileSync(store.pathOf(where), `${text.slice(20)}\n`);
  expect((await messages(where, first.next)).messages).toEqual(['in two parts']);
});

test('one line that is longer than a page is read whole', async () => {
  const where = ref({ tryNumber: 5 });
  await store.append(where, line('x'.repeat(10_000)));
  expect((await messages(where, 0, 100)).messages[0]).toHaveLength(10_000);
});

test('a line that is no log line is shown as it stands', async () => {
  const where = ref({ tryNumber: 6 });
  await store.append(where, line('fine'));
  appendFileSync(store.pathOf(where), '{"time":"2026\nnull\n');
  await store.append(where, line('fine too'));
  expect((await messages(where)).messages).toEqual(['fine', '{"time":"2026', 'null', 'fine too']);
});

test('deleteRun deletes the logs of that run alone', async () => {
  const [one, other] = [ref({ dagId: 'e', runId: 'one' }), ref({ dagId: 'e', runId: 'other' })];
  for (const where of [one, other]) await store.append(where, line('text'));
  await store.deleteRun('e', 'one');
  expect((await messages(one)).messages).toEqual([]);
  expect((await messages(other)).messages).toEqual(['text']);
  await store.deleteRun('e', 'other');
  await store.deleteRun('e', 'other');
  expect(existsSync(path.join(home, 'logs/dag_id=e'))).toBe(false);
});
