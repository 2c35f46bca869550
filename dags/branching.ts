// A branch chooses what runs after it, the other ways are skipped, and a join goes on after whichever it was.
import { BranchOperator, DAG, EmptyOperator } from 'thence';

const dag = new DAG('branching', {
  description: 'Workdays go one way, weekends the other',
  schedule: '@daily',
  startDate: '2026-01-01',
  tags: ['example'],
});

const which = new BranchOperator('which_day', {
  dag,
  run: ({ dagRun, log }) => {
    const day = dagRun.logicalDate ?? dagRun.runAfter; // a run may be triggered without a logical date
    log.info(`${day.toISODate()} is a ${day.setLocale('en').weekdayLong}`);
    return day.weekday <= 5 ? 'workday' : ['rest', 'tidy_up'];
  },
});

const workday = dag.task('workday', () => 'worked');
const rest = dag.task('rest', () => 'rested');
const tidyUp = dag.task('tidy_up', () => 'tidied');

// The default rule, all_success, would skip the join: one of its upstream tasks always is skipped.
const join = new EmptyOperator('join', { dag, triggerRule: 'none_failed_min_one_success' });

which.then(workday, { label: 'Monday to Friday' }).then(join);
which.then([rest, tidyUp], { label: 'weekend' }).then(join);
