import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { packageRoot } from '../../src/config/package-root';
import { databaseUrl } from '../../src/db/embedded/create-database';
import { runCli } from '../support/run-cli';
import { Standalone } from '../support/standalone';

const dagsFolder = path.join(packageRoot, 'dags');
const standalone = new Standalone({ THENCE_DAGS_FOLDER: dagsFolder, THENCE_LOAD_EXAMPLES: 'true', THENCE_EXECUTOR: 'thread' });
afterAll(() => standalone.dispose());

const [, ...lines] = readFileSync(path.join(path.dirname(require.resolve('vega-datasets')), '../data/seattle-weather.csv'), 'utf8')
  .trim()
  .split('\n');
const days = lines.map((line) => line.split(',')).filter(([day]) => day! >= '2012-01-28' && day! <= '2012-03-03');

test('a backfill of the paused weather DAG makes one successful run a day, and the table has the sums of the file', async () => {
  await standalone.start();
  await standalone.waitForDag('seattle_weather');
  const args = [
    'backfill',
    'create',
    '--dag-id',
    'seattle_weather',
    '--from-date',
    '2012-01-28',
    '--to-date',
    '2012-03-03',
    '--max-active-runs',
    '16',
  ];
  const { exitCode, stderr } = await runCli(args, {
    cwd: standalone.folder,
    env: { THENCE_HOME: standalone.home, THENCE_DAGS_FOLDER: dagsFolder },
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });

  const runs = await standalone.query<{ day: string }>(
    `SELECT to_char(logical_date AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day FROM dag_run
     WHERE dag_id = 'seattle_weather' AND run_type = 'backfill' AND state = 'success' ORDER BY 1`,
  );
  expect(runs.map(({ day }) => day)).toEqual(days.map(([day]) => day));
  expect(await standalone.query(`SELECT is_paused FROM dag WHERE dag_id = 'seattle_weather'`)).toEqual([{ is_paused: true }]);

  const examples = new pg.Client({ connectionString: databaseUrl(standalone.databaseUrl(), 'thence_examples') });
  await examples.connect();
  const { rows } = await examples.query<{ n: number; rain: number; warm: number }>(
    'SELECT count(*)::int AS n, sum(precipitation)::float8 AS rain, sum(temp_max)::float8 AS warm FROM seattle_weather',
  );
  await examples.end();
  const sum = (column: number) => days.reduce((total, day) => total + Number(day[column]), 0);
  expect(rows[0]).toEqual({ n: days.length, rain: expect.closeTo(sum(1), 6) as number, warm: expect.closeTo(sum(2), 6) as number });

  const { body } = await standalone.api<{ total_entries: number }>(
    'GET',
    '/dags/seattle_weather/dagRuns?run_type=backfill&state=success&limit=1',
  );
  expect(body.total_entries).toBe(days.length);
});
