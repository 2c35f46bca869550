import { readCompiledDag } from '../../src/read-model/ui/dag-page';
import { readRun } from '../../src/read-model/ui/run';
import { readTaskInstance } from '../../src/read-model/ui/task-instance';
import { readBlockers } from '../../src/read-model/ui/why-waiting';
import { useTestDatabase } from '../support/database';
import { insertDag, insertPool, insertRun, insertSession, insertTaskInstance } from '../support/factories';
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
});
