import { readCompiledDag } from '../../src/read-model/ui/dag-page';
import { readRun } from '../../src/read-model/ui/run';
import { readTaskInstance } from '../../src/read-model/ui/task-instance';
import { readBlockers } from '../../src/read-model/why/task-blockers';
import { useTestDatabase } from '../support/database';
import { findRunBlockers, findTaskBlockers } from '../../src/read-model/why/find-blockers';
import { insertBackfill, insertDag, insertPool, insertRun, insertSession, insertTaskInstance } from '../support/factories';
import type { TaskInstanceInput } from '../support/factories';

const test = useTestDatabase();
beforeEach(() => test.reset());

const kinds = async (dagId: string, taskId: string): Promise<string[]> => (await blockers(dagId, taskId)).map((blocker) => blocker.kind);

async function blockers(dagId: string, taskId: string): ReturnType<typeof readBlockers> {
  const run = (await readRun(test.pool, dagId, 'r'))!;
  const task = (await readTaskInstance(test.pool, run.pk, taskId, -1))!;
  return readBlockers(test.pool, run, task, run.version ? await readCompiledDag(test.pool, run.version) : null);
}

const scheduler = (capacity = 8): Promise<string> => insertSession(test.pool, { kind: 'scheduler', lanes: ['local'], capacity });

async function run(dagId = 'd', { isPaused = false, maxActiveTasks = 16 } = {}): Promise<number> {
  await insertDag(test.pool, { dagId, isPaused, maxActiveTasks, tasks: ['a', 'b', 'c'], edges: [['a', 'c'], ['b', 'c']] }); // prettier-ignore
  return insertRun(test.pool, { dagId, runId: 'r', state: 'running' });
}
const task = (input: TaskInstanceInput): Promise<unknown> => insertTaskInstance(test.pool, input);

