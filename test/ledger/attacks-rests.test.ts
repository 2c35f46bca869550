/** What is left over when people, deadlines and versions come between: nothing may stick, run on old values, or stop the others. */
import type { Outcome } from '../../src/core/workload';
import type { ClaimedAttempt } from '../../src/ledger/ledger';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { insertDag, insertPool } from '../support/factories';
import { failed, Hand, newRun, succeeded } from './conformance';
import { over } from './semantics';

const db = useTestDatabase();
const opened: PostgresLedger[] = [];
const open = () => {
  const ledger = new PostgresLedger({ url: db.url });
  opened.push(ledger);
  return ledger;
};
const none = { capacity: new Map<string, number>() };
const slots = (count: number) => ({ capacity: new Map([['default', count]]) });
const whole = (...ids: string[]) => ids.map((taskId) => ({ taskId, mapIndexes: null }));
const count = async (sql: string): Promise<number> => (await db.pool.query(`SELECT count(*)::int AS n FROM ${sql}`)).rows[0].n;
const runState = async (pk: number) => (await db.pool.query('SELECT state FROM dag_run WHERE pk = $1', [pk])).rows[0]?.state as string;
const rescheduled: Outcome = { kind: 'rescheduled', at: 0 };

let hand: Hand;
beforeEach(async () => {
  await db.reset();
  hand = await new Hand(open()).open();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
});

/** Whatever is left to do is done; what never ends shows as an error. */
async function drain(running: readonly ClaimedAttempt[] = [], outcomeOf: (attempt: ClaimedAttempt) => Outcome = () => succeeded()) {
  let mine = [...running];
  for (let turn = 0; turn < 60; turn++) {
    await hand.ledger.retryRuns(10);
    await hand.ledger.startQueuedRuns(10);
    while ((await hand.ledger.expandTasks(10)).length > 0);
    const { runs } = await hand.ledger.attention(hand.session, ['default'], 1000);
    const outcomes = mine.map((attempt) => ({ attemptId: attempt.attemptId, outcome: outcomeOf(attempt), cpuMs: null, peakKb: null }));
    mine = [...(await hand.hop({ runs, outcomes, ...slots(5_000) })).claimed];
    if (mine.length === 0 && (await count(`dag_run WHERE state IN ('queued', 'running') OR retry_at IS NOT NULL`)) === 0) return;
  }
  throw new Error('it does not end');
}

const long = (length: number) => ({ expand: { ...over(length).expand, maxMapLength: 100_000 } });

it('a run that is timed out in the middle of an expansion makes the missing instances when it is tried again', async () => {
  await insertDag(db.pool, {
    dagId: 'd',
    maxActiveTasks: 5_000,
    dagrunTimeoutMs: 60_000,
    runRetries: 1,
    tasks: [{ id: 'm', ...long(2_500) }, 'after'],
    edges: [['m', 'after']],
  });
  const { pk } = await hand.start('d', {}, none);
  await hand.ledger.expandTasks(1);
  await db.pool.query(`UPDATE dag_run SET deadline_at = clock_timestamp() - interval '1 second'`);
  expect(await hand.ledger.timeOutRuns(10)).toHaveLength(1);
  while ((await hand.ledger.expandTasks(10)).length > 0);
  expect(await count(`task_instance WHERE map_index >= 0`)).toBe(1_000); // nothing is made for a run that has ended
  await drain();
  expect(await runState(pk)).toBe('success');
  expect(await count(`task_instance WHERE task_id = 'm' AND state = 'success'`)).toBe(2_500);
});

