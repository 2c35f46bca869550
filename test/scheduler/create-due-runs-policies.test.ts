import type { DagSpec, TimetableSpec } from '../../src/dag-spec/spec';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { newestScheduledRuns } from '../../src/read-model/newest-scheduled-runs';
import { CreateDueRuns } from '../../src/scheduler/create-due-runs';
import { firstRunOf, scheduleHashOf } from '../../src/timetables/next-run';
import type { AnswerTo, TimetableQuestion } from '../../src/timetables/questions';
import { ScheduleOracle, TimetableFailed, type CustomTimetables, type ScheduledDag } from '../../src/timetables/schedule-oracle';
import type { ScheduledRun } from '../../src/timetables/timetable';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { dagSpec, insertDag, type DagSpecInput } from '../support/factories';

const db = useTestDatabase();
const daily: TimetableSpec = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' };
const hourly: TimetableSpec = { kind: 'trigger', ticks: { kind: 'cron', expression: '@hourly', timezone: 'UTC' } };
const custom: TimetableSpec = { kind: 'custom', className: 'Moon', summary: 'Moon', description: 'Moon' };
const HOUR = 3_600_000;
let now = 0;
let ledger: PostgresLedger;
let created = 0;

function service(timetables: CustomTimetables | null = null): CreateDueRuns {
  const schedules = new ScheduleOracle(timetables);
  return new CreateDueRuns({
    database: db.database,
    ledger,
    clock: { now: () => now },
    onCreated: () => created++,
    wakeAt: () => undefined,
    schedules,
  });
}
const never = new AbortController().signal;
const untilDone = async (it: CreateDueRuns) => {
  while (await it.runOnce(never));
};
async function storeDag(
  input: DagSpecInput & { isPaused?: boolean },
  next: ScheduledRun | null = firstRunOf(dagSpec(input), null, now),
): Promise<void> {
  await insertDag(db.pool, {
    ...input,
    next: next && { runAfter: next.runAfter, logicalDate: next.logicalDate, start: next.interval.start, end: next.interval.end },
  });
}
const runs = async (dagId = 'etl') => {
  const { rows } = await db.pool.query<{ logical_date: Date; state: string; note: string | null }>(
    'SELECT logical_date, state, note FROM dag_run WHERE dag_id = $1 ORDER BY logical_date',
    [dagId],
  );
  return rows.map((row) => `${row.logical_date.toISOString().slice(5, 16)} ${row.state}`);
};
const endAll = () =>
  db.pool.query(
    `UPDATE dag_run SET state = 'success', version = (SELECT current_version FROM dag d WHERE d.dag_id = dag_run.dag_id), end_date = now() WHERE state IN ('queued', 'running')`,
  );
const warnings = async (dagId = 'etl') =>
  (await db.pool.query<{ warnings: string[] }>('SELECT warnings FROM dag WHERE dag_id = $1', [dagId])).rows[0]!.warnings;

beforeEach(async () => {
  await db.reset();
  created = 0;
  now = Date.parse('2026-03-10T12:00:00Z');
  ledger = new PostgresLedger({ url: db.url });
});
afterEach(() => ledger.close());

