/** What people decide, carried out by a real scheduler. */
import { createCommands } from '../../src/commands/create-commands';
import type { Commands } from '../../src/commands/commands';
import type { Outcome, RunTask } from '../../src/core/workload';
import type { TimetableSpec } from '../../src/dag-spec/spec';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { createWakeup } from '../../src/service/wakeup';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { InstantExecutor } from '../support/instant-executor';
import { runScheduler } from '../support/run-scheduler';

const db = useTestDatabase();
const actor = { user: 'ada', via: 'cli' } as const;
const daily: TimetableSpec = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' };
const now = () => Date.parse('2026-03-10T12:00:00Z');

let ledger: PostgresLedger;
let commands: Commands;
const stops: (() => Promise<void>)[] = [];
beforeAll(() => {
  ledger = new PostgresLedger({ url: db.url });
  commands = createCommands({ database: db.database, ledger, clock: { now }, wakeup: createWakeup(db.pool) });
});
afterAll(() => ledger.close());
beforeEach(() => db.reset());
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start(decide?: (task: RunTask) => Outcome | null): Promise<InstantExecutor> {
  const executor = new InstantExecutor(16, decide);
  stops.push(await runScheduler(db.url, executor, now));
  return executor;
}
const failure: Outcome = { kind: 'failed', error: { name: 'Error', message: 'no', stack: null }, retryable: false, reason: 'executed' };
const success: Outcome = { kind: 'success', returnValue: null, branch: null };
const runStates = async () =>
  (await db.pool.query('SELECT run_id, state FROM dag_run ORDER BY logical_date, pk')).rows.map(
    ({ run_id, state }) => `${run_id} ${state}`,
  );
const tasksOf = async (runId: string) =>
  (
    await db.pool.query('SELECT task_id, t.state FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE run_id = $1 ORDER BY t.pk', [
      runId,
    ])
  ).rows.map(({ task_id, state }) => `${task_id} ${state}`);
const ranOf = (executor: InstantExecutor) => executor.ran.map((task) => `${task.run.runId} ${task.taskId}${task.tryNumber}`);

const etl = { dagId: 'etl', timetable: daily, tasks: ['extract', 'load', 'report'], edges: [['extract', 'load'], ['load', 'report']] } as const; // prettier-ignore

describe('a run', () => {
  it('goes on from a failed task with other params, and tasks below see them', async () => {
    await insertDag(db.pool, etl);
    const executor = await start((task) => (task.taskId === 'load' && task.run.conf['region'] !== 'us' ? failure : success));
    await commands.triggerRun({ dagId: 'etl', runId: 'r' }, actor);
    await eventually(async () => expect(await runStates()).toEqual(['r failed']));
    await commands.rerunFrom({ dagId: 'etl', runId: 'r', task: 'load', conf: { region: 'us' } }, actor);
    await eventually(async () => expect(await runStates()).toEqual(['r success']));
    expect(ranOf(executor)).toEqual(['r extract1', 'r load1', 'r load2', 'r report1']);
  });

  it('stops a running task that is cleared, and starts it again as its next try', async () => {
    await insertDag(db.pool, etl);
    const executor = await start((task) => (task.taskId === 'extract' && task.tryNumber === 1 ? null : success));
    await commands.triggerRun({ dagId: 'etl', runId: 'r' }, actor);
    await eventually(() => expect(executor.ran).toHaveLength(1));
    await commands.clearTasks({ dagId: 'etl', runId: 'r', tasks: ['extract'] }, actor);
    await eventually(async () => expect(await runStates()).toEqual(['r success']));
    expect(executor.cancelled).toEqual([executor.ran[0]!.attemptId]);
    expect(ranOf(executor)).toEqual(['r extract1', 'r extract2', 'r load1', 'r report1']);
  });

  it('that has failed goes on when a person says that a task has succeeded', async () => {
    await insertDag(db.pool, etl);
    const executor = await start((task) => (task.taskId === 'load' ? failure : success));
    await commands.triggerRun({ dagId: 'etl', runId: 'r' }, actor);
    await eventually(async () => expect(await runStates()).toEqual(['r failed']));
    await commands.markTasks({ dagId: 'etl', runId: 'r', tasks: ['load'], state: 'success' }, actor);
    await eventually(async () => expect(await runStates()).toEqual(['r success']));
    expect(ranOf(executor)).toEqual(['r extract1', 'r load1', 'r report1']);
  });
});

