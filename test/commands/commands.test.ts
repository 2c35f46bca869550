import { createCommands } from '../../src/commands/create-commands';
import type { Actor, Commands } from '../../src/commands/commands';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { insertBackfill, insertDag, insertRun } from '../support/factories';

const db = useTestDatabase();
const actor: Actor = { user: 'ada', via: 'cli' };
const now = Date.parse('2026-03-10T12:00:00Z');
const daily = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' } as const;

let ledger: PostgresLedger;
let commands: Commands;
let wakeups = 0;
beforeAll(() => {
  ledger = new PostgresLedger({ url: db.url });
  commands = createCommands({ database: db.database, ledger, clock: { now: () => now }, wakeup: () => wakeups++ });
});
afterAll(() => ledger.close());
beforeEach(async () => {
  await db.reset();
  wakeups = 0;
});

const audit = async () => (await db.pool.query('SELECT actor, via, action, dag_id, run_id, details FROM audit_log ORDER BY id')).rows;
const runs = async () =>
  (await db.pool.query('SELECT run_id, state, logical_date, interval_start, interval_end, conf, note FROM dag_run ORDER BY pk')).rows;

describe('trigger', () => {
  it('makes a queued run with the last complete interval, an audit line and a wake-up', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    const run = await commands.triggerRun({ dagId: 'etl', conf: { a: 1 }, note: 'by hand' }, actor);
    expect(run).toMatchObject({ dagId: 'etl', logicalDate: now, isPaused: false, conf: { a: 1 } });
    expect(run.runId).toMatch(/^manual__2026-03-10T12:00:00\+00:00_\w{8}$/);
    expect(await runs()).toEqual([
      {
        run_id: run.runId,
        state: 'queued',
        conf: { a: 1 },
        note: 'by hand',
        logical_date: new Date(now),
        interval_start: new Date('2026-03-09T00:00:00Z'),
        interval_end: new Date('2026-03-10T00:00:00Z'),
      },
    ]);
    expect(await audit()).toEqual([
      {
        actor: 'ada',
        via: 'cli',
        action: 'trigger_run',
        dag_id: 'etl',
        run_id: run.runId,
        details: { conf: { a: 1 }, logical_date: '2026-03-10T12:00:00+00:00' },
      },
    ]);
    expect(wakeups).toBe(1);
  });

  it('leaves no secret of the conf in the audit log', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    await commands.triggerRun({ dagId: 'etl', conf: { region: 'eu', api: { token: 't-1' } } }, actor);
    expect(await audit()).toMatchObject([{ details: { conf: { region: 'eu', api: { token: '***' } } } }]);
    expect(await runs()).toMatchObject([{ conf: { api: { token: 't-1' } } }]);
  });

  it('takes the logical date in the DAG’s timezone, and none at all', async () => {
    await insertDag(db.pool, { dagId: 'etl', timezone: 'Europe/Zurich' });
    const dated = await commands.triggerRun({ dagId: 'etl', logicalDate: '2026-02-01' }, actor);
    expect(dated.logicalDate).toBe(Date.parse('2026-01-31T23:00:00Z'));
    const dateless = await commands.triggerRun({ dagId: 'etl', logicalDate: null }, actor);
    expect(dateless).toMatchObject({ logicalDate: null, interval: null });
  });

  it('twice in the same millisecond makes two runs', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    const triggered = await Promise.all(Array.from({ length: 8 }, () => commands.triggerRun({ dagId: 'etl' }, actor)));
    expect(new Set(triggered.map((run) => run.logicalDate)).size).toBe(8);
    expect(await runs()).toHaveLength(8);
  });

  it('is refused for a run id or logical date that is there, saying which run has it, and leaves no audit line', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    await insertRun(db.pool, { dagId: 'etl', runId: 'first', state: 'success', logicalDate: '2026-01-01T00:00:00Z' });
    await expect(commands.triggerRun({ dagId: 'etl', runId: 'first' }, actor)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      message: 'DAG "etl" already has a run "first" (success). Give another run id, or clear that run',
    });
    await expect(commands.triggerRun({ dagId: 'etl', logicalDate: '2026-01-01' }, actor)).rejects.toMatchObject({
      status: 409,
      message:
        'DAG "etl" already has a run with the logical date 2026-01-01T00:00:00+00:00: "first" (success). Give another logical date, or clear that run',
    });
    expect(await audit()).toEqual([]);
    expect(wakeups).toBe(0);
  });

  it('of an unknown DAG names close ones; of a deleted one says so', async () => {
    await insertDag(db.pool, { dagId: 'seattle_weather' });
    await insertDag(db.pool, { dagId: 'gone', isActive: false });
    await expect(commands.triggerRun({ dagId: 'seatle_weather' }, actor)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'there is no DAG "seatle_weather"; did you mean "seattle_weather"?',
    });
    await expect(commands.triggerRun({ dagId: 'gone' }, actor)).rejects.toThrow(
      'DAG "gone" is no longer in the dags folder (it was in gone.ts)',
    );
  });

  it('checks its dates', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    await expect(commands.triggerRun({ dagId: 'etl', dataInterval: { start: '2026-01-02', end: '2026-01-01' } }, actor)).rejects.toThrow(
      'the data interval ends before it starts: 2026-01-02T00:00:00+00:00 to 2026-01-01T00:00:00+00:00',
    );
  });
});