describe('a run that is due while maxActiveRuns is reached', () => {
  const at = (hour: number) => (now = Date.parse('2026-03-10T00:00:00Z') + hour * HOUR);

  it('waits by default, and gives way to the newest one', async () => {
    await storeDag({ dagId: 'etl', timetable: hourly, startDate: '2026-03-10T12:00:00Z', maxActiveRuns: 1 });
    const it = service();
    for (const hour of [12, 13, 14]) {
      at(hour);
      await untilDone(it);
    }
    expect(await runs()).toEqual(['03-10T12:00 queued']);
    expect(it.waitsFor('etl')).toBe(true);
    await endAll();
    await untilDone(it);
    expect(await runs()).toEqual(['03-10T12:00 success', '03-10T14:00 queued']);
  });

  it('with skip is left out, with a line in the audit log, and does not come back when the schedule changes', async () => {
    await storeDag({ dagId: 'etl', timetable: hourly, startDate: '2026-03-10T12:00:00Z', maxActiveRuns: 1, onMaxActiveRuns: 'skip' });
    const it = service();
    for (const hour of [12, 13, 14]) {
      at(hour);
      await untilDone(it);
    }
    expect(it.waitsFor('etl')).toBe(false);
    await endAll();
    at(14.5);
    await untilDone(it);
    expect(await runs()).toEqual(['03-10T12:00 success']);
    const { rows } = await db.pool.query(`SELECT actor, run_id, details FROM audit_log WHERE action = 'skip_run' ORDER BY id`);
    expect(rows).toEqual([
      expect.objectContaining({ actor: 'scheduler', run_id: 'scheduled__2026-03-10T13:00:00+00:00' }),
      expect.objectContaining({
        run_id: 'scheduled__2026-03-10T14:00:00+00:00',
        details: {
          logical_date: '2026-03-10T14:00:00+00:00',
          data_interval_start: '2026-03-10T14:00:00+00:00',
          data_interval_end: '2026-03-10T14:00:00+00:00',
          reason: 'it was due while 1 of at most 1 runs of its DAG were active (onMaxActiveRuns: skip)',
        },
      }),
    ]);
    expect((await newestScheduledRuns(db.pool, ['etl'])).get('etl')!.logicalDate).toBe(at(14));
    at(15);
    await untilDone(it);
    expect(await runs()).toEqual(['03-10T12:00 success', '03-10T15:00 queued']);
  });

  it('with fail is made as a failed one, which says why and has no tasks', async () => {
    await storeDag({
      dagId: 'etl',
      timetable: hourly,
      startDate: '2026-03-10T12:00:00Z',
      maxActiveRuns: 1,
      onMaxActiveRuns: 'fail',
      callbacks: ['failure'],
    });
    const it = service();
    for (const hour of [12, 13]) {
      at(hour);
      await untilDone(it);
    }
    expect(await runs()).toEqual(['03-10T12:00 queued', '03-10T13:00 failed']);
    const { rows } = await db.pool.query(
      `SELECT note, version IS NOT NULL AS pinned, (SELECT count(*)::int FROM task_instance WHERE run = pk) AS tasks FROM dag_run WHERE state = 'failed'`,
    );
    expect(rows).toEqual([
      { note: 'It was due while 1 of at most 1 runs of its DAG were active (onMaxActiveRuns: fail).', pinned: true, tasks: 0 },
    ]);
    const called = await db.pool.query('SELECT c.event, r.state FROM callback c JOIN dag_run r ON r.pk = c.run');
    expect(called.rows).toEqual([{ event: 'failure', state: 'failed' }]);
  });

  it('is counted run by run when several are due at once', async () => {
    const more = { startDate: '2026-03-06T00:00:00Z', catchup: true, maxActiveRuns: 2 } as const;
    await storeDag({ dagId: 'skips', timetable: daily, ...more, onMaxActiveRuns: 'skip' });
    await storeDag({ dagId: 'fails', timetable: daily, ...more, onMaxActiveRuns: 'fail' });
    await untilDone(service());
    expect(await runs('skips')).toEqual(['03-06T00:00 queued', '03-07T00:00 queued']);
    expect(await runs('fails')).toEqual(['03-06T00:00 queued', '03-07T00:00 queued', '03-08T00:00 failed', '03-09T00:00 failed']);
  });

  it('of one such DAG keeps no other DAG waiting, however many wait', async () => {
    for (let i = 0; i < 55; i++) await storeDag({ dagId: `full_${i}`, timetable: daily, maxActiveRuns: 1 });
    await untilDone(service());
    now += 24 * HOUR;
    await storeDag({
      dagId: 'zz_skips',
      timetable: daily,
      startDate: '2026-03-09T00:00:00Z',
      catchup: true,
      maxActiveRuns: 1,
      onMaxActiveRuns: 'skip',
    });
    await untilDone(service());
    expect(await runs('zz_skips')).toEqual(['03-09T00:00 queued']);
    expect((await db.pool.query(`SELECT FROM audit_log WHERE action = 'skip_run' AND dag_id = 'zz_skips'`)).rowCount).toBe(1);
  });
});

describe('@continuous', () => {
  it('makes the next run when the one before has ended, of the time since', async () => {
    await storeDag({ dagId: 'etl', timetable: { kind: 'continuous' }, startDate: '2026-03-10T00:00:00Z', maxActiveRuns: 1 });
    const it = service();
    await untilDone(it);
    now += HOUR;
    await untilDone(it);
    expect(await runs()).toEqual(['03-10T00:00 queued']);
    expect(it.waitsFor('etl')).toBe(true);
    await endAll();
    await untilDone(it);
    const { rows } = await db.pool.query('SELECT interval_start AS s, interval_end AS e FROM dag_run ORDER BY pk');
    expect(rows).toEqual([
      { s: new Date('2026-03-10T00:00:00Z'), e: new Date('2026-03-10T12:00:00Z') },
      { s: new Date('2026-03-10T12:00:00Z'), e: new Date('2026-03-10T13:00:00Z') },
    ]);
  });
});

describe('after a pause', () => {
  it.each([
    ['none', { missedRuns: 'none' as const }, []],
    ['last', {}, ['04-19T00:00 queued']],
    ['a window of three days', { missedRuns: { window: 'P3D' } }, ['04-17T00:00 queued', '04-18T00:00 queued', '04-19T00:00 queued']],
  ])('missedRuns %s', async (_name, more, expected) => {
    await storeDag({ dagId: 'etl', timetable: daily, startDate: '2026-03-10T00:00:00Z', isPaused: true, ...more });
    now = Date.parse('2026-04-20T12:00:00Z');
    await db.pool.query('UPDATE dag SET is_paused = false');
    await untilDone(service());
    expect(await runs()).toEqual(expected);
    const { rows } = await db.pool.query<{ next: Date }>('SELECT next_logical_date AS next FROM dag');
    expect(rows[0]!.next.toISOString()).toBe('2026-04-20T00:00:00.000Z');
  });
});

