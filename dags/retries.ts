// A task that fails at first and is tried again, a little later each time.
import { DAG, FailError } from 'thence';

const dag = new DAG('retries', {
  description: 'Fails twice, then succeeds',
  schedule: null, // only when it is triggered
  defaultArgs: { retries: 3, retryDelay: { seconds: 1 }, retryExponentialBackoff: true, maxRetryDelay: 'PT10S' },
  tags: ['example'],
});

const flaky = dag.task('flaky', ({ tryNumber, ti, log }) => {
  log.info(`try ${tryNumber} of at most ${ti.maxTries}`);
  if (tryNumber < 3) throw new Error('the service is not there yet');
  return tryNumber;
});

dag.task('done', { inputs: { flaky } }, ({ inputs }) => {
  // A FailError fails at once, whatever retries are left: nothing would be better the next time.
  if (inputs.flaky < 3) throw new FailError('that was too easy');
  return `succeeded with try ${inputs.flaky}`;
});
