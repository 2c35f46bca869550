import type { ExecutorContext } from '../../executors/executor';
import { createCommands } from '../../src/commands/create-commands';
import type { RunTask } from '../../src/core/workload';
import type { TimetableSpec } from '../../src/dag-spec/spec';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { createWakeup } from '../../src/service/wakeup';
import { collectMetrics } from '../../src/telemetry/collect-metrics';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertDag, insertPool } from '../support/factories';
import { InstantExecutor } from '../support/instant-executor';
import { runScheduler } from '../support/run-scheduler';
import { TcpProxy } from '../support/tcp-proxy';

const db = useTestDatabase();
const actor = { user: 'ada', via: 'cli' } as const;
const daily: TimetableSpec = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' };
const now = () => Date.parse('2026-03-10T12:00:00Z');

const stops: (() => Promise<void>)[] = [];
async function startScheduler(executor = new InstantExecutor(), url = db.url): Promise<{ stop(): Promise<void> }> {
  const end = await runScheduler(url, executor, now);
  let stopped: Promise<void> | null = null;
  const stop = () => (stopped ??= end());
  stops.push(stop);
  return { stop };
}
async function commands() {
  const ledger = new PostgresLedger({ url: db.url });
  stops.push(() => ledger.close());
  return createCommands({ database: db.database, ledger, clock: { now }, wakeup: createWakeup(db.pool) });
}
const states = async (where = 'true') =>
  (
    await db.pool.query<{ state: string; n: number }>(
      `SELECT state, count(*)::int AS n FROM dag_run WHERE ${where} GROUP BY state ORDER BY state`,
    )
  ).rows;

beforeEach(() => db.reset());
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

