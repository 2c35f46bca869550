// Who is told what: callbacks of tasks and of the DAG, a notifier of one's own, and deadlines of its runs.
import { setTimeout as sleep } from 'node:timers/promises';
import { DAG, Notifier, SkipError } from 'thence';
import type { CallbackContext, TaskCallbackContext } from 'thence';

// Stands for a pager or a chat. EmailNotifier and WebhookNotifier are given in the same way; all render their options' templates.
class Say extends Notifier<{ text: string }> {
  static override readonly templateFields = ['text'];
  static override readonly optionNames = ['text'];
  notify({ log }: CallbackContext) {
    log.warn(this.options.text);
  }
}

const late = new Say({ text: 'the run {{ run_id }} has missed "{{ deadline.name }}"' });

const dag = new DAG('callbacks', {
  description: 'Tells of tries that failed, of what was skipped, and of runs that are late',
  schedule: '0 5 * * *',
  startDate: '2026-01-01',
  timezone: 'Europe/Zurich',
  catchup: false,
  params: { type: 'object', properties: { seconds: { type: 'number', default: 0, description: 'How long the load takes' } } },
  onSuccess: new Say({ text: 'the sales of {{ ds }} are there' }),
  onFailure: [new Say({ text: 'no sales of {{ ds }}: {{ reason }}' })],
  deadline: [
    { by: '07:00', name: 'before the shops open', onMissed: late },
    { longerThanUsual: 2, name: 'twice as long as the last ten', onMissed: late },
    { after: { seconds: 2 }, from: 'startDate', name: 'two seconds', onMissed: late },
  ],
  tags: ['example'],
});

const tellTry = ({ exception, tryNumber, ti, log }: TaskCallbackContext) =>
  log.warn(`try ${tryNumber} of ${ti.taskId} went wrong: ${exception?.message}`);

const load = dag.task('load', { retries: 1, retryDelay: { seconds: 1 }, onRetry: tellTry, onFailure: tellTry }, async (context) => {
  if (context.tryNumber === 1) throw new Error('the cash desk does not answer');
  await sleep(Number(context.params['seconds']) * 1_000);
  return 42;
});

const onSkipped = new Say({ text: '{{ ti.task_id }} had nothing to do: {{ reason }}' });
const refunds = dag.task('refunds', { inputs: { load }, onSkipped }, ({ inputs }) => {
  if (inputs.load > 40) throw new SkipError('no refunds today');
});

refunds.then(dag.task('report', { triggerRule: 'none_failed' }, () => 'sent'));