it('a task of a mapped group that is marked in the middle of its expansion keeps nobody else from being made', async () => {
  for (const marked of ['g.a', 'g.b']) {
    await db.reset();
    hand = await new Hand(open()).open();
    await insertDag(db.pool, {
      dagId: 'd',
      maxActiveTasks: 5_000,
      groups: [{ id: 'g', parent: null, doc: null, ...long(1_200) }],
      tasks: [
        { id: 'g.a', group: 'g' },
        { id: 'g.b', group: 'g' },
        { id: 'after', triggerRule: 'all_done' },
      ],
      edges: [['g.a', 'after'], ['g.b', 'after']], // prettier-ignore
    });
    const { pk } = await hand.start('d', {}, none);
    await hand.ledger.expandTasks(1);
    await hand.ledger.markTasks({ run: pk, tasks: whole(marked), state: 'success' });
    await drain();
    expect(await runState(pk)).toBe('success');
    expect(await count(`task_instance WHERE map_index >= 0 AND task_id <> '${marked}'`)).toBe(1_200);
  }
});

it('a task that was about to be mapped over an output is mapped over the next one when what gave it is cleared', async () => {
  await insertDag(db.pool, { dagId: 'd', tasks: ['list', { id: 'm', ...over('list') }], edges: [['list', 'm']] });
  const { pk, claimed } = await hand.start('d');
  await hand.end(claimed[0]!, succeeded('[1,2,3]'));
  await open().clearTasks({ run: pk, tasks: whole('list'), version: 'own', conf: null });
  while ((await hand.ledger.expandTasks(10)).length > 0);
  await drain([], ({ taskId }) => succeeded(taskId === 'list' ? '[1,2,3,4,5]' : null));
  expect(await count(`task_instance WHERE task_id = 'm' AND map_index >= 0 AND state = 'success'`)).toBe(5);
});

it('a run that ended before its deadline is not timed out when one of its tasks is marked after it', async () => {
  await insertDag(db.pool, { dagId: 'd', dagrunTimeoutMs: 60_000, tasks: ['a'] });
  const { pk, claimed } = await hand.start('d');
  await hand.end(claimed[0]!, failed(false));
  await db.pool.query(`UPDATE dag_run SET deadline_at = clock_timestamp() - interval '1 second'`);
  await open().markTasks({ run: pk, tasks: whole('a'), state: 'success' });
  expect(await hand.ledger.timeOutRuns(10)).toEqual([]);
  await drain();
  expect(await runState(pk)).toBe('success');
});

it('an instance of a mapped task can be deleted, and the others count on', async () => {
  await insertDag(db.pool, { dagId: 'd', tasks: [{ id: 'm', ...over(3) }] });
  const { pk, claimed } = await hand.start('d', {}, none);
  await drain(claimed);
  expect(await hand.ledger.deleteTask(pk, 'm', 1)).toBe('deleted');
  expect(await count(`task_tally WHERE length = 2 AND success = 2`)).toBe(1);
});

it('a task that a version left out in the middle of a try, and another brought back, begins a new try', async () => {
  await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b', 'x'] });
  const { pk, claimed } = await hand.start('d');
  const x = claimed.find(({ taskId }) => taskId === 'x')!;
  const again = (await hand.end(x, rescheduled)).claimed;
  const second = again.length > 0 ? again : (await hand.look()).claimed;
  expect(second).toMatchObject([{ taskId: 'x', tryNumber: 1, piece: 1 }]);

  await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b'] });
  await hand.ledger.clearTasks({ run: pk, tasks: whole('a'), version: 'latest', conf: null });
  await hand.end(second[0]!);
  expect(await count(`task_instance WHERE task_id = 'x' AND state = 'removed'`)).toBe(1);
  await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b', 'x'] });
  await hand.ledger.clearTasks({ run: pk, tasks: whole('b'), version: 'latest', conf: null });
  expect((await hand.look()).claimed).toMatchObject([{ taskId: 'x', tryNumber: 2, piece: 0 }]);
});