describe('pause and unpause', () => {
  it('say whether anything changed, and leave an audit line', async () => {
    await insertDag(db.pool, { dagId: 'etl', isPaused: true });
    const run = await insertRun(db.pool, { dagId: 'etl', state: 'running' });
    expect(await commands.setPaused('etl', false, actor)).toEqual({ changed: true });
    expect((await db.pool.query('SELECT run FROM run_wake')).rows).toEqual([{ run }]);
    expect(await commands.setPaused('etl', false, actor)).toEqual({ changed: false });
    expect(await commands.setPaused('etl', true, actor)).toEqual({ changed: true });
    expect((await audit()).map((line) => line.action)).toEqual(['unpause_dag', 'unpause_dag', 'pause_dag']);
    await expect(commands.setPaused('etll', true, actor)).rejects.toThrow('there is no DAG "etll"; did you mean "etl"?');
  });
});

describe('marking and clearing', () => {
  it('change the run and say who did it', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    await insertRun(db.pool, { dagId: 'etl', runId: 'r', state: 'running' });
    await commands.markRun({ dagId: 'etl', runId: 'r', state: 'failed' }, actor);
    expect(await runs()).toMatchObject([{ state: 'failed' }]);
    await commands.markRun({ dagId: 'etl', runId: 'r', state: 'queued' }, actor);
    expect(await runs()).toMatchObject([{ state: 'queued' }]);
    await commands.setRunNote({ dagId: 'etl', runId: 'r', note: 'look at this' }, actor);
    expect(await runs()).toMatchObject([{ note: 'look at this' }]);
    expect(await audit()).toMatchObject([
      { action: 'mark_run', run_id: 'r', details: { from: 'running', to: 'failed' } },
      { action: 'clear_run', run_id: 'r', details: { from: 'failed' } },
      { action: 'set_run_note', run_id: 'r' },
    ]);
    await expect(commands.clearRun({ dagId: 'etl', runId: 'nope' }, actor)).rejects.toThrow('DAG "etl" has no run "nope"');
    await expect(commands.clearRun({ dagId: 'nope', runId: 'r' }, actor)).rejects.toThrow('there is no DAG "nope"');
  });
});

