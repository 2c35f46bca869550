import { createCommands } from '../../src/commands/create-commands';
import type { Actor, ClearTasksRequest, Commands, TaskPlan } from '../../src/commands/commands';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import type { TaskState } from '../../src/core/states';

const db = useTestDatabase();
const actor: Actor = { user: 'ada', via: 'cli' };

let ledger: PostgresLedger;
let commands: Commands;
const deletedLogs: string[] = [];
beforeAll(() => {
  ledger = new PostgresLedger({ url: db.url });
  const logs = { deleteRun: async (dagId: string, runId: string) => void deletedLogs.push(`${dagId}/${runId}`) };
  commands = createCommands({ database: db.database, ledger, clock: { now: () => Date.now() }, wakeup: () => undefined, logs });
});
afterAll(() => ledger.close());

const tasks = ['extract', 'clean', 'load', 'report'];
const edges = [['extract', 'clean'], ['clean', 'load'], ['clean', 'report']] as const; // prettier-ignore
const params = { type: 'object', properties: { region: { type: 'string', enum: ['eu', 'us'], default: 'eu' } } };
beforeEach(async () => {
  await db.reset();
  deletedLogs.length = 0;
  await insertDag(db.pool, { dagId: 'etl', tasks, edges, params, timezone: 'Europe/Zurich' });
});

type States = Partial<Record<string, TaskState>>;
async function addRun(runId: string, state: 'success' | 'failed' | 'running', states: States, logicalDate?: string): Promise<number> {
  const run = await insertRun(db.pool, { dagId: 'etl', runId, state, logicalDate });
  for (const [taskId, state] of Object.entries(states)) {
    const byRule = state === 'upstream_failed' || state === 'skipped';
    await insertTaskInstance(db.pool, { run, taskId, state, reason: byRule ? 'rule' : undefined });
  }
  return run;
}
const failedRun = (runId: string, logicalDate?: string) =>
  addRun(runId, 'failed', { extract: 'success', clean: 'failed', load: 'upstream_failed', report: 'upstream_failed' }, logicalDate);
const goodRun = (runId: string, logicalDate?: string) =>
  addRun(runId, 'success', { extract: 'success', clean: 'success', load: 'success', report: 'success' }, logicalDate);

const shown = ({ items }: TaskPlan) => items.map(({ runId, taskId, state, action }) => `${runId} ${taskId} ${state}: ${action}`);
const states = async (runId: string) => {
  const { rows } = await db.pool.query(
    'SELECT task_id, t.state FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE run_id = $1 ORDER BY t.pk',
    [runId],
  );
  return rows.map(({ task_id, state }) => `${task_id} ${state ?? 'none'}`).join(', ');
};
const runStates = async () =>
  (await db.pool.query('SELECT run_id, state FROM dag_run ORDER BY pk')).rows.map(({ run_id, state }) => `${run_id} ${state}`).join(', ');
const audit = async () =>
  (await db.pool.query('SELECT actor, via, action, dag_id, run_id, task_id, details FROM audit_log ORDER BY id')).rows;

