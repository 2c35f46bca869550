import { DAG, TriggerDagRunOperator, type TriggerDagRunOptions } from 'thence';
import type { RunState } from '../../src/core/states';
import { openRegistry } from '../../src/dag/registry';
import type { RequestedRun, RunRequest } from '../../src/execution-api/execution-api';
import { contextFor, type ContextValues } from '../support/task-context';

let dag: DAG;
beforeEach(() => {
  openRegistry();
  dag = new DAG('d', { timezone: 'Europe/Zurich' });
});

function trigger(
  options: Partial<TriggerDagRunOptions>,
  states: readonly (RunState | null)[] = [],
  became: RequestedRun['became'] = 'created',
) {
  const asked: RunRequest[] = [];
  const lines: string[] = [];
  let looks = 0;
  const values: ContextValues & { pushed: Record<string, unknown> } = {
    dag,
    pushed: {},
    log: (level, given) => lines.push(`${level}: ${given.join(' ')}`),
    engine: {
      triggerRun: async (request) => {
        asked.push(request);
        return { dagId: request.dagId, runId: request.runId ?? 'made', became, isPaused: true };
      },
      getRunState: async () => states[Math.min(looks++, states.length - 1)] ?? null,
    },
  };
  const task = new TriggerDagRunOperator('t', { dag, dagId: 'child', ...options });
  return { task, values, asked, lines, result: task.execute(contextFor(values)) };
}

test('triggers a run and hands on its id; a paused DAG is said', async () => {
  const { result, asked, values, lines } = trigger({ conf: { n: 1 }, logicalDate: '2026-01-31T06:00', runId: 'r' });
  expect(await result).toEqual({ dagId: 'child', runId: 'r' });
  expect(asked).toEqual([{ dagId: 'child', runId: 'r', logicalDate: '2026-01-31T05:00:00.000Z', conf: { n: 1 }, ifExists: 'fail' }]);
  expect(values.pushed).toEqual({ trigger_run_id: 'r' });
  expect(lines).toEqual(['info: Triggered run "r" of DAG "child"', 'warn: DAG "child" is paused: the run starts when it is unpaused']);
});

test('a run that is there already fails, is cleared, or skips the task', async () => {
  const reset = trigger({ resetDagRun: true }, [], 'cleared');
  await reset.result;
  expect(reset.asked).toMatchObject([{ ifExists: 'clear', logicalDate: null, runId: null }]);
  dag = new DAG('d2');
  const skip = trigger({ skipWhenAlreadyExists: true }, [], 'kept');
  await expect(skip.result).rejects.toMatchObject({ name: 'SkipError', message: 'DAG "child" has the run "made" already' });
  expect(skip.asked).toMatchObject([{ ifExists: 'keep' }]);
});

test('waits for the end of the run, and fails with it', async () => {
  const wait = { waitForCompletion: true, pokeInterval: 1 };
  expect(await trigger(wait, ['queued', 'running', 'success']).result).toEqual({ dagId: 'child', runId: 'made' });
  const again = (states: (RunState | null)[], more: Partial<TriggerDagRunOptions> = {}) => {
    dag = new DAG(`d${Math.random()}`);
    return trigger({ ...wait, ...more }, states).result;
  };
  await expect(again(['running', 'failed'])).rejects.toThrow('the run "made" of DAG "child" is failed');
  await expect(again(['running', null])).rejects.toThrow('is there no more');
  expect(await again(['failed'], { allowedStates: ['failed'], failedStates: ['success'] })).toMatchObject({ runId: 'made' });
});

test('a deferrable one waits in the triggerer, and goes on with the run that it triggered', async () => {
  const { task, result, values } = trigger({ waitForCompletion: true, deferrable: true }, ['running', 'success']);
  await expect(result).rejects.toMatchObject({
    trigger: {
      kind: 'dag-run',
      args: { dagId: 'child', runId: 'made', allowed: ['success'], failed: ['failed'] },
      intervalMs: 5_000,
    },
    options: { resume: 'afterRun' },
  });
  expect(await task.afterRun(contextFor(values))).toEqual({ dagId: 'child', runId: 'made' });
});

test('what contradicts itself is an error of the DAG file', () => {
  let n = 0;
  const make = (options: object) => () => new TriggerDagRunOperator(`t${++n}`, { dag, dagId: 'o', ...options });
  expect(make({ resetDagRun: true, skipWhenAlreadyExists: true })).toThrow(/exclude each other/);
  expect(make({ deferrable: true })).toThrow(/has `deferrable`, which says how to wait, but not `waitForCompletion`/);
});
