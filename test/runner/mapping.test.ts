import { BaseOperator, BranchOperator, DAG, TaskGroup, type TaskContext } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { positionsOf } from '../../src/runner/elements';
import { stage } from './support';

beforeEach(() => openRegistry());

class Say<Mapped extends string = never> extends BaseOperator<unknown, { word: string; to?: string; times?: unknown }, Mapped> {
  static override readonly optionNames = ['word', 'to', 'times'];
  static override readonly templateFields = ['word', 'to'];
  execute(_: TaskContext) {
    const { word, to, times } = this.options;
    return { word, to, times };
  }
}

test('the last key of a product varies fastest; a zip has one position in all lists', () => {
  const all = Array.from({ length: 6 }, (_, index) => positionsOf('product', [2, 3], index));
  expect(all).toEqual([
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 0],
    [1, 1],
    [1, 2],
  ]);
  expect(positionsOf('zip', [3, 3], 2)).toEqual([2, 2]);
});

test('an instance finds its elements in `inputs`: of literals as they are, of outputs after JSON', async () => {
  const dag = new DAG('d');
  const orders = dag.task('orders', () => [{ id: 1 }, { id: 2 }]);
  const prices = dag.task('prices', () => ({ a: 1 }));
  const factor = dag.task('factor', () => 10);
  dag.task(
    'ship',
    { inputs: { factor, orders }, expand: { day: [new Date(0)], order: orders, price: prices } },
    ({ inputs, mapIndex, expandedTiCount }) => {
      expect(inputs.day).toBeInstanceOf(Date);
      return { order: inputs.order, price: inputs.price, orders: inputs.orders, factor: inputs.factor, mapIndex, expandedTiCount };
    },
  );
  const { value } = stage(dag, { orders: [{ id: 1 }, { id: 2 }], prices: { a: 1 }, factor: 10 });
  expect(await value('ship', { mapIndex: 1, mapLengths: [1, 2, 1] })).toEqual({
    order: { id: 2 },
    price: ['a', 1],
    orders: [{ id: 1 }, { id: 2 }],
    factor: 10,
    mapIndex: 1,
    expandedTiCount: 2,
  });
});

test('a mapped task is a list in order in `inputs`, without the instances that have no output, and one element in another mapping', async () => {
  const dag = new DAG('d');
  const ship = dag.task('ship', { expand: { n: [1, 2, 3] } }, ({ inputs }) => inputs.n);
  dag.task('all', { inputs: { ship, lists: [ship, ship] } }, ({ inputs }) => inputs);
  dag.task('each', { expand: { shipped: ship } }, ({ inputs }) => inputs.shipped);
  const { value, outputs } = stage(dag, { 'ship[2]': 'c', 'ship[0]': 'a' });
  expect(await value('all')).toEqual({
    ship: ['a', 'c'],
    lists: [
      ['a', 'c'],
      ['a', 'c'],
    ],
  });
  outputs['ship[0]'] = 'x';
  expect(await value('each', { mapIndex: 1, mapLengths: [2] })).toBe('x');
});

test('an element that is a task stands for its output', async () => {
  const dag = new DAG('d');
  const [a, b] = [dag.task('a', () => 1), dag.task('b', () => 2)];
  dag.task('of', { expand: { n: [a, b] } }, ({ inputs }) => inputs.n * 10);
  expect(await stage(dag, { a: 1, b: 2 }).value('of', { mapIndex: 1, mapLengths: [2] })).toBe(20);
});

test('an expanded option is in `this.options`: templates of the file are rendered, what a task gave is not', async () => {
  const dag = new DAG('d');
  const words = dag.task('words', () => ['']);
  new Say('written', { dag, to: '{{ ds }}', expand: { word: ['at {{ ds }}', 'plain'] } });
  new Say('given', { dag, times: 2, expandZip: { word: words, to: ['x'] } });
  const { value, rendered } = stage(dag, { words: ['{{ ds }} stays', 'no'] });
  expect(await value('written', { mapIndex: 0, mapLengths: [2] })).toEqual({ word: 'at 2026-01-31', to: '2026-01-31' });
  expect(await value('written', { mapIndex: 1, mapLengths: [2] })).toEqual({ word: 'plain', to: '2026-01-31' });
  expect(await value('given', { mapIndex: 0, mapLengths: [1, 1] })).toEqual({ word: '{{ ds }} stays', to: 'x', times: 2 });
  expect(rendered).toEqual([
    { word: 'at 2026-01-31', to: '2026-01-31' },
    { word: 'plain', to: '2026-01-31' },
    { word: '{{ ds }} stays', to: 'x' },
  ]);
});