describe('why a task is not running', () => {
  it('names the tasks before it that have not ended', async () => {
    await scheduler();
    const pk = await run();
    await task({ run: pk, taskId: 'a', state: 'success' });
    await task({ run: pk, taskId: 'b', state: 'running' });
    await task({ run: pk, taskId: 'c' });
    expect(await blockers('d', 'c')).toMatchObject([{ kind: 'upstream', tasks: [{ taskId: 'b', state: 'running' }] }]);
  });

  it('says nothing of a task that runs or has ended', async () => {
    const pk = await run();
    await task({ run: pk, taskId: 'a', state: 'success' });
    await task({ run: pk, taskId: 'b', state: 'running' });
    expect([await kinds('d', 'a'), await kinds('d', 'b')]).toEqual([[], []]);
  });

  it('has the error of one that failed before its code ran', async () => {
    const pk = await run();
    await task({ run: pk, taskId: 'a', state: 'failed' });
    await test.pool.query(`INSERT INTO ti_detail (ti, error) SELECT pk, '{"name": "MapError", "message": "too many"}' FROM task_instance`);
    expect(await findTaskBlockers(test.pool, { dagId: 'd', runId: 'r', taskId: 'a', mapIndex: -1 })).toEqual({
      state: 'failed',
      error: 'too many',
      blockers: [],
    });
  });

  it('says when it is tried again', async () => {
    await scheduler();
    const dueAt = new Date(Date.now() + 60_000);
    await task({ run: await run(), taskId: 'a', state: 'up_for_retry', dueAt });
    expect(await blockers('d', 'a')).toMatchObject([{ kind: 'retry', at: dueAt }]);
  });

  it('says that no scheduler is alive, also when one has just died', async () => {
    await insertSession(test.pool, { kind: 'scheduler', lanes: ['local'], capacity: 8, leaseMs: -1000 });
    await task({ run: await run(), taskId: 'a', state: 'scheduled', admissible: true });
    expect(await kinds('d', 'a')).toContain('scheduler');
  });

  it('says that the DAG is paused', async () => {
    await scheduler();
    await task({ run: await run('d', { isPaused: true }), taskId: 'a', state: 'scheduled' });
    expect(await kinds('d', 'a')).toEqual(['paused']);
  });

  it('says that the run has as many active tasks as it may', async () => {
    await scheduler();
    const pk = await run('d', { maxActiveTasks: 1 });
    await task({ run: pk, taskId: 'a', state: 'running' });
    await task({ run: pk, taskId: 'b', state: 'scheduled' });
    expect(await blockers('d', 'b')).toMatchObject([{ kind: 'limit', text: expect.stringContaining('maxActiveTasks is 1') }]);
  });

  it('names a full pool with its numbers', async () => {
    await scheduler();
    await insertPool(test.pool, 'small', 2);
    const pk = await run();
    await task({ run: pk, taskId: 'a', state: 'running', pool: 'small', poolSlots: 2 });
    await task({ run: pk, taskId: 'b', state: 'scheduled', admissible: true, pool: 'small' });
    expect(await blockers('d', 'b')).toMatchObject([{ kind: 'pool-full', text: expect.stringContaining('2 of 2 slots') }]);
  });

  it('says that a larger task goes first in its pool', async () => {
    await scheduler();
    await insertPool(test.pool, 'small', 2);
    const pk = await run();
    await task({ run: pk, taskId: 'a', state: 'running', pool: 'small' });
    await task({ run: pk, taskId: 'b', state: 'scheduled', admissible: true, pool: 'small', poolSlots: 2, priority: 9 });
    await task({ run: pk, taskId: 'c', state: 'scheduled', admissible: true, pool: 'small' });
    expect(await kinds('d', 'c')).toEqual(['behind']);
  });

  it('names a pool that does not exist', async () => {
    await scheduler();
    await task({ run: await run(), taskId: 'a', state: 'scheduled', admissible: true, pool: 'nowhere' });
    expect(await blockers('d', 'a')).toMatchObject([{ kind: 'no-such-pool', text: expect.stringContaining('"nowhere"') }]);
  });

  it('says that all places of its executor are taken, or that nobody runs it', async () => {
    const session = await scheduler(1);
    const pk = await run();
    await task({ run: pk, taskId: 'a', state: 'running', session });
    await task({ run: pk, taskId: 'b', state: 'scheduled', admissible: true });
    expect(await blockers('d', 'b')).toMatchObject([{ kind: 'no-capacity', text: expect.stringContaining('taken') }]);
    await task({ run: pk, taskId: 'c', state: 'scheduled', admissible: true, lane: 'queue' });
    expect(await blockers('d', 'c')).toMatchObject([{ kind: 'no-capacity', text: expect.stringContaining('No living process') }]);
  });

  it('says that a queued run waits for others of its DAG', async () => {
    await scheduler();
    await insertDag(test.pool, { dagId: 'd', tasks: ['a'], maxActiveRuns: 1 });
    await insertRun(test.pool, { dagId: 'd', state: 'running' });
    const pk = await insertRun(test.pool, { dagId: 'd', runId: 'r', state: 'queued' });
    await task({ run: pk, taskId: 'a' });
    expect(await blockers('d', 'a')).toMatchObject([{ kind: 'run-queued', text: expect.stringContaining('1 of at most 1') }]);
  });

  it('names who has the slots, the one that goes first, and a task that the pool is too small for', async () => {
    await scheduler();
    await insertPool(test.pool, 'small', 2);
    const pk = await run();
    await task({ run: pk, taskId: 'a', state: 'running', pool: 'small', mapIndex: 3 });
    await task({ run: pk, taskId: 'b', state: 'scheduled', admissible: true, pool: 'small', poolSlots: 5, priority: 9 });
    await task({ run: pk, taskId: 'c', state: 'scheduled', admissible: true, pool: 'small' });
    expect((await blockers('d', 'b'))[0]!.text).toMatch(
      /1 of 2 slots in use \(d\.a\[3\]\); this task needs 5 slots\. It can never have them/,
    );
    expect((await blockers('d', 'c'))[0]!.text).toContain('task d.b goes before it');
  });

  it('tells the limits of a task and of a DAG over all of its runs', async () => {
    await scheduler();
    const tasks = [{ id: 'a', maxActiveTisPerDag: 1 }, { id: 'b', maxActiveTisPerDagRun: 1 }, 'c'];
    await insertDag(test.pool, { dagId: 'd', maxActiveTasksPerDag: 3, tasks });
    const pk = await insertRun(test.pool, { dagId: 'd', runId: 'r', state: 'running' });
    const other = await insertRun(test.pool, { dagId: 'd', state: 'running' });
    await task({ run: other, taskId: 'a', state: 'running' });
    await task({ run: pk, taskId: 'a', state: 'scheduled' });
    expect((await blockers('d', 'a'))[0]!.text).toContain('maxActiveTisPerDag is 1');
    await task({ run: pk, taskId: 'b', state: 'running', mapIndex: 0 });
    await task({ run: pk, taskId: 'b', state: 'scheduled' });
    expect((await blockers('d', 'b'))[0]!.text).toContain('maxActiveTisPerDagRun is 1');
    await task({ run: other, taskId: 'c', state: 'running' });
    await task({ run: pk, taskId: 'c', state: 'scheduled' });
    expect((await blockers('d', 'c'))[0]!.text).toContain('3 tasks of this DAG are active in all of its runs');
  });

  it('says what a deferred task waits for, and that nobody looks', async () => {
    await scheduler();
    const pk = await run();
    const ti = await insertTaskInstance(test.pool, { run: pk, taskId: 'a', state: 'deferred' });
    await test.pool.query(
      `INSERT INTO wait (ti, run, attempt, kind, args, version, resume, next_check_at, timeout_at)
       SELECT $1, $2, gen_random_uuid(), 'file', '{"path": "/in/a.csv"}', version, 'goOn', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z' FROM dag_run WHERE pk = $2`,
      [ti.pk, pk],
    );
    expect(await blockers('d', 'a')).toMatchObject([
      {
        kind: 'deferred',
        text: expect.stringContaining('the file "/in/a.csv"'),
        at: new Date('2026-03-01T00:00:00Z'),
        until: new Date('2026-03-02T00:00:00Z'),
      },
      { kind: 'triggerer' },
    ]);
  });

  it('names the run before and what is open there', async () => {
    await scheduler();
    await insertDag(test.pool, { dagId: 'd', tasks: [{ id: 'a', dependsOnPast: true }] });
    const before = await insertRun(test.pool, { dagId: 'd', runId: 'before', state: 'running', logicalDate: '2026-01-01T00:00:00Z' });
    const pk = await insertRun(test.pool, { dagId: 'd', runId: 'r', state: 'running', logicalDate: '2026-01-02T00:00:00Z' });
    await task({ run: before, taskId: 'a', state: 'failed' });
    await task({ run: pk, taskId: 'a' });
    expect(await blockers('d', 'a')).toMatchObject([
      { kind: 'past', text: expect.stringContaining('before, has to succeed in a (failed) first'), runs: ['before'] },
    ]);
    await test.pool.query(`UPDATE task_instance SET state = 'success' WHERE run = $1`, [before]);
    expect(await kinds('d', 'a')).toEqual(['next']);
  });

  it('names what a mapped task is mapped over, and that its instances are being made', async () => {
    await scheduler();
    const expand = { kind: 'product', keys: [{ name: 'x', target: 'input', source: { kind: 'task', taskId: 'list' } }] } as const;
    await insertDag(test.pool, {
      dagId: 'd',
      tasks: ['list', { id: 'm', expand, triggerRule: 'always' }, 'after'],
      edges: [['m', 'after']],
    });
    const pk = await insertRun(test.pool, { dagId: 'd', runId: 'r', state: 'running' });
    await task({ run: pk, taskId: 'list', state: 'running' });
    await task({ run: pk, taskId: 'm' });
    expect(await blockers('d', 'm')).toMatchObject([{ kind: 'sources', tasks: [{ taskId: 'list', state: 'running' }] }]);
    await test.pool.query(`UPDATE task_instance SET state = 'success', end_date = now() WHERE run = $1 AND task_id = 'list'`, [pk]);
    await test.pool.query(`INSERT INTO expansion (run, owner) VALUES ($1, 'm')`, [pk]);
    expect(await kinds('d', 'm')).toEqual(['expanding']);
    await test.pool.query(`DELETE FROM task_instance WHERE run = $1 AND task_id = 'm'`, [pk]);
    await test.pool.query(`INSERT INTO task_tally (run, task_id, lengths, length, active, success) VALUES ($1, 'm', '{3}', 3, 1, 2)`, [pk]);
    await task({ run: pk, taskId: 'after' });
    expect(await blockers('d', 'after')).toMatchObject([{ kind: 'upstream', tasks: [{ taskId: 'm', state: 'running' }] }]);
  });

  it('says that a cleared try is still being stopped', async () => {
    await scheduler();
    await task({ run: await run(), taskId: 'a', state: 'restarting' });
    expect(await kinds('d', 'a')).toEqual(['stopping']);
  });
});