describe('room in a DAG that', () => {
  /** One run is through the gate and waits for a pool without slots; the other waits for the DAG. */
  async function twoRuns(options: Record<string, unknown> = {}) {
    await insertPool(db.pool, 'shut', 0);
    await insertDag(db.pool, { dagId: 'd', maxActiveTasksPerDag: 1, tasks: [{ id: 'a', pool: 'shut' }], ...options });
    const first = await hand.start('d');
    const second = await hand.start('d');
    expect(await count(`task_instance WHERE admissible AND run = ${first.pk}`)).toBe(1);
    expect(await count(`task_instance WHERE admissible AND run = ${second.pk}`)).toBe(0);
    return { first: first.pk, second: second.pk };
  }
  const isLetThrough = async (run: number) => {
    await hand.look();
    await hand.look();
    return count(`task_instance WHERE admissible AND run = ${run}`);
  };

  it.each([
    ['a run that is marked', (run: number) => open().markRun(run, 'failed')],
    ['a task that is marked', (run: number) => open().markTasks({ run, tasks: whole('a'), state: 'success' })],
    ['a run that is cleared', (run: number) => open().clearRun(run)],
    ['a run that is deleted', (run: number) => open().deleteRun(run)],
  ])('%s leaves goes to the next run', async (_what, act) => {
    const { first, second } = await twoRuns();
    await act(first);
    expect(await isLetThrough(second)).toBe(1);
  });

  it('a run that is timed out leaves goes to the next run', async () => {
    const { first, second } = await twoRuns({ dagrunTimeoutMs: 60_000 });
    await db.pool.query(`UPDATE dag_run SET deadline_at = clock_timestamp() - interval '1 second' WHERE pk = $1`, [first]);
    await hand.ledger.timeOutRuns(10);
    expect(await isLetThrough(second)).toBe(1);
  });
});

it('tasks that are due in paused DAGs keep no others from coming due', async () => {
  const task = { id: 'a', retries: 1, retryDelaysMs: [60_000] };
  await insertDag(db.pool, { dagId: 'held', tasks: [task] });
  await insertDag(db.pool, { dagId: 'd', tasks: [task] });
  for (const dagId of ['held', 'held', 'held', 'd']) {
    const { claimed } = await hand.start(dagId);
    await hand.end(claimed[0]!, failed());
  }
  await db.pool.query(`UPDATE dag SET is_paused = true WHERE dag_id = 'held'`);
  await db.pool.query(`UPDATE task_instance SET due_at = clock_timestamp() - make_interval(secs => 10 - run)`);
  await db.pool.query('UPDATE dag_run SET seq = seq + 1'); // nobody's copy is good any more
  for (let turn = 0; turn < 3; turn++) {
    const { runs } = await hand.ledger.attention(hand.session, ['default'], 2);
    await hand.hop({ runs });
  }
  expect(await count(`task_instance t JOIN dag_run r ON r.pk = t.run WHERE r.dag_id = 'd' AND t.try_number = 2`)).toBe(1);
  expect(
    await count(`task_instance t JOIN dag_run r ON r.pk = t.run WHERE r.dag_id = 'held' AND t.try_number = 1 AND NOT t.admissible`),
  ).toBe(3);
});

it('a mapped task that a version left out when it had finished, and another brought back, is expanded anew, and the run ends', async () => {
  const withMap = { dagId: 'd', tasks: ['a', { id: 'm', ...over(2) }] };
  await insertDag(db.pool, withMap);
  const { pk, claimed } = await hand.start('d', {}, none);
  await drain(claimed);
  await insertDag(db.pool, { dagId: 'd', tasks: ['a'] });
  await hand.ledger.clearTasks({ run: pk, tasks: whole('a'), version: 'latest', conf: null });
  await drain();
  await insertDag(db.pool, withMap);
  await hand.ledger.clearTasks({ run: pk, tasks: whole('a'), version: 'latest', conf: null });
  await drain();
  expect(await count(`task_instance WHERE task_id = 'm' AND map_index >= 0 AND state = 'success' AND try_number = 2`)).toBe(2);
});

