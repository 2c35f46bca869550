/** From the DAG file with a Timetable class of its own to its runs: everybody who asks when it is due asks a process for user code. */
import { createCommands } from '../../src/commands/create-commands';
import type { Actor } from '../../src/commands/commands';
import { DagProcessor } from '../../src/dag-processor/dag-processor';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { openSchedules } from '../../src/processes/open-schedules';
import { CreateDueRuns } from '../../src/scheduler/create-due-runs';
import { silentLogger } from '../../src/telemetry/create-logger';
import { testConfig } from '../support/config';
import { useTestDatabase } from '../support/database';
import { insertRun } from '../support/factories';
import { runCli } from '../support/run-cli';
import { fillFolder, makeFolder } from './make-folder';

jest.setTimeout(120_000);

const db = useTestDatabase();
const actor: Actor = { user: 'ada', via: 'cli' };
const never = new AbortController().signal;
let now = 0;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  await db.reset();
  now = Date.parse('2026-03-10T12:00:00Z');
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Fridays, in the style of a user: a class in a helper file, an instance in the DAG file. */
const helper = (nextRun = '') => `import { Timetable, type TimetableInterval, type TimetableRestriction } from 'thence';
import type { DateTime } from 'luxon';
export class Weekly extends Timetable {
  readonly description = 'Each Friday';
  readonly #weekday: number;
  constructor(weekday: number) { super(); this.#weekday = weekday; }
  nextRun(last: TimetableInterval | null, { earliest }: TimetableRestriction, now: DateTime) {
    ${nextRun}
    const start = last?.end ?? this.#first(earliest ?? now.minus({ weeks: 2 }));
    return { start, end: start.plus({ weeks: 1 }) };
  }
  manualInterval(runAfter: DateTime) {
    const end = this.#first(runAfter.minus({ days: 6 }));
    return { start: end.minus({ weeks: 1 }), end };
  }
  #first(from: DateTime) {
    return from.startOf('day').plus({ days: (this.#weekday - from.weekday + 7) % 7 });
  }
}`;
const dagFile = (more = '') => `import { DAG } from 'thence';
import { Weekly } from './weekly';
new DAG('etl', { schedule: new Weekly(5), timezone: 'Europe/Zurich', pausedUponCreation: false, ${more} }).task('t', () => 1);`;

function setUp(files: Record<string, string> = {}, dagFileTimeoutMs = 60_000) {
  const root = makeFolder({ 'etl.ts': dagFile(), 'weekly.ts': helper(), ...files });
  const config = testConfig({ dagsFolder: root, leaseMs: 5_000, dagFileTimeoutMs });
  const clock = { now: () => now };
  const processor = new DagProcessor({ database: db.database, config, logger: silentLogger, clock });
  const ledger = new PostgresLedger({ url: db.url });
  const schedules = openSchedules(config, db.pool);
  const commands = createCommands({ database: db.database, ledger, clock, wakeup: () => undefined, schedules });
  const creating = new CreateDueRuns({
    database: db.database,
    ledger,
    clock,
    onCreated: () => undefined,
    wakeAt: () => undefined,
    schedules,
  });
  closing.push(
    () => ledger.close(),
    () => schedules.stop(),
    () => processor.stop(),
  );
  const createRuns = async () => {
    await creating.runOnce(never);
    await creating.settled();
  };
  return { root, processor, commands, createRuns };
}

async function dag() {
  const { rows } = await db.pool.query<Record<string, unknown>>(
    `SELECT timetable_summary AS summary, timetable_description AS description, next_logical_date AS next, schedule_hash AS hash, warnings FROM dag`,
  );
  return rows[0]!;
}
const runs = async () =>
  (await db.pool.query<{ at: Date; run_type: string }>('SELECT logical_date AS at, run_type FROM dag_run ORDER BY logical_date')).rows.map(
    ({ at, run_type }) => `${run_type} ${at.toISOString().slice(0, 16)}`,
  );

test('it is stored with its descriptions and its next run, and the scheduler makes its runs', async () => {
  const { processor, createRuns } = setUp();
  expect(await processor.runOnce()).toMatchObject({ errors: [] });
  expect(await dag()).toMatchObject({
    summary: 'Weekly',
    description: 'Each Friday',
    warnings: [],
    next: new Date('2026-02-26T23:00:00Z'),
  });
  await createRuns();
  expect(await runs()).toEqual(['scheduled 2026-02-26T23:00']);
  now = Date.parse('2026-03-28T12:00:00Z');
  await createRuns();
  expect(await runs()).toEqual(['scheduled 2026-02-26T23:00', 'scheduled 2026-03-19T23:00']); // the newest complete one
  expect(await dag()).toMatchObject({ next: new Date('2026-03-26T23:00:00Z') });
});