describe('the scheduler', () => {
  it('carries a scheduled run from its creation to its end', async () => {
    await insertDag(db.pool, {
      dagId: 'etl',
      timetable: daily,
      tasks: ['a', { id: 'b', inputs: { x: 'a' }, executionTimeoutMs: 5_000, memoryMb: 64 }],
      edges: [['a', 'b']],
      next: {
        runAfter: '2026-03-10T00:00:00Z',
        logicalDate: '2026-03-09T00:00:00Z',
        start: '2026-03-09T00:00:00Z',
        end: '2026-03-10T00:00:00Z',
      },
    });
    const executor = new InstantExecutor();
    await startScheduler(executor);
    await eventually(async () => expect(await states()).toEqual([{ state: 'success', n: 1 }]));
    expect(executor.ran.map((task) => task.taskId)).toEqual(['a', 'b']);
    expect(executor.ran[1]).toMatchObject({
      kind: 'run-task',
      dagsFolder: '/dags',
      filePath: 'etl.ts',
      inputs: { x: 'a' },
      executionTimeoutMs: 5_000,
      memoryMb: 64,
      tryNumber: 1,
      piece: 0,
      logPath: '/logs/etl/scheduled__2026-03-09T00:00:00+00:00/b/1',
      maxXcomBytes: 1024,
      run: {
        dagId: 'etl',
        runType: 'scheduled',
        logicalDate: Date.parse('2026-03-09T00:00:00Z'),
        dataIntervalEnd: Date.parse('2026-03-10T00:00:00Z'),
        conf: {},
      },
    });
  });

  it('starts a run that somebody triggered, and one of a paused DAG when it is unpaused', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    await insertDag(db.pool, { dagId: 'paused', isPaused: true });
    await startScheduler();
    const { triggerRun, setPaused } = await commands();
    await triggerRun({ dagId: 'paused' }, actor);
    await triggerRun({ dagId: 'etl', conf: { a: 1 } }, actor);
    await eventually(async () => expect(await states(`dag_id = 'etl'`)).toEqual([{ state: 'success', n: 1 }]));
    expect(await states(`dag_id = 'paused'`)).toEqual([{ state: 'queued', n: 1 }]);
    await setPaused('paused', false, actor);
    await eventually(async () => expect(await states(`dag_id = 'paused'`)).toEqual([{ state: 'success', n: 1 }]));
  });

  it('carries out a backfill of a paused DAG, never more runs at once than it may, in the order of its ordinals', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily, isPaused: true, tasks: ['a', 'b'], edges: [['a', 'b']] });
    let most = 0;
    const executor = new InstantExecutor(16, async () => {
      const [row] = await states(`state = 'running'`);
      most = Math.max(most, row?.n ?? 0);
      return { kind: 'success', returnValue: null, branch: null };
    });
    const { createBackfill } = await commands();
    await createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-02-09', maxActiveRuns: 3 }, actor);
    await startScheduler(executor);
    await eventually(
      async () => expect((await db.pool.query('SELECT FROM backfill WHERE completed_at IS NOT NULL')).rowCount).toBe(1),
      40_000,
    );
    expect(await states()).toEqual([{ state: 'success', n: 40 }]);
    expect(most).toBeLessThanOrEqual(3);
    const order = executor.ran.filter((task) => task.taskId === 'a').map((task) => task.run.logicalDate!);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('lets live runs go before those of a backfill that fills the pool', async () => {
    await insertPool(db.pool, 'narrow', 1);
    const task = { id: 'a', pool: 'narrow' };
    await insertDag(db.pool, { dagId: 'history', timetable: daily, tasks: [task] });
    await insertDag(db.pool, { dagId: 'live', tasks: [task] });
    const held: string[] = [];
    const executor = new InstantExecutor(16, (task) => {
      held.push(task.attemptId);
      return null;
    });
    const { createBackfill, triggerRun } = await commands();
    await createBackfill({ dagId: 'history', from: '2026-01-01', to: '2026-02-20', maxActiveRuns: 10 }, actor);
    await startScheduler(executor);
    await eventually(() => held.length === 1);
    await triggerRun({ dagId: 'live' }, actor);
    // Ten runs of the backfill are waiting for the slot by now; the live one goes before them all.
    await eventually(async () => expect(await states(`dag_id = 'live'`)).toEqual([{ state: 'running', n: 1 }]));
    await eventually(async () => expect((await db.pool.query('SELECT FROM task_instance WHERE admissible')).rowCount).toBeGreaterThan(9));
    executor.end(held[0]!);
    await eventually(() => held.length === 2);
    expect(executor.ran.map((task) => task.run.dagId)).toEqual(['history', 'live']);
  });

  it('shares the work with another one, each try once', async () => {
    await insertDag(db.pool, { dagId: 'etl', tasks: Array.from({ length: 30 }, (_, i) => `t${i}`), maxActiveTasks: 64 });
    const executors = [new InstantExecutor(4), new InstantExecutor(4)];
    await Promise.all(executors.map((executor) => startScheduler(executor)));
    const { triggerRun } = await commands();
    for (let i = 0; i < 5; i++) await triggerRun({ dagId: 'etl' }, actor);
    await eventually(async () => expect(await states()).toEqual([{ state: 'success', n: 5 }]));
    const tries = executors.flatMap((executor) => executor.ran).map((task) => `${task.run.runId} ${task.taskId} ${task.tryNumber}`);
    expect(tries).toHaveLength(150);
    expect(new Set(tries).size).toBe(150);
    for (const executor of executors) expect(executor.mostAtOnce).toBeLessThanOrEqual(4);
  });

  it('goes on by itself after every connection was cut, and loses no try for it', async () => {
    await insertDag(db.pool, {
      dagId: 'etl',
      tasks: ['a', 'b', 'c'],
      edges: [
        ['a', 'b'],
        ['b', 'c'],
      ],
    });
    const held: string[] = [];
    const executor = new InstantExecutor(16, (task) => {
      held.push(task.attemptId);
      return null;
    });
    await startScheduler(executor);
    const { triggerRun } = await commands();
    await triggerRun({ dagId: 'etl' }, actor);
    await eventually(() => held.length === 1);
    for (let round = 0; round < 3; round++) {
      executor.end(held[round]!);
      await db.pool.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      if (round < 2) await eventually(() => held.length === round + 2);
    }
    await eventually(async () => expect(await states()).toEqual([{ state: 'success', n: 1 }]));
    expect(executor.ran.map((task) => `${task.taskId} ${task.tryNumber}`)).toEqual(['a 1', 'b 1', 'c 1']);
  });

  it('goes on by itself when the database comes back after it was away for longer than a lease', async () => {
    const { proxy, url } = await TcpProxy.before(db.url);
    await insertDag(db.pool, { dagId: 'etl', tasks: ['a', 'b'], edges: [['a', 'b']] });
    await insertDag(db.pool, { dagId: 'other' });
    const executor = new InstantExecutor(16, (task) => (task.taskId === 'b' ? { kind: 'success', returnValue: null, branch: null } : null));
    await startScheduler(executor, url);
    const { triggerRun } = await commands();
    await triggerRun({ dagId: 'etl' }, actor);
    await eventually(() => executor.ran.length === 1);
    await proxy.down();
    // It ends while nobody can be told, and another run is asked for.
    executor.end(executor.ran[0]!.attemptId);
    await triggerRun({ dagId: 'other' }, actor);
    const leaseIsOver = `SELECT FROM session WHERE lease_until < clock_timestamp() AND state = 'alive'`;
    await eventually(async () => expect((await db.pool.query(leaseIsOver)).rowCount).toBe(1));
    await proxy.up();
    await eventually(async () => expect(await states(`dag_id = 'etl'`)).toEqual([{ state: 'success', n: 1 }]), 30_000);
    await eventually(() => executor.ran.some((task) => task.run.dagId === 'other'), 30_000);
    expect(executor.ran.filter((task) => task.run.dagId === 'etl').map((task) => `${task.taskId} ${task.tryNumber}`)).toEqual([
      'a 1',
      'b 1',
    ]);
    expect(executor.cancelled).toEqual([]);
    stops.push(() => proxy.down());
  });

  it('that was taken for dead stops what it runs, and goes on with a new session', async () => {
    await insertDag(db.pool, { dagId: 'etl', tasks: [{ id: 'a', retries: 1, retryDelaysMs: [0] }] });
    const executor = new InstantExecutor(16, (task) =>
      task.tryNumber === 1 ? null : { kind: 'success', returnValue: null, branch: null },
    );
    await startScheduler(executor);
    const { triggerRun } = await commands();
    await triggerRun({ dagId: 'etl' }, actor);
    await eventually(() => executor.ran.length === 1);
    await db.pool.query(`UPDATE session SET state = 'lost', ended_at = clock_timestamp()`);
    await eventually(async () => expect(await states()).toEqual([{ state: 'success', n: 1 }]));
    expect(executor.cancelled).toEqual([executor.ran[0]!.attemptId]);
    expect(executor.ran.map((task) => task.tryNumber)).toEqual([1, 2]);
    expect((await db.pool.query(`SELECT FROM session WHERE state = 'alive'`)).rowCount).toBe(1);
  });

  it('has its executors end what a scheduler that died on this host left running, before its tries start again', async () => {
    await insertDag(db.pool, { dagId: 'etl', tasks: ['a'] });
    const frozen = new InstantExecutor(1, () => null);
    frozen.cancel = () => undefined;
    await startScheduler(frozen);
    const { triggerRun } = await commands();
    await triggerRun({ dagId: 'etl' }, actor);
    await eventually(() => frozen.ran.length === 1);

    const events: string[] = [];
    const executor = new (class extends InstantExecutor {
      override async start(context: ExecutorContext): Promise<void> {
        await super.start(context);
        const { rowCount } = await db.pool.query(`SELECT FROM attempt WHERE state = 'ended'`);
        events.push(`start, ${rowCount} ended`);
      }
      sweep(): void {
        events.push('sweep');
      }
      override run(tasks: readonly RunTask[]): void {
        events.push('run');
        super.run(tasks);
      }
    })();
    await db.pool.query('UPDATE session SET pid = 2 ^ 22 - 1');
    await startScheduler(executor);
    await eventually(async () => expect(await states()).toEqual([{ state: 'success', n: 1 }]));
    expect(events).toEqual(['start, 0 ended', 'sweep', 'run']);
  });

  it('counts what it does, under Airflow’s names', async () => {
    await insertDag(db.pool, { dagId: 'etl', tasks: ['a', { id: 'b', pool: 'closed' }] });
    await insertPool(db.pool, 'closed', 0);
    const scheduler = await startScheduler();
    const { triggerRun } = await commands();
    await triggerRun({ dagId: 'etl' }, actor);
    const text = await eventually(async () => {
      const text = await collectMetrics(db.database);
      expect(text).toContain('thence_ti_finish{state="success",dag_id="etl"} 1');
      return text;
    });
    for (const line of [
      'thence_ti_start{dag_id="etl"} 1',
      'thence_ti_successes 1',
      'thence_executor_open_slots{executor="default"} 16',
      'thence_pool_open_slots{pool_name="default_pool"} 128',
      'thence_pool_starving_tasks{pool_name="closed"} 1',
      'thence_scheduler_tasks_starving 1',
      'thence_scheduler_dagruns_running 1',
      'thence_dagbag_size 1',
      'thence_task_duration_count{dag_id="etl"} 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toMatch(/thence_scheduler_heartbeat [1-9]/);
    expect(text).toMatch(/thence_scheduler_scheduler_loop_duration_count [1-9]/);
    await scheduler.stop();
  });

  it('gives a task that asks for the default executor by name the same lane', async () => {
    await insertDag(db.pool, { dagId: 'etl', tasks: [{ id: 'a', executor: 'instant' }] });
    await startScheduler();
    const { triggerRun } = await commands();
    await triggerRun({ dagId: 'etl' }, actor);
    await eventually(async () => expect(await states()).toEqual([{ state: 'success', n: 1 }]));
  });

  it('stops with nothing left over: no live try, no session', async () => {
    await insertDag(db.pool, { dagId: 'etl', tasks: ['a'] });
    const executor = new InstantExecutor(16, () => null);
    const scheduler = await startScheduler(executor);
    const { triggerRun } = await commands();
    await triggerRun({ dagId: 'etl' }, actor);
    await eventually(() => executor.ran.length === 1);
    await scheduler.stop();
    expect((await db.pool.query(`SELECT FROM attempt WHERE state <> 'ended'`)).rowCount).toBe(0);
    expect((await db.pool.query(`SELECT FROM session WHERE state = 'alive'`)).rowCount).toBe(0);
  });
});