describe('a timetable of a DAG file', () => {
  const run = (hour: number): ScheduledRun => {
    const at = Date.parse('2026-03-10T00:00:00Z') + hour * HOUR;
    return { logicalDate: at, interval: { start: at, end: at + HOUR }, runAfter: at + HOUR };
  };
  /** Answers as it is told to. */
  class Told implements CustomTimetables {
    asked = 0;
    constructor(public answer: (dag: ScheduledDag, question: TimetableQuestion) => Promise<unknown>) {}
    ask<Question extends TimetableQuestion>(dag: ScheduledDag, question: Question): Promise<AnswerTo<Question>> {
      this.asked++;
      return this.answer(dag, question) as Promise<AnswerTo<Question>>;
    }
    stop(): void {}
  }
  const fine = async () => ({ due: [run(10)], next: run(20) });

  it('is asked with the code that is current, and its runs are made', async () => {
    await storeDag({ dagId: 'etl', timetable: custom, startDate: '2026-01-01T00:00:00Z', missedRuns: { window: 'P1D' } }, run(10));
    const seen: [ScheduledDag, TimetableQuestion][] = [];
    const it = service(new Told(async (dag, question) => (seen.push([dag, question]), fine())));
    await untilDone(it);
    await it.settled();
    expect(await runs()).toEqual(['03-10T10:00 queued']);
    expect(created).toBe(1);
    const [dag, question] = seen[0]!;
    expect(dag).toMatchObject({ dagId: 'etl', code: { filePath: 'etl.ts', bundleHash: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    expect(dag.schedule).toEqual({
      timetable: custom,
      startDate: '2026-01-01T00:00:00Z',
      endDate: null,
      catchup: false,
      missedRuns: { window: 'P1D' },
      timezone: 'UTC',
    });
    expect(question).toEqual({ kind: 'due', stored: run(10), now, most: 16 });
  });

  it('that takes long keeps no other DAG waiting, and is asked once meanwhile', async () => {
    let answer!: (value: unknown) => void;
    const slow = new Told(() => new Promise((resolve) => (answer = resolve)));
    await storeDag({ dagId: 'slow', timetable: custom }, run(1));
    await storeDag({ dagId: 'etl', timetable: daily });
    const it = service(slow);
    await untilDone(it);
    await untilDone(it);
    expect(await runs()).toEqual(['03-09T00:00 queued']);
    expect(slow.asked).toBe(1);
    answer(await fine());
    await it.settled();
    expect(await runs('slow')).toEqual(['03-10T10:00 queued']);
  });

  it('that fails leaves a warning and is asked again a minute later; then the warning goes', async () => {
    const moon = new Told(async () => {
      throw new TimetableFailed('the timetable Moon threw Error: cloudy');
    });
    await storeDag({ dagId: 'etl', timetable: custom }, run(10));
    await db.pool.query(`UPDATE dag SET warnings = '["another one"]'`);
    const it = service(moon);
    for (let i = 0; i < 3; i++) {
      await untilDone(it);
      await it.settled();
    }
    expect(moon.asked).toBe(1);
    expect(await warnings()).toEqual(['another one', 'No run is scheduled: the timetable Moon threw Error: cloudy']);

    now += 61_000;
    await untilDone(it);
    await it.settled();
    expect(moon.asked).toBe(2);
    expect(await warnings()).toHaveLength(2);

    now += 61_000;
    moon.answer = fine;
    await untilDone(it);
    await it.settled();
    expect(await runs()).toEqual(['03-10T10:00 queued']);
    expect(await warnings()).toEqual(['another one']);
  });

  it('leaves room for others when very many of them take long', async () => {
    for (let i = 0; i < 60; i++) await storeDag({ dagId: `slow_${i}`, timetable: custom }, run(1));
    await storeDag({ dagId: 'etl', timetable: hourly, startDate: '2026-03-10T12:00:00Z' });
    // As the DAG processor stores them.
    const { rows } = await db.pool.query<{ dag_id: string; spec: DagSpec }>('SELECT dag_id, spec FROM dag_version');
    for (const { dag_id, spec } of rows) {
      await db.pool.query('UPDATE dag SET schedule_hash = $2 WHERE dag_id = $1', [dag_id, scheduleHashOf(spec, 'code')]);
    }
    let stop!: () => void;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const it = service(new Told(() => stopped.then(fine)));
    await eventually(async () => {
      await untilDone(it);
      expect(await runs()).toEqual(['03-10T12:00 queued']);
    });
    stop();
    await it.settled();
  });
});