describe('running one task', () => {
  const at = { dagId: 'etl', runId: 'r1', mapIndex: -1 };
  const run = (taskId: string, more: object = {}) => commands.runTask({ ...at, taskId, ...more }, actor);
  const refusal = (taskId: string, more?: object) => run(taskId, more).catch((error: Error) => error.message);

  it('clears just that one; what has run below it stays as it is', async () => {
    await addRun('r1', 'failed', { extract: 'failed', clean: 'success', load: 'failed', report: 'upstream_failed' });
    expect(await run('extract')).toEqual({ was: 'failed', lastTry: 1 });
    expect(await states('r1')).toBe('extract none, clean success, load failed, report none');
    expect(await runStates()).toBe('r1 queued');
    expect(await audit()).toMatchObject([{ actor: 'ada', action: 'run_task', dag_id: 'etl', run_id: 'r1', task_id: 'extract' }]);
  });

  it.each(['running', 'queued', 'restarting'] as const)('refuses one that is %s, and changes nothing', async (state) => {
    await addRun('r1', 'running', { extract: state });
    expect(await refusal('extract', { force: true })).toContain(`task "extract" of run "r1" of DAG "etl" is ${state}: it runs already`);
    expect([await states('r1'), await audit()]).toEqual([`extract ${state}`, []]);
  });

  it.each(['success', 'skipped', 'deferred', 'up_for_reschedule'] as const)('needs force for one that is %s', async (state) => {
    await addRun('r1', 'running', { extract: state });
    expect(await refusal('extract')).toBe(`task "extract" of run "r1" of DAG "etl" is ${state}; --force runs it again`);
    expect(await states('r1')).toBe(`extract ${state}`);
    expect(await run('extract', { force: true })).toMatchObject({ was: state });
    expect(await states('r1')).toMatch(/^extract none/);
  });

  it('takes one that has not begun, also in a run that has not', async () => {
    await addRun('r1', 'running', { extract: null, clean: 'up_for_retry' });
    expect([await run('extract'), await run('clean')]).toMatchObject([{ was: null }, { was: 'up_for_retry' }]);
    await insertRun(db.pool, { dagId: 'etl', runId: 'later', state: 'queued', version: null });
    expect(await run('load', { runId: 'later' })).toEqual({ was: null, lastTry: 0 });
    expect(await refusal('lad', { runId: 'later' })).toContain('has no task "lad"');
  });

  it('wants one instance of a mapped task, and clears only that', async () => {
    const pk = await addRun('r1', 'failed', {});
    for (const [mapIndex, state] of (['failed', 'failed', 'success'] as const).entries())
      await insertTaskInstance(db.pool, { run: pk, taskId: 'load', mapIndex, state });
    expect(await refusal('load')).toContain('is mapped: name one of its 3 instances with --map-index, from 0 to 2');
    expect(await refusal('load', { mapIndex: 3 })).toBe('there is no task "load[3]" of run "r1" of DAG "etl"');
    expect(await refusal('load', { mapIndex: 2 })).toContain('"load[2]" of run "r1" of DAG "etl" is success');
    expect(await run('load', { mapIndex: 1 })).toMatchObject({ was: 'failed' });
    expect(await states('r1')).toBe('load failed, load none, load success');
  });
});

