import { DAG, ExternalTaskSensor, FailError, SkipError, type ExternalTaskSensorOptions } from 'thence';
import { judgeExternal, type ExternalRun } from '../../src/core/external-task';
import type { ExternalQuery } from '../../src/core/waits';
import { openRegistry } from '../../src/dag/registry';
import { contextFor } from '../support/task-context';

let dag: DAG;
let made = 0;
beforeEach(() => {
  openRegistry();
  dag = new DAG('d', { timezone: 'Europe/Zurich' });
});
const at = (iso: string) => Date.parse(iso);

describe('what it asks for', () => {
  const asked = async (options: Partial<ExternalTaskSensorOptions>, logicalDate: string | null = '2026-03-29T22:00:00Z') => {
    const queries: ExternalQuery[] = [];
    const engine = { getExternalRuns: async (query: ExternalQuery) => (queries.push(query), [{ state: null, tasks: {}, groupTasks: [] }]) };
    await new ExternalTaskSensor('s', { dag: new DAG(`d${++made}`), dagId: 'other', ...options }).poke(
      contextFor({ dag, logicalDate, engine }),
    );
    return queries[0]!;
  };

  it('is the run of the same logical date', async () => {
    expect(await asked({})).toEqual({
      dagId: 'other',
      logicalDates: [at('2026-03-29T22:00:00Z')],
      runIds: [],
      taskIds: null,
      groupId: null,
    });
  });

  it('is a run that is so much older, by the DAG’s own calendar', async () => {
    expect((await asked({ executionDelta: { days: 1 } })).logicalDates).toEqual([at('2026-03-28T23:00:00Z')]);
  });

  it('is what a function says: one or several', async () => {
    const options = { logicalDate: (date: { toISODate(): string }) => [date.toISODate(), new Date(0)], taskIds: ['a', 'b'] };
    expect(await asked(options as never)).toMatchObject({ logicalDates: [at('2026-03-29T00:00:00Z'), 0], taskIds: ['a', 'b'] });
    await expect(asked({ logicalDate: () => 'soon' })).rejects.toThrow('`logicalDate` of task "s" returned soon, which is no date');
  });

  it('is a run by its id, also for a run without a logical date', async () => {
    expect(await asked({ runId: 'r1', taskGroup: 'g' }, null)).toMatchObject({ runIds: ['r1'], logicalDates: [], groupId: 'g' });
    await expect(asked({}, null)).rejects.toThrow('no logical date');
  });
});

describe('what it makes of it', () => {
  const look = (runs: readonly ExternalRun[], options: Partial<ExternalTaskSensorOptions> = {}) => {
    const engine = {
      getExternalRuns: async () => runs,
      getDagTasks: async (dagId: string) => (dagId === 'other' ? { taskIds: ['load'], groupIds: ['g'] } : null),
    };
    const task = new ExternalTaskSensor('s', { dag: new DAG('x'), dagId: 'other', ...options });
    openRegistry();
    return task.poke(contextFor({ engine }));
  };
  const run = (state: ExternalRun['state'], tasks: ExternalRun['tasks'] = {}, groupTasks: string[] = []) => ({ state, tasks, groupTasks });

  it('waits for success, and fails or skips where that is asked for', async () => {
    expect(await look([run('running')])).toBe(false);
    expect(await look([run('failed')])).toBe(false);
    expect(await look([run('success')])).toBe(true);
    expect(await look([run('failed')], { allowedStates: ['success', 'failed'] })).toBe(true);
    await expect(look([run('failed')], { failedStates: ['failed'] })).rejects.toThrow(
      new FailError('DAG "other" (2026-01-31T00:00:00.000Z) is in one of the states failed'),
    );
    await expect(look([run('failed')], { skippedStates: ['failed'] })).rejects.toBeInstanceOf(SkipError);
  });

  it('may refuse to wait for what does not exist', async () => {
    const missing = (options: Partial<ExternalTaskSensorOptions>) => look([run(null)], { checkExistence: true, ...options });
    await expect(missing({ dagId: 'gone' })).rejects.toThrow('there is no DAG "gone" to wait for');
    await expect(missing({ taskId: 'laod' })).rejects.toThrow('DAG "other" has no task "laod"; did you mean "load"?');
    await expect(missing({ taskGroup: 'h' })).rejects.toThrow('DAG "other" has no group "h"; did you mean "g"?');
    expect(await missing({ taskId: 'load' })).toBe(false);
  });

  it.each<[verdict: string, query: Partial<ExternalQuery>, runs: ExternalRun[]]>([
    ['waiting', {}, [run('success'), run(null)]],
    ['allowed', {}, [run('success'), run('success')]],
    ['failed', {}, [run('success'), run('failed')]],
    ['allowed', { taskIds: ['a'] }, [run('failed', { a: ['success'] })]],
    ['waiting', { taskIds: ['a', 'b'] }, [run('success', { a: ['success'] })]],
    ['waiting', { taskIds: ['a'] }, [run('running', { a: ['success', 'none'] })]],
    ['failed', { taskIds: ['a'] }, [run('running', { a: ['running', 'failed', 'skipped'] })]],
    ['skipped', { taskIds: ['a'] }, [run('running', { a: ['running', 'skipped'] })]],
    ['allowed', { groupId: 'g' }, [run('running', { 'g.a': ['success'], 'g.b': ['success'] }, ['g.a', 'g.b'])]],
    ['waiting', { groupId: 'g' }, [run('running', { 'g.a': ['success'] }, ['g.a', 'g.b'])]],
    ['waiting', { groupId: 'gone' }, [run('running')]],
  ])('%s: %j of %j', (verdict, query, runs) => {
    const whole = { dagId: 'd', logicalDates: [], runIds: [], taskIds: null, groupId: null, ...query };
    expect(judgeExternal({ ...whole, allowed: ['success'], failed: ['failed'], skipped: ['skipped'] }, runs)).toBe(verdict);
  });
});

test('what contradicts itself is an error of the DAG file', () => {
  const make = (options: object) => () => new ExternalTaskSensor('s', { dag: new DAG(`d${++made}`), dagId: 'o', ...options });
  expect(make({ taskId: 'a', taskGroup: 'g' })).toThrow(/has `taskId` and `taskGroup`: give one of them/);
  expect(make({ executionDelta: 1, runId: 'r' })).toThrow(/has `executionDelta` and `runId`/);
  expect(make({ failedStates: ['success'] })).toThrow(/has the state 'success' twice/);
  expect(make({ allowedStates: ['done'] })).toThrow(
    /`allowedStates` of task "s".* is \["done"\]; allowed is a list in which each is one of/,
  );
});
