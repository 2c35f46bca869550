import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { eventually } from '../support/eventually';
import { runCli } from '../support/run-cli';
import { Standalone } from '../support/standalone';

jest.setTimeout(180_000);

const standalone = new Standalone({ THENCE_EXECUTOR: 'thread' });
for (const file of ['business-calendar.ts', 'custom-timetable.ts']) {
  standalone.writeDag(file, readFileSync(path.join(packageRoot, 'dags', file), 'utf8'));
}
afterAll(() => standalone.dispose());

const thence = (...args: string[]) =>
  runCli(args, { cwd: standalone.folder, env: { THENCE_HOME: standalone.home, THENCE_DAGS_FOLDER: standalone.dagsFolder } });
const outputs = (dagId: string, taskId: string, runType: string) =>
  standalone.query<{ starts: string; output: string }>(
    `SELECT to_char(r.interval_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS starts, x.value AS output
       FROM dag_run r JOIN xcom x ON x.run = r.pk AND x.task_id = $2
      WHERE r.dag_id = $1 AND r.run_type = $3 AND r.state = 'success' ORDER BY 1`,
    [dagId, taskId, runType],
  );

test('business calendars and a timetable of a DAG file run by a scheduler', async () => {
  await standalone.start();
  for (const dagId of ['daily_settlement', 'after_trading']) await standalone.waitForDag(dagId);

  const backfill = (dagId: string, from: string, to: string) =>
    thence('backfill', 'create', '--dag-id', dagId, '--from-date', from, '--to-date', to);
  expect(await backfill('daily_settlement', '2026-04-01', '2026-04-07')).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await outputs('daily_settlement', 'hours', 'backfill')).toEqual([
    { starts: '2026-04-01 04:00', output: '24' },
    { starts: '2026-04-02 04:00', output: '120' }, // over Easter
    { starts: '2026-04-07 04:00', output: '24' },
  ]);
  expect(await backfill('after_trading', '2026-01-15', '2026-01-21')).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await outputs('after_trading', 'minutes', 'backfill')).toEqual([
    { starts: '2026-01-15 14:30', output: '390' },
    { starts: '2026-01-16 14:30', output: '390' },
    { starts: '2026-01-20 14:30', output: '390' },
    { starts: '2026-01-21 14:30', output: '390' },
  ]);

  // The newest session is made up for as soon as the DAG is unpaused: the scheduler has asked the timetable.
  expect(await thence('dags', 'unpause', 'after_trading')).toMatchObject({ exitCode: 0 });
  const scheduled = await eventually(async () => {
    const found = await outputs('after_trading', 'minutes', 'scheduled');
    expect(found).toHaveLength(1);
    return found;
  }, 60_000);
  expect(['390', '210']).toContain(scheduled[0]!.output);
});