describe('clearing tasks', () => {
  it('lists in a dry run exactly what it then does, and the dry run changes nothing', async () => {
    await failedRun('r1');
    const request: ClearTasksRequest = { dagId: 'etl', runId: 'r1', tasks: ['clean'] };
    const plan = await commands.planClear(request);
    expect(shown(plan)).toEqual(['r1 clean failed: clear', 'r1 load upstream_failed: decide', 'r1 report upstream_failed: decide']);
    expect(plan.runs).toMatchObject([{ runId: 'r1', from: 'failed', to: 'queued', version: 1 }]);
    expect(plan.items[0]).toMatchObject({ mapIndex: -1, version: 1 });
    expect(await runStates()).toBe('r1 failed');
    expect(await states('r1')).toBe('extract success, clean failed, load upstream_failed, report upstream_failed');
    expect(await audit()).toEqual([]);
    expect((await db.pool.query('SELECT FROM run_wake')).rowCount).toBe(0);

    expect(await commands.clearTasks(request, actor)).toEqual(plan);
    expect(await runStates()).toBe('r1 queued');
    expect(await states('r1')).toBe('extract success, clean none, load none, report none');
    expect(await audit()).toMatchObject([
      {
        actor: 'ada',
        via: 'cli',
        action: 'clear_tasks',
        dag_id: 'etl',
        run_id: 'r1',
        task_id: 'clean',
        details: { from: 'failed', version: 'latest', tasks: ['clean'], count: 1, decided_anew: 2 },
      },
    ]);
  });

  it('goes up and down the graph, and by a pattern', async () => {
    await goodRun('r1');
    const planned = async (request: Partial<ClearTasksRequest>) => {
      const { items } = await commands.planClear({ dagId: 'etl', runId: 'r1', ...request });
      return items.map(({ taskId }) => taskId).join(' ');
    };
    expect(await planned({ tasks: ['clean'], downstream: true })).toBe('clean load report');
    expect(await planned({ tasks: ['load'], upstream: true })).toBe('extract clean load');
    expect(await planned({ taskPattern: '^(load|rep)' })).toBe('load report');
    expect(await planned({})).toBe('extract clean load report');
    await expect(planned({ tasks: ['lod'] })).rejects.toThrow('DAG "etl" has no task "lod"; did you mean "load"?');
    await expect(planned({ taskPattern: 'nothing' })).rejects.toThrow(
      'no task of DAG "etl" matches "nothing"; its tasks are extract, clean, load, report',
    );
    await expect(planned({ taskPattern: '(' })).rejects.toThrow('"(" is not a regular expression');
  });

  it('takes only failed or running ones when asked to', async () => {
    await addRun('r1', 'running', { extract: 'success', clean: 'running', load: 'failed', report: 'upstream_failed' });
    const planned = async (request: Partial<ClearTasksRequest>) =>
      (await commands.planClear({ dagId: 'etl', runId: 'r1', ...request })).items.flatMap(({ taskId, action }) =>
        action === 'clear' ? taskId : [],
      );
    expect(await planned({ onlyFailed: true })).toEqual(['load', 'report']);
    expect(await planned({ onlyRunning: true })).toEqual(['clean']);
    expect(await planned({ onlyFailed: true, onlyRunning: true })).toEqual(['clean', 'load', 'report']);
  });

  it('reaches the runs of a range of dates, in the zone of the DAG, and those before and after one', async () => {
    for (const day of [1, 2, 3]) await failedRun(`r${day}`, `2026-01-0${day}T00:00:00+01:00`);
    await failedRun('undated');
    const runsOf = async (request: Partial<ClearTasksRequest>) =>
      (await commands.planClear({ dagId: 'etl', tasks: ['clean'], ...request })).runs.map(({ runId }) => runId).join(' ');
    expect(await runsOf({ from: '2026-01-02' })).toBe('r2 r3');
    expect(await runsOf({ from: '2026-01-02', to: '2026-01-02' })).toBe('r2');
    expect(await runsOf({})).toBe('r1 r2 r3 undated');
    expect(await runsOf({ runId: 'r2', past: true })).toBe('r1 r2');
    expect(await runsOf({ runId: 'r2', future: true })).toBe('r2 r3');
    expect(await runsOf({ runId: 'r2', past: true, future: true })).toBe('r1 r2 r3');
    await expect(runsOf({ runId: 'undated', past: true })).rejects.toThrow('run "undated" has no logical date');
    await expect(runsOf({ past: true })).rejects.toThrow('name it');

    await commands.clearTasks({ dagId: 'etl', runId: 'r2', past: true, tasks: ['clean'] }, actor);
    expect(await runStates()).toBe('r1 queued, r2 queued, r3 failed, undated failed');
    expect((await audit()).map(({ run_id }) => run_id)).toEqual(['r1', 'r2']);
  });

  it('takes the newest version unless the DAG or the request says otherwise, and says what that adds', async () => {
    await goodRun('r1');
    await insertDag(db.pool, { dagId: 'etl', tasks: [...tasks, 'notify'], edges: [...edges, ['load', 'notify']] });
    const load = { dagId: 'etl', runId: 'r1', tasks: ['load'] };
    expect(shown(await commands.planClear(load))).toEqual(['r1 load success: clear', 'r1 notify null: add']);
    expect((await commands.planClear(load)).runs).toMatchObject([{ version: 2 }]);
    expect(await commands.planClear({ ...load, version: 'own' })).toMatchObject({
      runs: [{ version: 1 }],
      items: [{ taskId: 'load', version: 1 }],
    });
    await insertDag(db.pool, { dagId: 'etl', tasks, edges, rerunWithLatestVersion: false });
    expect((await commands.planClear(load)).runs).toMatchObject([{ version: 1 }]);
    expect((await commands.planClear({ ...load, version: 'latest' })).runs).toMatchObject([{ version: 3 }]);
  });

  it('runs again from a task on, with other params that fit those of the DAG', async () => {
    await goodRun('r1');
    const from = { dagId: 'etl', runId: 'r1', task: 'clean' };
    await expect(commands.rerunFrom({ ...from, conf: { region: 'mars' } }, actor)).rejects.toThrow('region must be one of "eu", "us"');
    expect(await runStates()).toBe('r1 success');
    expect(shown(await commands.rerunFrom({ ...from, conf: { region: 'us' } }, actor))).toEqual([
      'r1 clean success: clear',
      'r1 load success: clear',
      'r1 report success: clear',
    ]);
    expect((await db.pool.query('SELECT conf FROM dag_run')).rows).toEqual([{ conf: { region: 'us' } }]);
    expect(await audit()).toMatchObject([{ details: { conf: { region: 'us' }, count: 3 } }]);
  });

  it('is refused as a whole when a task runs and must not be stopped', async () => {
    await goodRun('r1', '2026-01-01');
    await addRun('r2', 'running', { extract: 'running' }, '2026-01-02');
    const request = { dagId: 'etl', tasks: ['extract'], preventRunningTask: true };
    await expect(commands.clearTasks(request, actor)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('task "extract" of run "r2" of DAG "etl" is running; nothing was cleared') as string,
    });
    expect(await runStates()).toBe('r1 success, r2 running');
    await commands.clearTasks({ ...request, preventRunningTask: false }, actor);
    expect(await states('r2')).toBe('extract restarting');
  });

  it('can leave ended runs as they are, and puts a note on what it clears', async () => {
    await goodRun('r1');
    await commands.clearTasks({ dagId: 'etl', runId: 'r1', tasks: ['load'], resetDagRuns: false, note: 'bad input' }, actor);
    expect(await runStates()).toBe('r1 success');
    expect(await states('r1')).toContain('load none');
    expect((await db.pool.query('SELECT note FROM ti_detail')).rows).toEqual([{ note: 'bad input' }]);
  });

  it('of a run clears all of it, or only what failed', async () => {
    await failedRun('r1');
    const plan = await commands.planClearRun({ dagId: 'etl', runId: 'r1', onlyFailed: true });
    expect(plan.items.map(({ taskId }) => taskId)).toEqual(['clean', 'load', 'report']);
    expect((await commands.planClearRun({ dagId: 'etl', runId: 'r1' })).items).toHaveLength(4);
    await commands.clearRun({ dagId: 'etl', runId: 'r1', onlyFailed: true }, actor);
    expect(await states('r1')).toBe('extract success, clean none, load none, report none');
  });
});

