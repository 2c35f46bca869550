/** What a DAG and its tasks ask for beside the defaults, as rows (label, text) of the details. */
import type { DagSpec, ExpandSpec, TaskSpec } from '../../src/dag-spec/spec';
import { deadlineText, duration, plural } from './html';

type Row = readonly [label: string, text: string];

const callbackNames = { execute: 'onExecute', success: 'onSuccess', failure: 'onFailure', retry: 'onRetry', skipped: 'onSkipped' } as const;

/** Options that are left at their default have no row. */
export function dagOptions(spec: DagSpec): Row[] {
  const rows: (Row | null)[] = [
    row('Tasks at once, all runs', spec.maxActiveTasksPerDag, String),
    row('Run timeout', spec.dagrunTimeoutMs, duration),
    row(
      'Retries of a failed run',
      spec.runRetries,
      (n) => `${n}${spec.runRetryDelayMs ? `, after ${duration(spec.runRetryDelayMs)}` : ''}`,
    ),
    row('Paused after', spec.maxConsecutiveFailedRuns, (n) => `${plural(n, 'failed run')} in a row`),
    row('Fails fast', spec.failFast, () => 'the first failed task ends the run'),
    row('Callbacks', spec.callbacks, (events) => events.map((event) => callbackNames[event]).join(', ')),
    ...(spec.deadlines ?? []).map((one): Row => ['Deadline', [one.name, deadlineText(one, spec.timezone)].filter(Boolean).join(': ')]),
    ['Cleared runs', spec.rerunWithLatestVersion ? 'run on the newest version' : 'run on their own version'],
  ];
  return rows.filter((one) => one !== null);
}

/** Options that are left at their default have no row. */
export function taskOptions(spec: TaskSpec): Row[] {
  const rows: (Row | null)[] = [
    row('Retry delay', spec.retryExponentialBackoff || null, () =>
      spec.maxRetryDelayMs === null ? 'doubles each time' : `doubles each time, up to ${duration(spec.maxRetryDelayMs)}`,
    ),
    row('Mapped over', spec.expand, expansionText),
    row('Label of an instance', spec.mapIndexTemplate, String),
    row('Setup', spec.setup, () => 'runs before what needs it'),
    row('Teardown', spec.teardown, ({ onFailureFailDagrun }) => `its failure ${onFailureFailDagrun ? 'fails' : 'does not fail'} the run`),
    row('Waits for the run before', spec.waitForDownstream ?? spec.dependsOnPast, () =>
      spec.waitForDownstream ? 'this task and those right below it there' : 'this task there',
    ),
    row('At once, per run', spec.maxActiveTisPerDagRun, String),
    row('At once, all runs', spec.maxActiveTisPerDag, String),
    row('Short circuit', spec.ignoreDownstreamTriggerRules, () => 'all below it is skipped, whatever its trigger rule'),
    row('Queue', spec.queue === 'default' ? null : spec.queue, String),
    row('Memory', spec.memoryMb, (mb) => `${mb} MB at most`),
    row('Process', spec.isolation === 'fresh' ? true : null, () => 'one of its own'),
    row('Callbacks', spec.callbacks, (events) => events.map((event) => callbackNames[event]).join(', ')),
  ];
  return rows.filter((one) => one !== null);
}

function expansionText({ kind, keys }: ExpandSpec): string {
  const parts = keys.map(({ name, source }) => `${name}: ${source.kind === 'task' ? source.taskId : plural(source.length, 'value')}`);
  return parts.join(kind === 'zip' ? ' zipped with ' : ' × ');
}

function row<T>(label: string, value: T | null | undefined, text: (value: T) => string): Row | null {
  return value === null || value === undefined ? null : [label, text(value)];
}
