import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { BaseOperator } from 'thence';
import { openRegistry, takeMadeDags } from '../../src/dag/registry';
import { useTestDatabase } from '../support/database';
import { contextFor } from '../support/task-context';

const database = useTestDatabase({ migrated: false });
const [, ...lines] = readFileSync(path.join(path.dirname(require.resolve('vega-datasets')), '../data/seattle-weather.csv'), 'utf8')
  .trim()
  .split('\n');
const csv = lines.map((line) => line.split(','));

type Tasks = ReadonlyMap<string, BaseOperator>;

/** A fresh copy of the file's modules, as another process would have. */
async function tasksOf(file: string): Promise<Tasks> {
  openRegistry();
  jest.resetModules();
  await import(path.join(__dirname, '../../dags', file));
  return takeMadeDags()[0]!.nodes as unknown as Tasks;
}

async function run(tasks: Tasks, logicalDate: string, ids: readonly string[], end?: string): Promise<Record<string, unknown>> {
  const outputs: Record<string, unknown> = {};
  for (const id of ids) {
    const { inputs } = tasks.get(id)!;
    const given = Object.fromEntries(Object.entries(inputs).map(([name, ref]) => [name, outputs[(ref as { id: string }).id]]));
    const context = contextFor({ logicalDate, inputs: given, examplesUri: database.url, dataIntervalEnd: end });
    outputs[id] = JSON.parse(JSON.stringify((await tasks.get(id)!.execute(context)) ?? null));
  }
  return outputs;
}

const loadDay = (tasks: Tasks, day: string) => run(tasks, day, ['extract', 'validate', 'load']);

test('a month loaded by three processes at once, twice, has the rows and the sums of the file; the monthly DAG draws it', async () => {
  const processes = [await tasksOf('seattle-weather.ts'), await tasksOf('seattle-weather.ts'), await tasksOf('seattle-weather.ts')];
  const march = csv.filter(([date]) => date!.startsWith('2013-03-'));
  expect(march).toHaveLength(31);
  for (let round = 0; round < 2; round++) {
    await Promise.all(march.map(([day], index) => loadDay(processes[index % 3]!, day!)));
  }
  const sum = (column: number) => Number(march.reduce((total, row) => total + Number(row[column]), 0).toFixed(1));
  const { rows } = await database.pool.query<Record<string, unknown>>(
    `SELECT count(*)::int AS days, sum(precipitation)::float AS rain, sum(temp_max)::float AS high, sum(temp_min)::float AS low,
            sum(wind)::float AS wind, array_agg(weather ORDER BY day) AS weather FROM seattle_weather`,
  );
  expect(rows).toEqual([{ days: 31, rain: sum(1), high: sum(2), low: sum(3), wind: sum(4), weather: march.map((row) => row[5]) }]);

  const monthly = await tasksOf('seattle-weather-monthly.ts');
  const drawn = await run(monthly, '2013-03-01', ['read_days', 'totals', 'chart'], '2013-04-01');
  expect(drawn['totals']).toMatchObject({ days: 31, rain: sum(1) });
  expect(String(drawn['chart']).match(/<path /g)).toHaveLength(31 * 2 + 1);
  await expect(run(monthly, '2014-01-01', ['read_days'], '2014-02-01')).rejects.toThrow(/nothing to draw yet/);
});

test('a day that the file does not have fails for good', async () => {
  await expect(loadDay(await tasksOf('seattle-weather.ts'), '2016-01-01')).rejects.toThrow(/no row for 2016-01-01/);
});
