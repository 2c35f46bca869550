// Groups keep a large DAG readable: they fold in the UI, prefix the ids of their tasks, and can be wired as a whole.
import { BashOperator, DAG, EmptyOperator, TaskGroup } from 'thence';

const dag = new DAG('grouped', {
  description: 'A group for each source, with a group inside',
  schedule: '@daily',
  startDate: '2026-01-01',
  tags: ['example'],
});

const start = new EmptyOperator('start', { dag });
const end = new EmptyOperator('end', { dag });

for (const source of ['orders', 'customers']) {
  const group = new TaskGroup(source, { dag, doc: `Everything about ${source}`, defaultArgs: { retries: 1 } });
  const fetched = group.task('fetch', () => [3, 1, 2]); // its id is orders.fetch

  const checks = new TaskGroup('checks', { group });
  checks.task('not_empty', { inputs: { fetched } }, ({ inputs }) => inputs.fetched.length > 0);
  checks.task('no_duplicates', { inputs: { fetched } }, ({ inputs }) => new Set(inputs.fetched).size === inputs.fetched.length);

  checks.then(new BashOperator('publish', { group, command: `echo published ${source} in a {{ run_type }} run` }));
  start.then(group).then(end); // before and after all that the group holds
}
