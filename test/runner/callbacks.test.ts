import { DAG } from 'thence';
import type { CallbackContext, TaskCallbackContext } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { stage } from './support';

beforeEach(() => openRegistry());

const task = { taskId: 'load', mapIndex: 2, tryNumber: 3, maxTries: 3 };

test('onExecute is called before the first piece of a try, and what it throws is logged and stops nothing', async () => {
  const calls: string[] = [];
  const dag = new DAG('d');
  dag.task(
    'load',
    {
      onExecute: [
        ({ event, ti, ds }) => void calls.push(`${event} ${ti.taskId} ${ds}`),
        () => {
          throw new Error('the phone is off');
        },
        { notify: () => void calls.push('second') },
      ],
    },
    () => void calls.push('run'),
  );
  const { run, text } = stage(dag);
  expect(await run('load')).toMatchObject({ kind: 'success' });
  expect(calls).toEqual(['execute load 2026-01-31', 'second', 'run']);
  expect(text()).toMatch(/onExecute failed: Error: the phone is off/);
  await run('load', { piece: 1, tryStartedAt: 5 });
  expect(calls.slice(3)).toEqual(['run']);
});

test('a callback of a task gets its context: what was thrown, why, and which try', async () => {
  const seen: unknown[] = [];
  const dag = new DAG('d');
  dag.task(
    'load',
    {
      inlets: ['s3://in'],
      onFailure: ({ exception, reason, ti, tryNumber, mapIndex, inlets, dagRun, task: own, log }: TaskCallbackContext) => {
        log.info('told somebody');
        seen.push([
          exception instanceof Error,
          exception?.name,
          exception?.message,
          reason,
          ti.tryNumber,
          tryNumber,
          mapIndex,
          inlets,
          dagRun.runId,
          own.id,
        ]);
      },
    },
    () => 1,
  );
  const { callback, text } = stage(dag);
  const error = { name: 'TypeError', message: 'it broke', stack: null };
  expect(await callback({ task, error, reason: 'executed' })).toEqual({ kind: 'success', returnValue: null, branch: null });
  expect(seen).toEqual([[true, 'TypeError', 'it broke', 'executed', 3, 3, 2, ['s3://in'], 'r1', 'load']]);
  expect(text()).toBe('told somebody');
});

test('callbacks of a DAG get the run; one that throws fails the workload after all have been called', async () => {
  const seen: string[] = [];
  const dag = new DAG('d', {
    onFailure: [
      () => {
        throw new Error('first');
      },
      {
        notify: async ({ event, task: none, ds, variables }: CallbackContext) =>
          void seen.push(`${event} ${String(none === null)} ${ds} ${await variables.get('colour')}`),
      },
    ],
  });
  dag.task('load', () => 1);
  const { callback, text } = stage(dag);
  expect(await callback({ event: 'failure' })).toMatchObject({ kind: 'failed', retryable: false, error: { message: 'first' } });
  expect(seen).toEqual(['failure true 2026-01-31 blue']);
  expect(text().match(/first/g)).toHaveLength(1);
});

test('a callback reads outputs of the run: of its own task and instance, or of a task that it names', async () => {
  const seen: unknown[] = [];
  const read = async ({ xcom }: CallbackContext) => void seen.push(await xcom.pull('other'));
  const dag = new DAG('d', { onFailure: ({ xcom }) => xcom.pull() });
  dag.task('load', { onFailure: [read, async ({ xcom }) => void seen.push(await xcom.pull())] }, () => 1);
  const { callback } = stage(dag, { other: 'o', 'load[2]': 'mine', 'load[0]': 'not mine' });
  await callback({ task });
  expect(seen).toEqual(['o', 'mine']);
  expect(await callback({})).toMatchObject({
    error: { message: expect.stringMatching(/needs a task id: it has no task of its own/) as string },
  });
});

test('a callback of a task that the file no longer makes says so', async () => {
  const { callback } = stage(new DAG('d'));
  expect(await callback({ task })).toMatchObject({
    kind: 'failed',
    error: { message: expect.stringMatching(/no longer makes task "load" of DAG "d"/) as string },
  });
});
