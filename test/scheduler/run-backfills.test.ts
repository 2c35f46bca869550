import { createCommands } from '../../src/commands/create-commands';
import type { Commands } from '../../src/commands/commands';
import type { TimetableSpec } from '../../src/dag-spec/spec';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { RunBackfills } from '../../src/scheduler/run-backfills';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun } from '../support/factories';

const db = useTestDatabase();
const actor = { user: 'ada', via: 'cli' } as const;
const daily: TimetableSpec = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' };
const never = new AbortController().signal;

let ledger: PostgresLedger;
let commands: Commands;
const service = () => new RunBackfills({ database: db.database, ledger, onQueued: () => undefined });
beforeAll(() => {
  ledger = new PostgresLedger({ url: db.url });
  commands = createCommands({ database: db.database, ledger, clock: { now: () => Date.parse('2026-06-01') }, wakeup: () => undefined });
});
afterAll(() => ledger.close());
beforeEach(() => db.reset());

const pass = async (it = service()) => {
  while (await it.runOnce(never));
};
const runs = async () =>
  (await db.pool.query('SELECT run_id, run_type, state, conf, triggered_by FROM dag_run ORDER BY logical_date')).rows as {
    run_id: string;
    run_type: string;
    state: string;
    conf: object;
    triggered_by: string;
  }[];
const outcomes = async () =>
  (await db.pool.query('SELECT outcome FROM backfill_run ORDER BY ordinal')).rows.map((row) => row.outcome as string | null);
const isComplete = async () =>
  (await db.pool.query('SELECT completed_at IS NOT NULL AS complete FROM backfill')).rows[0].complete as boolean;
const endAll = () =>
  db.pool.query(
    `UPDATE dag_run SET state = 'success', version = (SELECT current_version FROM dag d WHERE d.dag_id = dag_run.dag_id), end_date = now() WHERE state IN ('queued', 'running')`,
  );

describe('a backfill', () => {
  it('makes a bounded number of runs ahead of those that may run, in order, until all are there; then it is complete', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily, isPaused: true });
    await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-03-31', maxActiveRuns: 4, conf: { x: 1 } }, actor);
    await pass();
    const first = await runs();
    expect(first).toHaveLength(24);
    expect(first[0]).toEqual({
      run_id: 'backfill__2026-01-01T00:00:00+00:00',
      run_type: 'backfill',
      state: 'queued',
      conf: { x: 1 },
      triggered_by: 'backfill',
    });
    await pass();
    expect(await runs()).toHaveLength(24);
    for (let round = 0; round < 10; round++) {
      await endAll();
      await pass();
    }
    expect(await runs()).toHaveLength(90);
    expect(new Set(await outcomes())).toEqual(new Set(['created']));
    expect(await isComplete()).toBe(true);
  });

  it('begins with the newest when it runs backwards', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-03-31', maxActiveRuns: 1, runBackwards: true }, actor);
    await pass();
    expect((await runs())[0]!.run_id).toBe('backfill__2026-03-11T00:00:00+00:00');
    expect((await runs()).at(-1)!.run_id).toBe('backfill__2026-03-31T00:00:00+00:00');
  });

  it.each([
    ['none', ['already exists', 'already exists', 'in flight', 'created'], ['failed', 'success', 'running', 'queued']],
    ['failed', ['cleared', 'already exists', 'in flight', 'created'], ['queued', 'success', 'running', 'queued']],
    ['completed', ['cleared', 'cleared', 'in flight', 'created'], ['queued', 'queued', 'running', 'queued']],
  ] as const)(
    'that reprocesses %s leaves or clears the runs that are there',
    async (reprocessBehavior, expectedOutcomes, expectedStates) => {
      await insertDag(db.pool, { dagId: 'etl', timetable: daily });
      const existing = { dagId: 'etl', runType: 'scheduled' } as const;
      await insertRun(db.pool, { ...existing, runId: 'a', state: 'failed', logicalDate: '2026-01-01T00:00:00Z' });
      await insertRun(db.pool, { ...existing, runId: 'b', state: 'success', logicalDate: '2026-01-02T00:00:00Z' });
      await insertRun(db.pool, { ...existing, runId: 'c', state: 'running', logicalDate: '2026-01-03T00:00:00Z' });
      await commands.createBackfill(
        { dagId: 'etl', from: '2026-01-01', to: '2026-01-04', reprocessBehavior, conf: { again: true } },
        actor,
      );
      await pass();
      expect(await outcomes()).toEqual(expectedOutcomes);
      const after = await runs();
      expect(after.map((run) => run.state)).toEqual(expectedStates);
      for (const [i, outcome] of expectedOutcomes.entries()) {
        if (outcome === 'cleared')
          expect(after[i]).toMatchObject({ run_type: 'backfill', triggered_by: 'backfill', conf: { again: true } });
        if (outcome === 'already exists' || outcome === 'in flight') expect(after[i]).toMatchObject({ run_type: 'scheduled', conf: {} });
      }
      expect(await isComplete()).toBe(false);
      await db.pool.query(
        `UPDATE dag_run SET state = 'success', version = (SELECT current_version FROM dag), end_date = now() WHERE backfill_id IS NOT NULL`,
      );
      await pass();
      expect(await isComplete()).toBe(true);
    },
  );

  it('never makes a second run for a logical date, whoever carries it out and whoever schedules at the same time', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-01-20', maxActiveRuns: 40 }, actor);
    const scheduled = Array.from({ length: 20 }, (_, i) => Date.UTC(2026, 0, 1 + i)).map(
      (logicalDate) =>
        ({
          dagId: 'etl',
          runId: `scheduled__${logicalDate}`,
          runType: 'scheduled',
          logicalDate,
          interval: { start: logicalDate, end: logicalDate + 86_400_000 },
          runAfter: logicalDate,
          conf: {},
          triggeredBy: 'timetable',
          triggeringUser: null,
          note: null,
          backfill: null,
        }) as const,
    );
    await Promise.all([pass(), pass(), pass(), ...scheduled.map((run) => ledger.createRuns([run]))]);
    await pass();
    const { rows } = await db.pool.query('SELECT count(*)::int AS n, count(DISTINCT logical_date)::int AS dates FROM dag_run');
    expect(rows).toEqual([{ n: 20, dates: 20 }]);
    const mine = (await runs()).filter((run) => run.run_type === 'backfill').length;
    const counted = (await outcomes()).filter((outcome) => outcome === 'created').length;
    expect(counted).toBe(mine);
    expect((await outcomes()).filter((outcome) => outcome === null)).toEqual([]);
  });

  it('makes nothing while it is paused, or when it has been cancelled', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    const { id } = await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-01-20' }, actor);
    await commands.pauseBackfill(id, actor);
    await pass();
    expect(await runs()).toEqual([]);
    await commands.unpauseBackfill(id, actor);
    await commands.cancelBackfill(id, actor);
    await pass();
    expect(await runs()).toEqual([]);
    expect(new Set(await outcomes())).toEqual(new Set(['cancelled']));
  });

  it('that is cancelled while its runs are being made has none that it does not know of', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    const { id } = await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-05-20', maxActiveRuns: 300 }, actor);
    await Promise.all([pass(), commands.cancelBackfill(id, actor), pass()]);
    const { rows } = await db.pool.query(
      `SELECT count(*) FILTER (WHERE r.state = 'queued')::int AS queued, count(*) FILTER (WHERE s.outcome IS DISTINCT FROM 'created')::int AS unknown
         FROM dag_run r LEFT JOIN backfill_run s ON s.run = r.pk`,
    );
    expect(rows).toEqual([{ queued: 0, unknown: 0 }]);
  });
});