it('a task that defers in the very moment in which failFast ends the run leaves no wait behind', async () => {
  await insertDag(db.pool, { dagId: 'd', failFast: true, tasks: ['a', 'b'] });
  const { claimed } = await hand.start('d');
  const wait = { kind: 'time', trigger: null, args: {}, firstCheckAt: null, intervalMs: null, timeoutAt: null, resume: 'x' } as const;
  const outcomes = claimed.map(({ attemptId, taskId }) => ({
    attemptId,
    outcome: taskId === 'a' ? failed(false) : ({ kind: 'deferred', wait } as const),
    cpuMs: null,
    peakKb: null,
  }));
  await hand.hop({ outcomes });
  expect(await count(`wait`)).toBe(0);
});

it('neighbouring runs can be deleted at the same moment, while others are woken', async () => {
  await insertDag(db.pool, { dagId: 'd', maxActiveTasksPerDag: 5, maxActiveRuns: 100, tasks: ['a'] });
  for (let round = 0; round < 3; round++) {
    const made = await hand.ledger.createRuns(
      Array.from({ length: 10 }, (_, i) => newRun('d', { logicalDate: Date.UTC(2026, round, i + 1) })),
    );
    await hand.ledger.startQueuedRuns(100);
    await hand.look(none);
    const ledgers = [open(), open()];
    const deleted = await Promise.all(made.map(({ run }, i) => ledgers[i % 2]!.deleteRun(run)));
    expect(deleted).toEqual(made.map(() => 'deleted'));
  }
  await hand.look();
  expect(await count('run_wake')).toBe(0);
});

describe('what cannot get on', () => {
  it('keeps no other line of queued runs from starting', async () => {
    const at = (day: number) => Date.UTC(2026, 0, day);
    for (const dagId of ['p', 'q', 'r', 'd'])
      await insertDag(db.pool, { dagId, maxActiveRuns: 1, tasks: [{ id: 'a', dependsOnPast: true }] });
    for (const dagId of ['p', 'q', 'r']) {
      // Two that wait for earlier runs; between them one that may not start before the first of them.
      for (const day of [1, 5, 3]) await hand.ledger.createRuns([newRun(dagId, { logicalDate: at(day) })]);
      await db.pool.query(
        `UPDATE dag_run r SET state = 'running', version = d.current_version, waits_for_past = true FROM dag d WHERE d.dag_id = r.dag_id AND r.dag_id = $1 AND r.logical_date <> $2`,
        [dagId, new Date(at(3))],
      );
    }
    const [created] = await hand.ledger.createRuns([newRun('d')]);
    expect(await hand.ledger.startQueuedRuns(2)).toEqual([created!.run]);
  });

  it('of maps: many large ones let a small one through', async () => {
    await insertDag(db.pool, { dagId: 'large', tasks: [{ id: 'm', ...long(5_000) }] });
    await insertDag(db.pool, { dagId: 'small', tasks: [{ id: 'm', ...over(2) }] });
    for (const dagId of ['large', 'large', 'small']) await hand.start(dagId, {}, none);
    for (let turn = 0; turn < 2; turn++) await hand.ledger.expandTasks(2);
    expect(await count(`task_tally y JOIN dag_run r ON r.pk = y.run WHERE r.dag_id = 'small'`)).toBe(1);
  });

  it.each(['timeOutRuns', 'retryRuns'] as const)('of %s: a run whose version cannot be read holds up no other', async (what) => {
    for (const dagId of ['broken', 'd']) {
      await insertDag(db.pool, { dagId, dagrunTimeoutMs: 60_000, runRetries: 1, tasks: ['a'] });
      const { claimed } = await hand.start(dagId);
      if (what === 'retryRuns') await hand.end(claimed[0]!, failed(false));
    }
    await db.pool.query(`UPDATE dag_run SET deadline_at = clock_timestamp() - interval '1 second', retry_at = clock_timestamp()`);
    if (what === 'timeOutRuns') await db.pool.query('UPDATE dag_run SET retry_at = NULL');
    await db.pool.query(`UPDATE dag_version SET spec = '{}' WHERE dag_id = 'broken'`);
    expect(await open()[what](10)).toHaveLength(1);
    await expect(open()[what](10)).rejects.toThrow();
  });
});
