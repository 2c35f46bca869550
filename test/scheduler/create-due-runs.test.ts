import type { TimetableSpec } from '../../src/dag-spec/spec';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { CreateDueRuns } from '../../src/scheduler/create-due-runs';
import { firstRunOf } from '../../src/timetables/next-run';
import { useTestDatabase } from '../support/database';
import { dagSpec, insertDag, insertRun, type DagSpecInput } from '../support/factories';

const db = useTestDatabase();
const daily: TimetableSpec = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' };
const ledgers: PostgresLedger[] = [];
let now = 0;

/** What services told the scheduler. */
let created = 0;
let wakes: number[] = [];

function service(): CreateDueRuns {
  const ledger = new PostgresLedger({ url: db.url });
  ledgers.push(ledger);
  return new CreateDueRuns({
    database: db.database,
    ledger,
    clock: { now: () => now },
    onCreated: () => created++,
    wakeAt: (at) => wakes.push(at),
  });
}
const never = new AbortController().signal;
const untilDone = async (it: CreateDueRuns) => {
  while (await it.runOnce(never));
};

/** As the DAG processor stores it. */
async function storeDag(input: DagSpecInput & { isPaused?: boolean }): Promise<void> {
  const next = firstRunOf(dagSpec(input), null, now);
  await insertDag(db.pool, {
    ...input,
    next: next && { runAfter: next.runAfter, logicalDate: next.logicalDate, start: next.interval.start, end: next.interval.end },
  });
}
const days = async (dagId: string) => {
  const { rows } = await db.pool.query<{ logical_date: Date }>(
    `SELECT logical_date FROM dag_run WHERE dag_id = $1 AND run_type = 'scheduled' ORDER BY logical_date`,
    [dagId],
  );
  return rows.map((row) => row.logical_date.toISOString().slice(0, 10));
};
const endAll = () =>
  db.pool.query(
    `UPDATE dag_run SET state = 'success', version = (SELECT current_version FROM dag d WHERE d.dag_id = dag_run.dag_id), end_date = now() WHERE state IN ('queued', 'running')`,
  );

beforeEach(async () => {
  await db.reset();
  created = 0;
  wakes = [];
  now = Date.parse('2026-03-10T12:00:00Z');
});
afterEach(async () => {
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
});

describe('scheduled runs', () => {
  it('without catchup begin with the newest complete interval, and come when each next one has ended', async () => {
    await storeDag({ dagId: 'etl', timetable: daily, startDate: '2026-01-01T00:00:00Z' });
    const it = service();
    await untilDone(it);
    expect(await days('etl')).toEqual(['2026-03-09']);
    expect(created).toBe(1);
    const { rows } = await db.pool.query(
      'SELECT run_id, run_type, interval_start, interval_end, run_after, triggered_by, state FROM dag_run',
    );
    expect(rows).toEqual([
      {
        run_id: 'scheduled__2026-03-09T00:00:00+00:00',
        run_type: 'scheduled',
        triggered_by: 'timetable',
        state: 'queued',
        interval_start: new Date('2026-03-09T00:00:00Z'),
        interval_end: new Date('2026-03-10T00:00:00Z'),
        run_after: new Date('2026-03-10T00:00:00Z'),
      },
    ]);
    now = Date.parse('2026-03-10T23:59:59Z');
    await untilDone(it);
    expect(await days('etl')).toHaveLength(1);
    expect(wakes).toContain(Date.parse('2026-03-11T00:00:00Z'));
    now = Date.parse('2026-03-11T00:00:00Z');
    await untilDone(it);
    expect(await days('etl')).toEqual(['2026-03-09', '2026-03-10']);
  });

  it('with catchup come for every interval since startDate, no more at once than maxActiveRuns lets run', async () => {
    await storeDag({ dagId: 'etl', timetable: daily, startDate: '2026-03-01T00:00:00Z', catchup: true, maxActiveRuns: 4 });
    const it = service();
    await untilDone(it);
    expect(await days('etl')).toEqual(['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04']);
    expect(it.waitsFor('etl')).toBe(true);
    await endAll();
    await untilDone(it);
    expect(await days('etl')).toHaveLength(8);
    await endAll();
    await untilDone(it);
    expect((await days('etl')).at(-1)).toBe('2026-03-09');
    expect(it.waitsFor('etl')).toBe(false);
  });

  it('are not made while the DAG is paused; then, without catchup, only the newest', async () => {
    await storeDag({ dagId: 'etl', timetable: daily, isPaused: true });
    const it = service();
    now = Date.parse('2026-04-20T12:00:00Z');
    await untilDone(it);
    expect(await days('etl')).toEqual([]);
    await db.pool.query('UPDATE dag SET is_paused = false');
    await untilDone(it);
    expect(await days('etl')).toEqual(['2026-04-19']);
  });

  it('leave out a logical date that has a run already', async () => {
    await storeDag({ dagId: 'etl', timetable: daily, startDate: '2026-03-07T00:00:00Z', catchup: true });
    await insertRun(db.pool, { dagId: 'etl', runId: 'mine', state: 'success', logicalDate: '2026-03-08T00:00:00Z' });
    await untilDone(service());
    expect(await days('etl')).toEqual(['2026-03-07', '2026-03-09']);
  });

  it('end with endDate, and of @once there is one', async () => {
    await storeDag({ dagId: 'ends', timetable: daily, startDate: '2026-03-01T00:00:00Z', endDate: '2026-03-03T00:00:00Z', catchup: true });
    await storeDag({ dagId: 'once', timetable: { kind: 'once' }, startDate: '2026-01-01T00:00:00Z' });
    const it = service();
    await untilDone(it);
    now += 10 * 86_400_000;
    await untilDone(it);
    expect(await days('ends')).toEqual(['2026-03-01', '2026-03-02', '2026-03-03']);
    expect(await days('once')).toEqual(['2026-01-01']);
    expect((await db.pool.query('SELECT count(*)::int AS n FROM dag WHERE next_run_after IS NULL')).rows).toEqual([{ n: 2 }]);
  });

  it('are made once, however many schedulers look at the same moment', async () => {
    for (let i = 0; i < 6; i++)
      await storeDag({ dagId: `dag_${i}`, timetable: daily, startDate: '2026-01-01T00:00:00Z', catchup: true, maxActiveRuns: 30 });
    await Promise.all(Array.from({ length: 4 }, () => untilDone(service())));
    const { rows } = await db.pool.query(
      'SELECT dag_id, count(*)::int AS n, count(DISTINCT logical_date)::int AS dates FROM dag_run GROUP BY dag_id ORDER BY dag_id',
    );
    expect(rows).toEqual(Array.from({ length: 6 }, (_, i) => ({ dag_id: `dag_${i}`, n: 30, dates: 30 })));
    expect((await days('dag_0')).at(-1)).toBe('2026-01-30');
  });

  it('of one DAG with a broken row do not hold up those of another', async () => {
    await storeDag({ dagId: 'etl', timetable: daily });
    await storeDag({ dagId: 'odd', timetable: daily });
    await db.pool.query(`UPDATE dag SET next_logical_date = NULL WHERE dag_id = 'odd'`);
    await untilDone(service());
    expect(await days('etl')).toEqual(['2026-03-09']);
  });
});