describe('mapped tasks and whole runs', () => {
  const mapped = (length: number) => {
    const keys = [{ name: 'x', target: 'input', source: { kind: 'literal', length } }] as const;
    return { id: 'm', expand: { kind: 'product', keys, maxMapLength: length } } as const;
  };

  it('a long map is expanded in chunks, and what there is of it starts at once', async () => {
    await insertDag(db.pool, { dagId: 'd', maxActiveTasks: 2_000, tasks: [mapped(1_500), 'after'], edges: [['m', 'after']] });
    const executor = new InstantExecutor(200);
    await startScheduler(executor);
    await (await commands()).triggerRun({ dagId: 'd' }, actor);
    await eventually(async () => expect(await states()).toEqual([{ state: 'success', n: 1 }]), 40_000);
    expect(executor.ran).toHaveLength(1_501);
    expect(executor.ran.at(-1)!.taskId).toBe('after');
    expect(executor.ran[7]).toMatchObject({ taskId: 'm', mapLengths: [1_500] });
    expect(new Set(executor.ran.map(({ mapIndex }) => mapIndex)).size).toBe(1_501);
  });

  it('a run that takes longer than dagrunTimeout is ended, and what it runs is stopped', async () => {
    await insertDag(db.pool, { dagId: 'd', dagrunTimeoutMs: 300, tasks: ['long', 'after'], edges: [['long', 'after']] });
    const executor = new InstantExecutor(4, () => null);
    await startScheduler(executor);
    await (await commands()).triggerRun({ dagId: 'd' }, actor);
    await eventually(async () => expect(await states()).toEqual([{ state: 'failed', n: 1 }]));
    await eventually(() => expect(executor.cancelled).toEqual([executor.ran[0]!.attemptId]));
    expect((await db.pool.query('SELECT end_reason FROM dag_run')).rows).toEqual([{ end_reason: 'timeout' }]);
  });

  it('a run that fails is tried again as a whole, as often as runRetries says', async () => {
    await insertDag(db.pool, { dagId: 'd', runRetries: 2, tasks: ['good', 'bad'] });
    const failed = { kind: 'failed', error: { name: 'Error', message: 'no', stack: null }, retryable: true, reason: 'executed' } as const;
    const executor = new InstantExecutor(4, ({ taskId }) =>
      taskId === 'bad' ? failed : { kind: 'success', returnValue: null, branch: null },
    );
    await startScheduler(executor);
    await (await commands()).triggerRun({ dagId: 'd' }, actor);
    await eventually(async () => expect(await states('retries_used = 2 AND retry_at IS NULL')).toEqual([{ state: 'failed', n: 1 }]));
    expect(executor.ran.map(({ taskId, tryNumber }) => `${taskId} ${tryNumber}`).sort()).toEqual(['bad 1', 'bad 2', 'bad 3', 'good 1']);
  });
});