describe('marking tasks', () => {
  it('lists in a dry run what it then does', async () => {
    await failedRun('r1');
    const request = { dagId: 'etl', runId: 'r1', tasks: ['clean'], state: 'success', note: 'by hand' } as const;
    const plan = await commands.planMark(request);
    expect(shown(plan)).toEqual(['r1 clean failed: mark', 'r1 load upstream_failed: decide', 'r1 report upstream_failed: decide']);
    expect(await runStates()).toBe('r1 failed');
    expect(await commands.markTasks(request, actor)).toEqual(plan);
    expect(await states('r1')).toBe('extract success, clean success, load none, report none');
    expect((await db.pool.query('SELECT note FROM ti_detail')).rows).toEqual([{ note: 'by hand' }]);
    expect(await audit()).toMatchObject([{ action: 'mark_tasks', run_id: 'r1', task_id: 'clean', details: { to: 'success', count: 1 } }]);
  });

  it('goes up and down the graph, and to other runs', async () => {
    await goodRun('r1', '2026-01-01');
    await goodRun('r2', '2026-01-02');
    await commands.markTasks({ dagId: 'etl', runId: 'r1', tasks: ['clean'], state: 'failed', downstream: true, future: true }, actor);
    expect(await states('r1')).toBe('extract success, clean failed, load failed, report failed');
    expect(await states('r2')).toBe('extract success, clean failed, load failed, report failed');
  });

  it('works for a DAG whose file is gone', async () => {
    await failedRun('r1');
    await db.pool.query('UPDATE dag SET is_active = false');
    await commands.markTasks({ dagId: 'etl', runId: 'r1', tasks: ['clean', 'load', 'report'], state: 'success' }, actor);
    expect(await states('r1')).toBe('extract success, clean success, load success, report success');
    await expect(commands.clearRun({ dagId: 'etl', runId: 'r1' }, actor)).rejects.toThrow('no longer in the dags folder');
  });
});

