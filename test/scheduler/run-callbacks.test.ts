import type { Outcome } from '../../src/core/workload';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { FileLogStore } from '../../src/logs/file-log-store';
import { Lanes } from '../../src/scheduler/lanes';
import { RunCallbacks } from '../../src/scheduler/run-callbacks';
import { silentLogger } from '../../src/telemetry/create-logger';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { InstantExecutor } from '../support/instant-executor';

const db = useTestDatabase();
const config = { dagsFolder: '/dags', maxXcomBytes: 1024, parallelism: 4 };
const opened: PostgresLedger[] = [];

async function openSession(): Promise<{ ledger: PostgresLedger; session: string }> {
  const ledger = new PostgresLedger({ url: db.url });
  opened.push(ledger);
  const session = await ledger.openSession({
    kind: 'scheduler', host: 'here', bootId: 'b', pid: process.pid, version: '0', lanes: ['default'], capacity: 4, leaseMs: 60_000,
  }); // prettier-ignore
  return { ledger, session };
}

async function service(executor: InstantExecutor, session: string) {
  const logs = new FileLogStore('/home');
  const lanes = new Lanes({
    executors: new Map([['default', executor]]),
    api: {} as never,
    logs,
    config,
    logger: silentLogger,
    onStarted: () => undefined,
    onOutcome: () => undefined,
    onCapacity: () => undefined,
    onCallbackRoom: () => undefined,
  });
  await lanes.start();
  return {
    lanes,
    callbacks: new RunCallbacks({ database: db.database, session: () => session, lanes, logs, config, logger: silentLogger }),
  };
}

/** A finished run with a task, whose failure is to be told. */
async function insertFailure(event = 'failure'): Promise<number> {
  const run = await insertRun(db.pool, { dagId: 'etl', state: 'failed' });
  await insertTaskInstance(db.pool, { run, taskId: 'load', state: 'failed', tryNumber: 2 });
  await db.pool.query(
    `INSERT INTO callback (run, ti, event, version, try_number, reason, error)
     SELECT $1, t.pk, $2, r.version, 2, 'timeout', '{"name":"TypeError","message":"no","stack":null}'
     FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE t.run = $1 AND t.task_id = 'load'`,
    [run, event],
  );
  return run;
}
const rows = async () =>
  (await db.pool.query<{ outcome: string | null; tries: number; done: boolean }>(
    `SELECT outcome, tries, done_at IS NOT NULL AS done FROM callback ORDER BY created_at`,
  )).rows; // prettier-ignore

beforeEach(async () => {
  await db.reset();
  await insertDag(db.pool, { dagId: 'etl', tasks: [{ id: 'load', retries: 3 }] });
});
afterEach(async () => {
  for (const ledger of opened.splice(0)) await ledger.close();
});

it('a callback is handed to the executor with what it has to tell, and done once it has run', async () => {
  await insertFailure();
  const { session } = await openSession();
  const executor = new InstantExecutor();
  const { callbacks } = await service(executor, session);
  await callbacks.runOnce();
  await eventually(async () => expect(await rows()).toEqual([{ outcome: 'success', tries: 1, done: true }]));
  expect(executor.calledBack).toMatchObject([
    {
      event: 'failure',
      task: { taskId: 'load', mapIndex: -1, tryNumber: 2 },
      reason: 'timeout',
      error: { name: 'TypeError', message: 'no' },
      run: { dagId: 'etl' },
    },
  ]);
  expect(executor.calledBack[0]!.logPath).toContain('/task_id=load/callback=failure.');
  await callbacks.runOnce();
  expect(executor.calledBack).toHaveLength(1);
});

it('one that threw has run; one whose process was lost runs again', async () => {
  await insertFailure();
  const { session } = await openSession();
  const outcomes: Outcome[] = [
    { kind: 'lost', message: 'killed' },
    { kind: 'failed', error: { name: 'Error', message: 'x', stack: null }, retryable: false, reason: 'executed' },
  ];
  const executor = new InstantExecutor(4, undefined, () => outcomes.shift()!);
  const { callbacks } = await service(executor, session);
  await callbacks.runOnce();
  await eventually(async () => expect(await rows()).toEqual([{ outcome: 'lost', tries: 1, done: false }]));
  await db.pool.query('UPDATE callback SET due_at = clock_timestamp()');
  await callbacks.runOnce();
  await eventually(async () => expect(await rows()).toEqual([{ outcome: 'failed', tries: 2, done: true }]));
  expect(executor.calledBack.map(({ isolation }) => isolation)).toEqual(['warm', 'fresh']);
});

it('a callback of a scheduler that died is taken by another, and the first is not believed any more', async () => {
  await insertFailure();
  const first = await openSession();
  const stuck = new InstantExecutor(4, undefined, () => null);
  await (await service(stuck, first.session)).callbacks.runOnce();
  expect(stuck.calledBack).toHaveLength(1);

  const second = await openSession();
  const executor = new InstantExecutor();
  const { callbacks } = await service(executor, second.session);
  await callbacks.runOnce();
  expect(executor.calledBack).toHaveLength(0);

  await first.ledger.closeSession(first.session);
  await callbacks.runOnce();
  await eventually(async () => expect(await rows()).toEqual([{ outcome: 'success', tries: 2, done: true }]));
  stuck.end(stuck.calledBack[0]!.attemptId, { kind: 'lost', message: 'late' });
  await callbacks.runOnce();
  expect(await rows()).toEqual([{ outcome: 'success', tries: 2, done: true }]);
});

it('waits for a slot of the executor, and the next one is kept for it', async () => {
  await insertFailure();
  const { session } = await openSession();
  const executor = new InstantExecutor(0);
  const { lanes, callbacks } = await service(executor, session);
  expect(await callbacks.runOnce()).toBe(false);
  expect(lanes.free()).toBe(3);
  expect(await rows()).toEqual([{ outcome: null, tries: 0, done: false }]);
});