test('a file that maps over something else than when it was stored says so', async () => {
  const dag = new DAG('d');
  const source = dag.task('source', () => [1]);
  dag.task('literal', { expand: { n: [1, 2] } }, ({ inputs }) => inputs.n);
  dag.task('upstream', { expand: { n: source } }, ({ inputs }) => inputs.n);
  dag.task('plain', () => 1);
  const { value } = stage(dag, { source: [1] });
  await expect(value('literal', { mapIndex: 2, mapLengths: [3] })).rejects.toThrow(
    /maps `n` over 2 elements, and over 3 when its version was stored/,
  );
  await expect(value('upstream', { mapIndex: 1, mapLengths: [2] })).rejects.toThrow(/task "source" has no element 1 to map over/);
  await expect(value('plain', { mapIndex: 1, mapLengths: [2] })).rejects.toThrow(/task "plain" is not mapped as it was/);
});

test('in a mapped group a task has the output of its own index, asked for alone; outside it is the list of all', async () => {
  const dag = new DAG('d');
  const rate = dag.task('rate', () => 2);
  const group = new TaskGroup('g', { dag, expand: { n: [5, 6, 7] } });
  const fetched = group.task('fetched', ({ inputs }) => inputs.n);
  const scaled = group.task('scaled', { inputs: { fetched, rate } }, ({ inputs }) => inputs.fetched * inputs.rate * inputs.n);
  dag.task('sum', { inputs: { all: group.all(scaled) } }, ({ inputs }) => inputs.all);
  const { value, queries } = stage(dag, { rate: 2, 'g.fetched[0]': 5, 'g.fetched[1]': 60, 'g.scaled[1]': 1, 'g.scaled[0]': 0 });
  expect(await value('g.scaled', { mapIndex: 1, mapLengths: [3] })).toBe(60 * 2 * 6);
  expect(queries).toContainEqual({ taskIds: ['g.fetched'], key: 'return_value', mapIndexes: [1] });
  expect(await value('sum')).toEqual([0, 1]);
});

test('the label of an instance is rendered before and, when it changes, after the task; an error is only a line of the log', async () => {
  const dag = new DAG('d');
  dag.task('named', { expand: { n: [1] }, mapIndexTemplate: 'no. {{ inputs.n }}' }, () => 1);
  dag.task('later', { expand: { n: [1] }, mapIndexTemplate: '{{ map_index }}: {{ output.name }}' }, () => ({ name: 'Ada' }));
  dag.task('wrong', { expand: { n: [1] }, mapIndexTemplate: '{{ nothing }}' }, () => 1);
  dag.task('fails', { expand: { n: [1] }, mapIndexTemplate: '{{ ti.map_index }}' }, () => {
    throw new Error('no');
  });
  const { run, labels, text } = stage(dag);
  const instance = { mapIndex: 0, mapLengths: [1] };
  for (const id of ['named', 'later', 'wrong', 'fails']) await run(id, instance);
  expect(labels).toEqual(['no. 1', '0: Ada', '0']);
  expect(text()).toMatch(/The instance has no label, its mapIndexTemplate cannot be rendered: .*there is no `nothing`/);
});

test('a branch in a mapped group chooses for its own index', async () => {
  const dag = new DAG('d');
  const group = new TaskGroup('g', { dag, expand: { n: [1, 2] } });
  const which = new BranchOperator('which', { group, run: ({ inputs }) => (inputs.n > 1 ? 'g.big' : null) });
  which.then([group.task('big', () => 1), group.task('small', () => 1)]);
  const { run } = stage(dag);
  expect(await run('g.which', { mapIndex: 1, mapLengths: [2] })).toMatchObject({ branch: ['g.big'] });
  expect(await run('g.which', { mapIndex: 0, mapLengths: [2] })).toMatchObject({ branch: [] });
});