describe('deleting', () => {
  it('takes a run with its logs, but none that runs', async () => {
    await addRun('busy', 'running', { extract: 'running' });
    await failedRun('r1');
    await expect(commands.deleteRun({ dagId: 'etl', runId: 'busy' }, actor)).rejects.toMatchObject({ code: 'CONFLICT' });
    await commands.markRun({ dagId: 'etl', runId: 'busy', state: 'failed' }, actor);
    await expect(commands.deleteRun({ dagId: 'etl', runId: 'busy' }, actor)).rejects.toThrow('are still being stopped');
    await commands.deleteRun({ dagId: 'etl', runId: 'r1' }, actor);
    expect(await runStates()).toBe('busy failed');
    expect(deletedLogs).toEqual(['etl/r1']);
    expect((await audit()).at(-1)).toMatchObject({ action: 'delete_run', run_id: 'r1', details: { state: 'failed' } });
    await expect(commands.deleteRun({ dagId: 'etl', runId: 'r1' }, actor)).rejects.toThrow('DAG "etl" has no run "r1"');
  });

  it('takes a task instance of a run that has ended', async () => {
    await goodRun('r1');
    await commands.deleteTask({ dagId: 'etl', runId: 'r1', taskId: 'load' }, actor);
    expect(await states('r1')).toBe('extract success, clean success, report success');
    await expect(commands.deleteTask({ dagId: 'etl', runId: 'r1', taskId: 'load' }, actor)).rejects.toThrow('has no task instance "load"');
    expect((await audit()).at(-1)).toMatchObject({ action: 'delete_task', task_id: 'load' });
  });

  it('takes a DAG with all it did; the audit log stays', async () => {
    await goodRun('r1');
    const busy = await addRun('busy', 'running', { extract: 'running' });
    await expect(commands.deleteDag('etl', actor)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await db.pool.query('SELECT is_active FROM dag')).rows).toEqual([{ is_active: true }]);
    await db.pool.query(`UPDATE attempt SET state = 'ended', ended_at = now() WHERE ti = (SELECT pk FROM task_instance WHERE run = $1)`, [
      busy,
    ]);
    expect(await commands.deleteDag('etl', actor)).toEqual({ runs: 2, filePath: 'etl.ts' });
    for (const table of ['dag', 'dag_version', 'dag_run', 'task_instance', 'attempt']) {
      expect((await db.pool.query(`SELECT FROM ${table}`)).rowCount).toBe(0);
    }
    expect(deletedLogs.sort()).toEqual(['etl/busy', 'etl/r1']);
    expect(await audit()).toMatchObject([{ action: 'delete_dag', dag_id: 'etl', details: { runs: 2 } }]);
    await expect(commands.deleteDag('etl', actor)).rejects.toThrow('there is no DAG "etl"');
  });
});

it('a note on a task instance is stored and audited', async () => {
  await goodRun('r1');
  await commands.setTaskNote({ dagId: 'etl', runId: 'r1', taskId: 'load', note: 'slow' }, actor);
  expect((await db.pool.query('SELECT note FROM ti_detail')).rows).toEqual([{ note: 'slow' }]);
  await expect(commands.setTaskNote({ dagId: 'etl', runId: 'r1', taskId: 'load', mapIndex: 3, note: '' }, actor)).rejects.toThrow(
    'has no task instance "load" with the map index 3',
  );
  expect(await audit()).toMatchObject([{ action: 'set_task_note', task_id: 'load' }]);
});
