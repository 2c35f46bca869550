import { followBackfill } from '../../src/cli/backfill-progress';
import type { ListedBackfill } from '../../src/read-model/cli/backfills';

const at = (done: Partial<ListedBackfill>): ListedBackfill => ({
  id: 3,
  dag_id: 'weather',
  state: 'running',
  from_date: new Date(0),
  to_date: new Date(0),
  max_active_runs: 4,
  reprocess_behavior: 'none',
  total: 4,
  success: 0,
  failed: 0,
  running: 0,
  queued: 0,
  skipped: 0,
  task_ids: null,
  eta_ms: null,
  created_at: new Date(0),
  completed_at: null,
  ...done,
});

let printed: string[];
let noted: string[];
beforeEach(() => {
  [printed, noted] = [[], []];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text).trim()) > 0);
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => noted.push(String(text).trim()) > 0);
});
afterEach(() => jest.restoreAllMocks());

/** Answers, one for each look; the last for all further ones. */
const answers =
  (...given: (ListedBackfill | Error)[]) =>
  async () => {
    const next = given.length > 1 ? given.shift()! : given[0]!;
    if (next instanceof Error) throw next;
    return next;
  };

test('without a terminal it prints lines as things change, and the outcome', async () => {
  const code = await followBackfill(
    answers(
      at({}),
      at({ success: 2, running: 2 }),
      at({ success: 2, running: 2 }),
      at({ success: 4, state: 'completed', completed_at: new Date() }),
    ),
  );
  expect(code).toBe(0);
  expect(printed.slice(0, -1)).toEqual(['0/4 done, 0 running, 0 failed', '2/4 done, 2 running, 0 failed', '4/4 done, 0 running, 0 failed']);
  expect(printed.at(-1)).toMatch(/^backfill 3 of "weather" is complete after .*: 4 intervals, 4 successful$/);
});

test('failed runs make the exit code 1, runs that existed do not', async () => {
  expect(await followBackfill(answers(at({ success: 3, failed: 1, completed_at: new Date() })))).toBe(1);
  expect(printed.at(-1)).toContain('3 successful, 1 failed');
  expect(await followBackfill(answers(at({ success: 3, skipped: 1, completed_at: new Date() })))).toBe(0);
  expect(printed.at(-1)).toContain('3 successful, 1 left as they were');
  expect(await followBackfill(answers(at({ success: 3, state: 'cancelled', completed_at: new Date() })))).toBe(1);
});

test('a database that goes away for a while is waited for, and mentioned once', async () => {
  const gone = new Error('connect ECONNREFUSED 127.0.0.1:5432');
  expect(await followBackfill(answers(at({}), gone, gone, at({ success: 4, completed_at: new Date() })))).toBe(0);
  expect(noted).toEqual(['the database does not answer (connect ECONNREFUSED 127.0.0.1:5432); waiting for it']);
});

test('Ctrl-C detaches', async () => {
  const following = followBackfill(answers(at({ success: 1 })));
  setImmediate(() => process.emit('SIGINT'));
  expect(await following).toBe(130);
  expect(noted.at(-1)).toContain('detached: backfill 3 goes on');
  expect(noted.at(-1)).toContain('"thence backfill cancel 3" stops it');
});
