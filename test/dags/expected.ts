/** What each example DAG does when it runs once: for the test that executes them all. */
import type { JsonObject, JsonValue } from '../../src/core/json';
import type { RunState, TaskState } from '../../src/core/states';

export interface ExpectedRun {
  /** Relative to dags/. */
  readonly file: string;
  readonly dagId: string;
  /** ISO date of the run. */
  readonly logicalDate: string;
  readonly conf?: JsonObject;
  /** Needs the connection `examples`, to an empty Postgres database. */
  readonly needsExamples?: true;
  /** Other DAGs and the triggerer take part: run by a real scheduler (waiting.test.ts, real-scheduler.test.ts), and not in memory. */
  readonly needsScheduler?: true;
  /** A run that has to be there before. */
  readonly after?: { readonly dagId: string; readonly logicalDate: string };
  readonly state: RunState;
  /** Of a mapped task by instance: 'task[0]', 'task[1]'. */
  readonly tasks: { readonly [taskId: string]: TaskState };
  /** return_value by task, or instance; others are not compared. */
  readonly outputs?: { readonly [taskId: string]: JsonValue };
  /** A pattern for outputs that are text. */
  readonly outputPatterns?: { readonly [taskId: string]: RegExp };
  /** tryNumber at the end; 1 where nothing is said (0 for tasks that never began). */
  readonly tries?: { readonly [taskId: string]: number };
}