describe('a backfill of some tasks', () => {
  it('makes runs of these alone, whose state they decide, also while the DAG is paused', async () => {
    await insertDag(db.pool, { ...etl, isPaused: true });
    const executor = await start((task) => (task.taskId === 'load' && task.run.runId.includes('01-02') ? failure : success));
    const range = { dagId: 'etl', from: '2026-01-01', to: '2026-01-02' };
    expect(await commands.dryRunBackfill({ ...range, tasks: ['load'], upstream: true })).toMatchObject({ tasks: ['extract', 'load'] });
    await commands.createBackfill({ ...range, tasks: ['load'], upstream: true }, actor);
    const [first, second] = ['backfill__2026-01-01T00:00:00+00:00', 'backfill__2026-01-02T00:00:00+00:00'] as const;
    await eventually(async () => expect(await runStates()).toEqual([`${first} success`, `${second} failed`]));
    expect(await tasksOf(first)).toEqual(['extract success', 'load success', 'report removed']);
    expect(await tasksOf(second)).toEqual(['extract success', 'load failed', 'report removed']);

    // Cleared, it has the same tasks; one that is named comes to it.
    await commands.clearRun({ dagId: 'etl', runId: first }, actor);
    await eventually(async () => expect(await runStates()).toEqual([`${first} success`, `${second} failed`]));
    expect(await tasksOf(first)).toEqual(['extract success', 'load success', 'report removed']);
    await commands.clearTasks({ dagId: 'etl', runId: first, tasks: ['report'] }, actor);
    await eventually(async () => expect(await tasksOf(first)).toEqual(['extract success', 'load success', 'report success']));
    expect(ranOf(executor).filter((ran) => ran.startsWith(first))).toEqual([
      `${first} extract1`,
      `${first} load1`,
      `${first} extract2`,
      `${first} load2`,
      `${first} report1`,
    ]);
  });

  it('clears only these in runs that are there, and brings a task that is new to them', async () => {
    await insertDag(db.pool, etl);
    for (const [runId, state, logicalDate] of [
      ['r1', 'success', '2026-01-01'],
      ['r2', 'failed', '2026-01-02'],
    ] as const) {
      const run = await insertRun(db.pool, { dagId: 'etl', runId, state, logicalDate });
      await insertTaskInstance(db.pool, { run, taskId: 'extract', state: 'success' });
      for (const taskId of ['load', 'report']) await insertTaskInstance(db.pool, { run, taskId, state });
    }
    await insertDag(db.pool, { ...etl, tasks: [...etl.tasks, 'notify'], edges: [...etl.edges, ['extract', 'notify']] });
    const executor = await start();
    await commands.createBackfill(
      { dagId: 'etl', from: '2026-01-01', to: '2026-01-02', tasks: ['load'], reprocessBehavior: 'failed' },
      actor,
    );
    await eventually(async () => expect((await db.pool.query('SELECT FROM backfill WHERE completed_at IS NULL')).rowCount).toBe(0));
    expect(ranOf(executor)).toEqual(['r2 load2', 'r2 notify1']);
    expect(await tasksOf('r1')).toEqual(['extract success', 'load success', 'report success']);

    await commands.createBackfill(
      { dagId: 'etl', from: '2026-01-01', to: '2026-01-01', tasks: ['notify'], reprocessBehavior: 'completed' },
      actor,
    );
    await eventually(async () =>
      expect(await tasksOf('r1')).toEqual(['extract success', 'load success', 'report success', 'notify success']),
    );
    expect(await runStates()).toEqual(['r1 success', 'r2 failed']);
    expect(await tasksOf('r2')).toEqual(['extract success', 'load success', 'report failed', 'notify success']);
  });
});

describe('a backfill', () => {
  it('of tasks that wait for the run before begins with its first run, and cannot run backwards', async () => {
    await insertDag(db.pool, { ...etl, tasks: [{ id: 'extract', dependsOnPast: true }, 'load', 'report'] });
    const run = await insertRun(db.pool, { dagId: 'etl', runId: 'before', state: 'failed', logicalDate: '2026-01-01' });
    await insertTaskInstance(db.pool, { run, taskId: 'extract', state: 'failed' });
    const range = { dagId: 'etl', from: '2026-01-02', to: '2026-01-04' };
    await expect(commands.createBackfill({ ...range, runBackwards: true }, actor)).rejects.toThrow(
      'a backfill of DAG "etl" cannot run backwards: "extract" waits for the run before (dependsOnPast)',
    );
    const executor = await start();
    await commands.createBackfill(range, actor);
    await eventually(async () => expect((await runStates()).filter((state) => state.endsWith('success'))).toHaveLength(3));
    expect(ranOf(executor).filter((ran) => ran.includes('extract'))).toEqual(
      ['02', '03', '04'].map((day) => `backfill__2026-01-${day}T00:00:00+00:00 extract1`),
    );
  });

  it('that is cancelled stops what runs when asked to; its runs can be cleared and run, though it was paused', async () => {
    await insertDag(db.pool, { ...etl, isPaused: true });
    const executor = await start((task) => (task.tryNumber === 1 ? null : success));
    const { id } = await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-01-03', maxActiveRuns: 1 }, actor);
    await eventually(() => expect(executor.ran).toHaveLength(1));
    await commands.pauseBackfill(id, actor);
    await commands.cancelBackfill(id, actor, { stopRunning: true });
    await eventually(async () => expect((await runStates()).every((state) => state.endsWith('failed'))).toBe(true));
    await eventually(() => expect(executor.cancelled).toHaveLength(1));
    const runId = 'backfill__2026-01-01T00:00:00+00:00';
    await commands.clearRun({ dagId: 'etl', runId }, actor);
    await eventually(async () => expect(await tasksOf(runId)).toContain('extract success'));
  });
});
