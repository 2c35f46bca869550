// Ways to stop early: when there is nothing to do, and when a newer run will do it anyway.
import { DAG, EmptyOperator, LatestOnlyOperator, ShortCircuitOperator } from 'thence';

const dag = new DAG('short_circuit', {
  description: 'Loads what is new on weekdays, reports at the end of a month, and tells people only of the newest run',
  schedule: '@daily',
  startDate: '2026-01-01',
  tags: ['example'],
});

// Closed, it skips all that comes after it, whatever the trigger rules there say.
const isWeekday = new ShortCircuitOperator('is_weekday', {
  dag,
  run: ({ dagRun }) => (dagRun.logicalDate ?? dagRun.runAfter).weekday <= 5,
});
const load = dag.task('load', ({ ds }) => `loaded ${ds}`);
const index = new EmptyOperator('index', { dag, triggerRule: 'all_done' });
isWeekday.then(load).then(index);

// With ignoreDownstreamTriggerRules: false it skips only what comes right after it, and trigger rules decide on the rest.
const isMonthEnd = new ShortCircuitOperator('is_month_end', {
  dag,
  ignoreDownstreamTriggerRules: false,
  run: ({ dagRun }) => {
    const day = dagRun.logicalDate ?? dagRun.runAfter;
    return day.day === day.daysInMonth;
  },
});
const report = dag.task('monthly_report', () => 'reported');
const archive = dag.task('archive', { triggerRule: 'none_failed' }, () => 'archived');
isMonthEnd.then(report).then(archive);

// A backfill of last year tells nobody.
const newest = new LatestOnlyOperator('newest', { dag });
newest.then(dag.task('tell', () => 'told'));
