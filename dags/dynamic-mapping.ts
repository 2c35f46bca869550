// As many instances of a task as there are elements, which is known only when the run gets there.
import { BashOperator, DAG } from 'thence';

const dag = new DAG('dynamic_mapping', {
  description: 'One instance per shop, one per shop and currency, and a report on all of them',
  schedule: '@daily',
  startDate: '2026-01-01',
  tags: ['example'],
});

// Weekends have fewer shops.
const shops = dag.task('shops', ({ dagRun }) => {
  const day = dagRun.logicalDate ?? dagRun.runAfter;
  const open = day.weekday <= 5 ? ['north', 'south', 'station'] : ['station'];
  return open.map((name, index) => ({ name, sales: [10 * (index + 1), day.day] }));
});

// One instance per element. Its label in the grid is the name of the shop, not its number.
const total = dag.task('total', { expand: { shop: shops }, mapIndexTemplate: '{{ inputs.shop.name }}' }, ({ inputs }) => ({
  shop: inputs.shop.name,
  euros: inputs.shop.sales.reduce((sum, sale) => sum + sale, 0),
}));

// Several keys make all combinations, the last one varying fastest. A mapped task feeds another one, element by element; the rates are a
// literal object, whose elements are [key, value].
const converted = dag.task('converted', { expand: { total, rate: { CHF: 0.5, USD: 2 } } }, ({ inputs: { total, rate } }) => {
  const [currency, factor] = rate;
  return `${total.shop}: ${total.euros * factor} ${currency}`;
});

// Options of any operator can be mapped over; `expandZip` pairs lists instead of combining them.
const print = new BashOperator('print', {
  dag,
  expandZip: { command: ['echo "$GREETING on {{ run_type }}"', 'echo "bye"'], env: [{ GREETING: 'hello' }, {}] },
});

// As an input, a mapped task is the list of its outputs, in order.
dag.task('report', { inputs: { totals: total, converted, print } }, ({ inputs }) => ({
  shops: inputs.totals.length,
  euros: inputs.totals.reduce((sum, { euros }) => sum + euros, 0),
  last: inputs.converted.at(-1) ?? null,
  printed: inputs.print,
}));
