// A whole group per element: inside, each task works with those of its own index, and a branch decides for its own index.
import { BranchOperator, DAG, TaskGroup } from 'thence';

const dag = new DAG('mapped_group', {
  description: 'The same three steps for each region, and a comparison of all regions',
  schedule: '@daily',
  startDate: '2026-01-01',
  tags: ['example'],
});

const regions = dag.task('regions', () => ({ eu: [3, 1, 2], us: [], asia: [40, 2] })); // an object is mapped over as [key, value]

const region = new TaskGroup('region', { dag, expand: { region: regions } });

const orders = region.task('orders', { mapIndexTemplate: '{{ inputs.region[0] }}' }, ({ inputs }) => {
  const [name, amounts] = inputs.region;
  return { name, amounts };
});

const which = new BranchOperator('which', {
  group: region,
  inputs: { orders },
  run: ({ inputs }) => (inputs.orders.amounts.length > 0 ? 'region.sum_up' : 'region.nothing_sold'),
});

// `orders` is the output of the same index, not the list of all.
const sumUp = region.task('sum_up', { inputs: { orders } }, ({ inputs }) =>
  inputs.orders.amounts.reduce((a: number, b: number) => a + b, 0),
);
const nothingSold = region.task('nothing_sold', ({ log }) => log.info('no orders today'));
which.then([sumUp, nothingSold]);

const line = region.task('line', { inputs: { orders, sumUp }, triggerRule: 'none_failed_min_one_success' }, ({ inputs }) => ({
  region: inputs.orders?.name ?? '?',
  sum: inputs.sumUp ?? 0,
}));
nothingSold.then(line);

// Outside of the group its tasks have one output per index: `all` is the list of them.
dag.task('compare', { inputs: { lines: region.all(line) } }, ({ inputs }) => {
  const best = inputs.lines.toSorted((a, b) => b.sum - a.sum)[0];
  return { best: best?.region ?? null, sums: inputs.lines.map(({ sum }) => sum) };
});