describe('a dry run of a backfill', () => {
  it('lists each interval in the timetable’s own zone, also when the clocks change, and what would become of it', async () => {
    await insertDag(db.pool, { dagId: 'etl', timezone: 'Europe/Zurich', timetable: { ...daily, timezone: 'Europe/Zurich' } });
    await insertRun(db.pool, { dagId: 'etl', runId: 'r28', state: 'failed', logicalDate: '2025-03-28T23:00:00Z' });
    await insertRun(db.pool, { dagId: 'etl', runId: 'r30', state: 'success', logicalDate: '2025-03-29T23:00:00Z' });
    const plan = await commands.dryRunBackfill({ dagId: 'etl', from: '2025-03-29', to: '2025-03-31', reprocessBehavior: 'failed' });
    expect(plan).toMatchObject({ dagId: 'etl', timezone: 'Europe/Zurich' });
    expect(plan.items.map((item) => [item.local.start, item.local.end, item.existing?.runId ?? null, item.action])).toEqual([
      ['2025-03-29T00:00:00+01:00', '2025-03-30T00:00:00+01:00', 'r28', 'clear'],
      ['2025-03-30T00:00:00+01:00', '2025-03-31T00:00:00+02:00', 'r30', 'skip'],
      ['2025-03-31T00:00:00+02:00', '2025-04-01T00:00:00+02:00', null, 'create'],
    ]);
    expect(await runs()).toHaveLength(2);
    expect(await audit()).toEqual([]);
    const backwards = await commands.dryRunBackfill({ dagId: 'etl', from: '2025-03-29', to: '2025-03-31', runBackwards: true });
    expect(backwards.items.map((item) => item.logicalDate)).toEqual(plan.items.map((item) => item.logicalDate).reverse());
  });

  it('includes all of the last day when it is given without a time', async () => {
    const morning = { ...daily, expression: '0 6 * * *', timezone: 'Europe/Zurich' };
    await insertDag(db.pool, { dagId: 'etl', timezone: 'Europe/Zurich', timetable: morning });
    const datesTo = async (to: string) =>
      (await commands.dryRunBackfill({ dagId: 'etl', from: '2025-03-29', to })).items.map((item) => item.local.start);
    const both = ['2025-03-29T06:00:00+01:00', '2025-03-30T06:00:00+02:00'];
    expect(await datesTo('2025-03-30')).toEqual(both);
    expect(await datesTo('2025-03-30T06:00')).toEqual(both);
    expect(await datesTo('2025-03-30T05:59')).toEqual(both.slice(0, 1));
  });

  it('leaves out what is not complete yet', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    const plan = await commands.dryRunBackfill({ dagId: 'etl', from: '2026-03-08', to: '2026-03-20' });
    expect(plan.items.map((item) => item.local.start.slice(0, 10))).toEqual(['2026-03-08', '2026-03-09']);
  });

  it.each([
    [{ from: '2026-02-01', to: '2026-01-01' }, 'the from-date 2026-02-01T00:00:00+00:00 is after the to-date 2026-01-01T00:00:00+00:00'],
    [{ from: '2027-02-01', to: '2027-03-01' }, 'has no complete data interval whose start lies between'],
    [{ from: 'soon', to: '2027-03-01' }, 'the from-date "soon" is not a date'],
    [{ from: '2026-01-01', to: '2026-01-02', maxActiveRuns: 0 }, 'max-active-runs must be a whole number from 1 to 10000, given 0'],
    [
      { from: '2026-01-01', to: '2026-01-02', reprocessBehavior: 'all' as never },
      'unknown reprocess behavior "all": none, failed, completed are allowed',
    ],
    [{ from: '2026-01-01', to: '2026-01-02', conf: [] }, 'conf must be a JSON object'],
  ])('%j is refused: %s', async (range, message) => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    await expect(commands.dryRunBackfill({ dagId: 'etl', ...range })).rejects.toThrow(message);
  });

  it('of a trigger timetable takes its ticks; of a DAG that runs without a pause is refused', async () => {
    const ticks = { kind: 'cron', expression: '0 6 * * *', timezone: 'Europe/Zurich' } as const;
    await insertDag(db.pool, { dagId: 'etl', timetable: { kind: 'trigger', ticks } });
    const { timezone, items } = await commands.dryRunBackfill({ dagId: 'etl', from: '2026-02-01', to: '2026-02-02' });
    expect([timezone, ...items.map((item) => item.local.start)]).toEqual([
      'Europe/Zurich',
      '2026-02-01T06:00:00+01:00',
      '2026-02-02T06:00:00+01:00',
    ]);
    await insertDag(db.pool, { dagId: 'always', timetable: { kind: 'continuous' } });
    await expect(commands.dryRunBackfill({ dagId: 'always', from: '2026-01-01', to: '2026-01-02' })).rejects.toThrow(
      'DAG "always" runs without a pause (@continuous)',
    );
  });

  it('of a DAG without a schedule is refused', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    await expect(commands.dryRunBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-01-02' })).rejects.toThrow(
      'DAG "etl" has no schedule',
    );
  });
});

