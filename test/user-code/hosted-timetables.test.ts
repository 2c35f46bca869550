import type { Schedule } from '../../src/timetables/next-run';
import { bundleFile } from '../../src/dag-processor/bundle-file';
import { ScheduleOracle, TimetableFailed, type ScheduledDag } from '../../src/timetables/schedule-oracle';
import { HostedTimetables } from '../../src/user-code/hosted-timetables';
import { makeFolder } from '../dag-processor/make-folder';

const now = Date.parse('2026-03-10T12:00:00Z');
const file = (body: string) => `import { DAG, Timetable } from 'thence';
class Odd extends Timetable {
  constructor(hours) { super(); this.hours = hours; }
  nextRun(last, restriction, now) { ${body} }
  manualInterval(runAfter) { return { start: runAfter.minus({ hours: this.hours }), end: runAfter }; }
}
new DAG('etl', { schedule: new Odd(2) }).task('t', () => 1);`;
const schedule: Schedule = {
  timetable: { kind: 'custom', className: 'Odd', summary: 'Odd', description: 'Odd' },
  startDate: null,
  endDate: null,
  catchup: false,
  timezone: 'UTC',
};

const open: ScheduleOracle[] = [];
afterEach(() => open.splice(0).forEach((oracle) => oracle.stop()));

async function asked(body: string, dagFileTimeoutMs = 60_000) {
  const root = makeFolder({ 'etl.ts': file(body) });
  const built = await bundleFile(root, 'etl.ts');
  if (!built.ok) throw new Error(built.error.message);
  const { bundle } = built.built;
  const limits = { dagFileTimeoutMs, dagFileMemoryMb: 200 };
  const oracle = new ScheduleOracle(new HostedTimetables({ limits, dagsFolder: root, fetchBundle: async () => bundle }));
  open.push(oracle);
  const dag: ScheduledDag = { dagId: 'etl', schedule, code: { bundleHash: bundle.hash, filePath: 'etl.ts' } };
  return { oracle, dag };
}

test('a timetable of a DAG file answers from a process of its own, with what its constructor was given', async () => {
  const { oracle, dag } = await asked(
    `const start = last ? last.end : now.startOf('day'); return { start, end: start.plus({ hours: this.hours }) };`,
  );
  const runs = await oracle.ask(dag, { kind: 'upcoming', last: null, now, count: 3 });
  expect(runs.map((run) => new Date(run.runAfter).toISOString().slice(11, 16))).toEqual(['12:00', '14:00', '16:00']);
  expect(await oracle.ask(dag, { kind: 'manual', runAfter: now })).toEqual({ start: now - 7_200_000, end: now });
});

test('what it throws, and answers that make no sense, are told with the timetable, the DAG, the file and the line', async () => {
  const { oracle, dag } = await asked(`if (last === null) throw new RangeError('no moon');`);
  const ask = (last: { start: number; end: number } | null) => oracle.ask(dag, { kind: 'first', last, now });
  await expect(ask(null)).rejects.toThrow(TimetableFailed);
  await expect(ask(null)).rejects.toThrow(
    /^the timetable Odd of DAG "etl" \(etl\.ts\) threw RangeError: no moon \(at Odd\.nextRun \(.*etl\.ts:4:\d+\)\)$/,
  );
  await expect(ask({ start: 0, end: 1 })).rejects.toThrow(
    /^nextRun of the timetable Odd answered undefined: .*, of DAG "etl" \(etl\.ts\)$/,
  );
});

test('one that never gets on, or ends its process, costs that process only', async () => {
  const { oracle, dag } = await asked(`if (last === null) for (;;); if (last.start.toMillis() === 5) process.exit(3); return null;`, 3_000);
  await expect(oracle.ask(dag, { kind: 'first', last: null, now })).rejects.toThrow(
    /the timetable Odd of DAG "etl" \(etl\.ts\) did not answer within 3 s \(THENCE_DAG_FILE_TIMEOUT\): an endless loop/,
  );
  await expect(oracle.ask(dag, { kind: 'first', last: { start: 5, end: 6 }, now })).rejects.toThrow(
    /called process\.exit\(3\) while it was asked/,
  );
  expect(await oracle.ask(dag, { kind: 'first', last: { start: 6, end: 7 }, now })).toBeNull();
});

test('without anybody to run user code it is refused, and built-in timetables answer all the same', async () => {
  const oracle = new ScheduleOracle();
  const dag = { dagId: 'etl', schedule, code: { bundleHash: '', filePath: 'etl.ts' } };
  await expect(oracle.ask(dag, { kind: 'manual', runAfter: now })).rejects.toThrow(/is user code, which this process does not run/);
  const daily = {
    ...dag,
    schedule: { ...schedule, timetable: { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' } as const },
  };
  expect(await oracle.ask(daily, { kind: 'between', from: 0, to: now, dueBy: 86_400_000 * 2, most: 9 })).toHaveLength(2);
  expect(await oracle.ask(daily, { kind: 'between', from: 0, to: now, dueBy: null, most: 3 })).toHaveLength(3);
});
