// Real data, one day a run: each run takes its own day's row of a CSV, checks it, and writes it to a table.
//
// The whole range, while the DAG stays paused:
//   thence backfill create --dag-id seattle_weather --from-date 2012-01-01 --to-date 2015-12-31
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DAG, FailError } from 'thence';
import { Weather, weatherTable } from './lib/weather-table';

const dag = new DAG('seattle_weather', {
  description: 'The weather of Seattle, a day a run, from a CSV into Postgres',
  schedule: '@daily', // the run for a day is made when the day is over
  startDate: '2012-01-01',
  endDate: '2015-12-31',
  catchup: false, // unpausing it makes the newest day only
  tags: ['example', 'real data'],
});

// What a task returns is stored as JSON and handed to the tasks that name it in `inputs`.
const extract = dag.task('extract', ({ ds }) => {
  const row = rows().get(ds);
  if (!row) throw new FailError(`the file has no row for ${ds}`); // no retry would help
  return row;
});

const validate = dag.task('validate', { inputs: { row: extract } }, ({ inputs }) => Weather.parse(inputs.row));

// Running a day again overwrites its row: a task may run more than once, so it should not matter.
dag.task('load', { inputs: { weather: validate }, retries: 2, retryDelay: { seconds: 5 } }, async ({ inputs, connections }) => {
  const { date, precipitation, temp_max, temp_min, wind, weather } = inputs.weather;
  const table = await weatherTable(connections);
  await table.query(
    `INSERT INTO seattle_weather VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (day) DO UPDATE SET (precipitation, temp_max, temp_min, wind, weather) = ($2, $3, $4, $5, $6)`,
    [date, precipitation, temp_max, temp_min, wind, weather],
  );
});

// Read once in each process, and only by a task: a DAG file itself should load quickly.
let cached: Map<string, Record<string, string>> | undefined;

function rows(): Map<string, Record<string, string>> {
  if (cached) return cached;
  const file = path.join(path.dirname(require.resolve('vega-datasets')), '../data/seattle-weather.csv');
  const [header, ...lines] = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  cached = new Map(lines.map((values) => [values[0]!, Object.fromEntries(header!.map((name, index) => [name, values[index]!]))]));
  return cached;
}