describe('a backfill', () => {
  it('is stored with its intervals in the order in which they will run', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    const created = await commands.createBackfill(
      { dagId: 'etl', from: '2026-01-01', to: '2026-01-03', runBackwards: true, conf: { x: 1 } },
      actor,
    );
    expect(created).toMatchObject({ dagId: 'etl', total: 3 });
    const { rows } = await db.pool.query('SELECT ordinal, logical_date, outcome FROM backfill_run ORDER BY ordinal');
    expect(rows.map((row) => row.logical_date.toISOString().slice(0, 10))).toEqual(['2026-01-03', '2026-01-02', '2026-01-01']);
    expect((await db.pool.query('SELECT max_active_runs, reprocess_behavior, created_by, conf FROM backfill')).rows).toEqual([
      { max_active_runs: 10, reprocess_behavior: 'none', created_by: 'ada', conf: { x: 1 } },
    ]);
    expect(await audit()).toMatchObject([{ action: 'create_backfill', dag_id: 'etl', details: { backfill_id: created.id } }]);
    expect(wakeups).toBe(1);
  });

  it('is refused while another one of the DAG is unfinished', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    const first = await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-01-03' }, actor);
    await expect(commands.createBackfill({ dagId: 'etl', from: '2026-02-01', to: '2026-02-03' }, actor)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `DAG "etl" has an unfinished backfill (number ${first.id}); wait for it or cancel it first`,
    });
  });

  it('is cancelled: its queued runs fail, running ones go on, what is left is not made', async () => {
    await insertDag(db.pool, { dagId: 'etl', timetable: daily });
    const { id } = await commands.createBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-01-03' }, actor);
    await insertRun(db.pool, { dagId: 'etl', runId: 'q', runType: 'backfill', state: 'queued', backfill: { id, ordinal: 1 } });
    await insertRun(db.pool, { dagId: 'etl', runId: 'r', runType: 'backfill', state: 'running', backfill: { id, ordinal: 2 } });
    await commands.cancelBackfill(id, actor);
    expect(await runs()).toMatchObject([
      { run_id: 'q', state: 'failed' },
      { run_id: 'r', state: 'running' },
    ]);
    const { rows } = await db.pool.query('SELECT cancelled, completed_at IS NOT NULL AS complete FROM backfill');
    expect(rows).toEqual([{ cancelled: true, complete: true }]);
    expect((await db.pool.query('SELECT DISTINCT outcome FROM backfill_run')).rows).toEqual([{ outcome: 'cancelled' }]);
    await expect(commands.cancelBackfill(id, actor)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `backfill ${id} of DAG "etl" is cancelled already`,
    });
    await expect(commands.cancelBackfill(id + 1, actor)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `there is no backfill ${id + 1}`,
    });
  });

  it('is paused and unpaused', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    const id = await insertBackfill(db.pool, { dagId: 'etl', fromDate: '2026-01-01', toDate: '2026-01-02' });
    await commands.pauseBackfill(id, actor);
    expect((await db.pool.query('SELECT is_paused FROM backfill')).rows).toEqual([{ is_paused: true }]);
    await commands.unpauseBackfill(id, actor);
    expect((await audit()).map((line) => line.action)).toEqual(['pause_backfill', 'unpause_backfill']);
    await expect(commands.pauseBackfill(1.5, actor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