export const expectedRuns: readonly ExpectedRun[] = [
  {
    file: 'seattle-weather.ts',
    dagId: 'seattle_weather',
    logicalDate: '2012-01-02',
    needsExamples: true,
    state: 'success',
    tasks: { extract: 'success', validate: 'success', load: 'success' },
    outputs: {
      extract: { date: '2012-01-02', precipitation: '10.9', temp_max: '10.6', temp_min: '2.8', wind: '4.5', weather: 'rain' },
      validate: { date: '2012-01-02', precipitation: 10.9, temp_max: 10.6, temp_min: 2.8, wind: 4.5, weather: 'rain' },
    },
  },
  {
    file: 'seattle-weather.ts',
    dagId: 'seattle_weather',
    logicalDate: '2016-01-01', // the file ends a day earlier
    needsExamples: true,
    state: 'failed',
    tasks: { extract: 'failed', validate: 'upstream_failed', load: 'upstream_failed' },
  },
  {
    file: 'seattle-weather-monthly.ts',
    dagId: 'seattle_weather_monthly',
    logicalDate: '2012-01-01',
    needsExamples: true,
    after: { dagId: 'seattle_weather', logicalDate: '2012-01-02' },
    state: 'success',
    tasks: { read_days: 'success', totals: 'success', chart: 'success' },
    outputs: { totals: { days: 1, rain: 10.9, warmest: 10.6, coldest: 2.8 } },
    outputPatterns: { chart: /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg".*Seattle, January 2012: 10\.9 mm of rain.*<\/svg>$/s },
  },
  {
    file: 'seattle-weather-monthly.ts',
    dagId: 'seattle_weather_monthly',
    logicalDate: '2015-12-01', // nothing loaded
    needsExamples: true,
    state: 'success',
    tasks: { read_days: 'skipped', totals: 'skipped', chart: 'skipped' },
  },
  {
    file: 'diamond.ts',
    dagId: 'diamond',
    logicalDate: '2026-01-31',
    state: 'success',
    tasks: { numbers: 'success', sum: 'success', largest: 'success', report: 'success' },
    outputs: { sum: 496, largest: 31, report: { sum: 496, largest: 31, average: 16 } },
  },
  {
    file: 'branching.ts',
    dagId: 'branching',
    logicalDate: '2026-01-05', // a Monday
    state: 'success',
    tasks: { which_day: 'success', workday: 'success', rest: 'skipped', tidy_up: 'skipped', join: 'success' },
    outputs: { workday: 'worked' },
  },
  {
    file: 'branching.ts',
    dagId: 'branching',
    logicalDate: '2026-01-04', // a Sunday
    state: 'success',
    tasks: { which_day: 'success', workday: 'skipped', rest: 'success', tidy_up: 'success', join: 'success' },
    outputs: { rest: 'rested', tidy_up: 'tidied' },
  },
  {
    file: 'retries.ts',
    dagId: 'retries',
    logicalDate: '2026-01-01',
    state: 'success',
    tasks: { flaky: 'success', done: 'success' },
    outputs: { flaky: 3, done: 'succeeded with try 3' },
    tries: { flaky: 3 },
  },
  {
    file: 'bash-pipeline.ts',
    dagId: 'bash_pipeline',
    logicalDate: '2026-01-31',
    state: 'success',
    tasks: { make: 'success', count: 'success', tidy: 'success' },
    outputs: { count: '3', tidy: 'removed a file of 3 lines of 2026-01-31' },
  },
  {
    file: 'params-form.ts',
    dagId: 'params_form',
    logicalDate: '2026-01-01',
    state: 'success',
    tasks: { plan: 'success', carry_out: 'success' },
    outputs: { carry_out: 'would send 10 orders since 2026-01-01' },
  },
  {
    file: 'params-form.ts',
    dagId: 'params_form',
    logicalDate: '2026-01-02',
    conf: { region: 'us', limit: 2, since: '2025-06-30', dryRun: false, note: 'by hand' },
    state: 'success',
    tasks: { plan: 'success', carry_out: 'success' },
    outputs: { plan: ['us-1', 'us-2'], carry_out: 'sent 2 orders since 2025-06-30' },
  },
  {
    file: 'grouped.ts',
    dagId: 'grouped',
    logicalDate: '2026-01-31',
    state: 'success',
    tasks: {
      start: 'success',
      'orders.fetch': 'success',
      'orders.checks.not_empty': 'success',
      'orders.checks.no_duplicates': 'success',
      'orders.publish': 'success',
      'customers.fetch': 'success',
      'customers.checks.not_empty': 'success',
      'customers.checks.no_duplicates': 'success',
      'customers.publish': 'success',
      end: 'success',
    },
    outputs: { 'orders.checks.no_duplicates': true, 'customers.publish': 'published customers in a manual run' },
  },
  {
    file: 'business-calendar.ts',
    dagId: 'daily_settlement',
    logicalDate: '2026-04-02T04:00:00Z', // the Thursday before Easter
    state: 'success',
    tasks: { hours: 'success' },
    outputs: { hours: 120 },
  },
  {
    file: 'business-calendar.ts',
    dagId: 'close_the_books',
    logicalDate: '2026-01-07T05:00:00Z', // the first two days of the year are holidays
    state: 'success',
    tasks: { hours: 'success' },
    outputs: { hours: 28 * 24 },
  },
  {
    file: 'custom-timetable.ts',
    dagId: 'after_trading',
    logicalDate: '2026-11-27T14:30:00Z', // the short day after Thanksgiving
    state: 'success',
    tasks: { minutes: 'success' },
    outputs: { minutes: 210 },
  },
  {
    file: 'dynamic-mapping.ts',
    dagId: 'dynamic_mapping',
    logicalDate: '2026-01-05', // a Monday
    state: 'success',
    tasks: {
      shops: 'success',
      'total[0]': 'success',
      'total[1]': 'success',
      'total[2]': 'success',
      'converted[0]': 'success',
      'converted[1]': 'success',
      'converted[2]': 'success',
      'converted[3]': 'success',
      'converted[4]': 'success',
      'converted[5]': 'success',
      'print[0]': 'success',
      'print[1]': 'success',
      report: 'success',
    },
    outputs: {
      'total[1]': { shop: 'south', euros: 25 },
      'converted[0]': 'north: 7.5 CHF',
      'converted[3]': 'south: 50 USD',
      report: { shops: 3, euros: 75, last: 'station: 70 USD', printed: ['hello on manual', 'bye'] },
    },
  },
  {
    file: 'dynamic-mapping.ts',
    dagId: 'dynamic_mapping',
    logicalDate: '2026-01-04', // a Sunday
    state: 'success',
    tasks: {
      shops: 'success',
      'total[0]': 'success',
      'converted[0]': 'success',
      'converted[1]': 'success',
      'print[0]': 'success',
      'print[1]': 'success',
      report: 'success',
    },
    outputs: { report: { shops: 1, euros: 14, last: 'station: 28 USD', printed: ['hello on manual', 'bye'] } },
  },
  {
    file: 'mapped-group.ts',
    dagId: 'mapped_group',
    logicalDate: '2026-01-01',
    state: 'success',
    tasks: {
      regions: 'success',
      'region.orders[0]': 'success',
      'region.orders[1]': 'success',
      'region.orders[2]': 'success',
      'region.which[0]': 'success',
      'region.which[1]': 'success',
      'region.which[2]': 'success',
      'region.sum_up[0]': 'success',
      'region.sum_up[1]': 'skipped',
      'region.sum_up[2]': 'success',
      'region.nothing_sold[0]': 'skipped',
      'region.nothing_sold[1]': 'success',
      'region.nothing_sold[2]': 'skipped',
      'region.line[0]': 'success',
      'region.line[1]': 'success',
      'region.line[2]': 'success',
      compare: 'success',
    },
    outputs: { 'region.line[1]': { region: 'us', sum: 0 }, compare: { best: 'asia', sums: [6, 0, 42] } },
  },
  {
    file: 'setup-teardown.ts',
    dagId: 'setup_teardown',
    logicalDate: '2026-01-01',
    state: 'success',
    tasks: { make_folder: 'success', write: 'success', sum: 'success', remove_folder: 'success', report: 'success' },
    outputs: { sum: 6, remove_folder: 'gone', report: 'the sum is 6' },
  },
  {
    file: 'setup-teardown.ts',
    dagId: 'setup_teardown',
    logicalDate: '2026-01-02',
    conf: { breakIt: true },
    state: 'failed',
    tasks: { make_folder: 'success', write: 'success', sum: 'failed', remove_folder: 'success', report: 'upstream_failed' },
    outputs: { remove_folder: 'gone' },
  },
  {
    file: 'short-circuit.ts',
    dagId: 'short_circuit',
    logicalDate: '2026-01-31', // a Saturday, and the end of a month
    state: 'success',
    tasks: {
      is_weekday: 'success',
      load: 'skipped',
      index: 'skipped',
      is_month_end: 'success',
      monthly_report: 'success',
      archive: 'success',
      newest: 'success',
      tell: 'success',
    },
    outputs: { is_weekday: false, is_month_end: true, archive: 'archived', tell: 'told' },
  },
  {
    file: 'short-circuit.ts',
    dagId: 'short_circuit',
    logicalDate: '2026-01-30', // a Friday
    state: 'success',
    tasks: {
      is_weekday: 'success',
      load: 'success',
      index: 'success',
      is_month_end: 'success',
      monthly_report: 'skipped',
      archive: 'success',
      newest: 'success',
      tell: 'success',
    },
    outputs: { load: 'loaded 2026-01-30', is_month_end: false },
  },
  {
    file: 'sensors.ts',
    dagId: 'sensors',
    logicalDate: '2026-01-31',
    state: 'success',
    tasks: { day_is_over: 'success', write: 'success', arrived: 'success', lines: 'success', report: 'success', tidy_up: 'success' },
    outputs: { lines: ['one', 'two', 'three'], report: '3 lines, the last is three' },
  },
  {
    file: 'sql-report.ts',
    dagId: 'sql_report',
    logicalDate: '2026-01-31',
    needsExamples: true,
    state: 'success',
    tasks: { fill: 'success', filled: 'success', enough: 'success', report: 'success', drop: 'success' },
    outputs: {
      filled: 5,
      enough: true,
      report: [
        { weather: 'rain', days: 2, warmest_on_average: 12 },
        { weather: 'sun', days: 2, warmest_on_average: 22.8 },
      ],
    },
  },
  {
    file: 'sql-report.ts',
    dagId: 'sql_report',
    logicalDate: '2026-02-01',
    conf: { least: 6 },
    needsExamples: true,
    state: 'success',
    tasks: { fill: 'success', filled: 'success', enough: 'success', report: 'skipped', drop: 'success' },
    outputs: { enough: false },
  },
  {
    file: 'waiting.ts',
    dagId: 'waiting_child',
    logicalDate: '2026-01-31',
    state: 'success',
    tasks: { work: 'success', rest: 'success' },
  },
  {
    file: 'waiting.ts',
    dagId: 'waiting',
    logicalDate: '2026-01-31',
    needsScheduler: true,
    state: 'success',
    tasks: { trigger: 'success', file_of_child: 'success', work_of_child: 'success', whole_run: 'success', tidy_up: 'success' },
  },
  {
    file: 'callbacks.ts',
    dagId: 'callbacks',
    logicalDate: '2026-01-05',
    conf: { seconds: 1.5 },
    needsScheduler: true,
    state: 'success',
    tasks: { load: 'success', refunds: 'skipped', report: 'success' },
  },
  {
    file: 'deferred-wait.ts',
    dagId: 'deferred_wait',
    logicalDate: '2026-01-31',
    state: 'success',
    tasks: { pause: 'success', launch: 'success' },
    outputs: { pause: 'rested', launch: { counted: 3 } },
  },
];