test('runs triggered by hand and backfills ask it, and so does the command line', async () => {
  const { root, processor, commands } = setUp();
  await processor.runOnce();
  const triggered = await commands.triggerRun({ dagId: 'etl' }, actor);
  expect(triggered.interval).toEqual({ start: Date.parse('2026-02-26T23:00:00Z'), end: Date.parse('2026-03-05T23:00:00Z') });

  const request = { dagId: 'etl', from: '2026-01-01', to: '2026-01-31' };
  const plan = await commands.dryRunBackfill(request);
  expect(plan.items.map((item) => item.local.start)).toEqual(['02', '09', '16', '23', '30'].map((day) => `2026-01-${day}T00:00:00+01:00`));
  expect(await commands.createBackfill(request, actor)).toMatchObject({ total: 5 });

  const env = { THENCE_HOME: `${root}/.thence`, THENCE_DATABASE_URL: db.url, THENCE_DAGS_FOLDER: root };
  const next = await runCli(['dags', 'next-execution', 'etl', '-n', '2', '-o', 'json'], { cwd: root, env });
  expect(next.stderr).toBe('');
  const [first, second] = JSON.parse(next.stdout) as { logical_date: string; data_interval_end: string }[];
  expect(first!.data_interval_end).toBe(second!.logical_date);
  const tested = await runCli(['dags', 'test', 'etl', '2026-01-09'], { cwd: root, env });
  expect(tested).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('run of "etl" for 2026-01-08T23:00:00') as string });
});

test('what it throws is a warning of the DAG, which goes when the file is mended; the DAG is stored all the same', async () => {
  const { root, processor, createRuns, commands } = setUp({ 'weekly.ts': helper(`if (now.year > 0) throw new Error('cloudy');`) });
  expect(await processor.runOnce()).toMatchObject({ errors: [] });
  const broken = await dag();
  expect(broken).toMatchObject({ next: null, hash: null });
  expect(broken['warnings']).toEqual([
    expect.stringMatching(
      /^No run is scheduled: the timetable Weekly of DAG "etl" \(etl\.ts\) threw Error: cloudy \(at Weekly\.nextRun \(.*weekly\.ts:8:\d+\)\)$/,
    ),
  ]);
  await createRuns();
  expect(await runs()).toEqual([]);
  await expect(commands.dryRunBackfill({ dagId: 'etl', from: '2026-01-01', to: '2026-01-31' })).rejects.toThrow(/threw Error: cloudy/);

  fillFolder(root, { 'weekly.ts': helper() });
  await processor.runOnce();
  expect(await dag()).toMatchObject({ warnings: [], next: new Date('2026-02-26T23:00:00Z') });
});

test('one that never gets on costs its time limit and is a warning', async () => {
  const { processor } = setUp(
    { 'weekly.ts': helper(`for (;;);`), 'other.ts': `import { DAG } from 'thence';\nnew DAG('other').task('t', () => 1);` },
    4_000,
  );
  expect(await processor.runOnce()).toMatchObject({ errors: [], changed: expect.arrayContaining(['etl', 'other']) as string[] });
  const { rows } = await db.pool.query<{ warnings: string[] }>(`SELECT warnings FROM dag WHERE dag_id = 'etl'`);
  expect(rows[0]!.warnings).toEqual([expect.stringMatching(/Weekly of DAG "etl" \(etl\.ts\) did not answer within 4 s/)]);
});

test('with other code it is asked again, and goes on after the newest run', async () => {
  const { root, processor } = setUp({ 'etl.ts': dagFile(`catchup: true, startDate: '2026-01-01'`) });
  await processor.runOnce();
  expect(await dag()).toMatchObject({ next: new Date('2026-01-01T23:00:00Z') });
  await insertRun(db.pool, {
    dagId: 'etl',
    runType: 'scheduled',
    runId: 'scheduled__1',
    state: 'success',
    logicalDate: '2026-02-05T23:00:00Z',
    interval: ['2026-02-05T23:00:00Z', '2026-02-12T23:00:00Z'],
  });
  fillFolder(root, { 'weekly.ts': `${helper()}\n// better now` });
  await processor.runOnce();
  expect(await dag()).toMatchObject({ next: new Date('2026-02-12T23:00:00Z') });
});
