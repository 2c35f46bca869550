// A month of what seattle_weather has loaded: summed up, and drawn as a chart that is the task's output.
import { DAG, SkipError } from 'thence';
import { weatherChart } from './lib/weather-chart';
import { weatherTable } from './lib/weather-table';

const dag = new DAG('seattle_weather_monthly', {
  description: 'The weather of Seattle by month: totals, and a chart',
  schedule: '@monthly',
  startDate: '2012-01-01',
  endDate: '2015-12-31',
  tags: ['example', 'real data'],
});

// A run stands for a data interval, here a month: [dataIntervalStart, dataIntervalEnd).
const days = dag.task('read_days', async ({ dataIntervalStart, dataIntervalEnd, connections }) => {
  const table = await weatherTable(connections);
  const { rows } = await table.query<{ day: number; low: number; high: number; rain: number }>(
    `SELECT extract(day FROM day)::int AS day, temp_min::float AS low, temp_max::float AS high, precipitation::float AS rain
     FROM seattle_weather WHERE day >= $1 AND day < $2 ORDER BY day`,
    [dataIntervalStart.toISODate(), dataIntervalEnd.toISODate()],
  );
  if (rows.length === 0) throw new SkipError('there is nothing to draw yet: run seattle_weather for this month first');
  return rows;
});

const totals = dag.task('totals', { inputs: { days } }, ({ inputs }) => ({
  days: inputs.days.length,
  rain: Math.round(inputs.days.reduce((sum, { rain }) => sum + rain, 0) * 10) / 10,
  warmest: Math.max(...inputs.days.map(({ high }) => high)),
  coldest: Math.min(...inputs.days.map(({ low }) => low)),
}));

dag.task('chart', { inputs: { days, totals } }, ({ inputs, dataIntervalStart }) =>
  weatherChart(`Seattle, ${dataIntervalStart.toFormat('LLLL yyyy')}: ${inputs.totals.rain} mm of rain`, inputs.days),
);