describe('why a run does not start', () => {
  it('says that its backfill is paused, or that its time has not come', async () => {
    await scheduler();
    await insertDag(test.pool, { dagId: 'd', isPaused: true });
    const id = await insertBackfill(test.pool, {
      dagId: 'd',
      isPaused: true,
      fromDate: '2026-01-01T00:00:00Z',
      toDate: '2026-01-02T00:00:00Z',
    });
    await insertRun(test.pool, { dagId: 'd', runId: 'b', state: 'queued', runType: 'backfill', backfill: { id, ordinal: 0 } });
    expect(await findRunBlockers(test.pool, 'd', 'b')).toMatchObject([
      { kind: 'backfill', text: expect.stringContaining(`Backfill ${id} is paused`) },
    ]);
    await insertRun(test.pool, { dagId: 'd', runId: 'later', state: 'queued', runAfter: new Date(Date.now() + 60_000) });
    expect((await findRunBlockers(test.pool, 'd', 'later'))!.map(({ kind }) => kind)).toEqual(['paused', 'run-after']);
  });

  it('says nothing of one that runs, and null of one that is not there', async () => {
    await run();
    expect(await findRunBlockers(test.pool, 'd', 'r')).toEqual([]);
    expect(await findRunBlockers(test.pool, 'd', 'nowhere')).toBeNull();
  });
});
