// Data from task to task, checked by the compiler: try `inputs.sum.length` below.
import { DAG } from 'thence';

const dag = new DAG('diamond', {
  description: 'One task, two that use its output side by side, one that joins them',
  schedule: '@daily',
  startDate: '2026-01-01',
  tags: ['example'],
});

const numbers = dag.task('numbers', ({ dagRun }) => {
  // A run that was triggered without a logical date has none; every run has a date from which it may start.
  const { day } = dagRun.logicalDate ?? dagRun.runAfter;
  return Array.from({ length: day }, (_, index) => index + 1);
});

const sum = dag.task('sum', { inputs: { numbers } }, ({ inputs }) => inputs.numbers.reduce((total, n) => total + n, 0));
const largest = dag.task('largest', { inputs: { numbers } }, ({ inputs }) => Math.max(...inputs.numbers));

dag.task('report', { inputs: { sum, largest } }, ({ inputs, log }) => {
  log.info(`the numbers up to ${inputs.largest} add up to ${inputs.sum}`);
  return { ...inputs, average: inputs.sum / inputs.largest };
});
