import { createCommands } from '../../src/commands/create-commands';
import { PostgresExecutionApi } from '../../src/execution-api/postgres-execution-api';
import type { RunRequest } from '../../src/execution-api/execution-api';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { secretsOfConfig } from '../../src/secrets/secrets';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';

const db = useTestDatabase();
const day = '2026-01-03T00:00:00Z';
const at = Date.parse(day);
let ledger: PostgresLedger;
let api: PostgresExecutionApi;
let live: string;
let ended: string;

beforeAll(async () => {
  ledger = new PostgresLedger({ url: db.url });
  api = new PostgresExecutionApi({
    pool: db.pool,
    maxXcomBytes: 100,
    secrets: secretsOfConfig({ variables: {}, connections: {} }),
    commands: createCommands({ database: db.database, ledger, clock: { now: () => Date.now() }, wakeup: () => undefined }),
  });
  await insertDag(db.pool, { dagId: 'etl', tasks: ['call'] });
  const run = await insertRun(db.pool, { dagId: 'etl', runId: 'r1' });
  live = (await insertTaskInstance(db.pool, { run, taskId: 'call', state: 'running' })).attempt!;
  const before = await insertRun(db.pool, { dagId: 'etl', runId: 'r0', state: 'success' });
  ended = (await insertTaskInstance(db.pool, { run: before, taskId: 'call', state: 'success' })).attempt!;
});
afterAll(() => ledger.close());

describe('triggerRun', () => {
  const request: RunRequest = { dagId: 'child', runId: 'x', logicalDate: null, conf: { n: 2 }, ifExists: 'fail' };
  beforeAll(() =>
    insertDag(db.pool, { dagId: 'child', isPaused: true, params: { type: 'object', properties: { n: { type: 'integer' } } } }),
  );

  it('makes a run as a person would, under the name of the task', async () => {
    expect(await api.triggerRun(live, request)).toEqual({ dagId: 'child', runId: 'x', became: 'created', isPaused: true });
    expect(await api.getRunState(live, { dagId: 'child', runId: 'x' })).toBe('queued');
    const { rows } = await db.pool.query('SELECT run_type, triggered_by, triggering_user, conf FROM dag_run WHERE run_id = $1', ['x']);
    expect(rows).toEqual([{ run_type: 'manual', triggered_by: 'operator', triggering_user: 'etl.call', conf: { n: 2 } }]);
    const audit = await db.pool.query("SELECT actor, via, action, run_id FROM audit_log WHERE dag_id = 'child'");
    expect(audit.rows).toEqual([{ actor: 'etl.call', via: 'operator', action: 'trigger_run', run_id: 'x' }]);
  });

  it('fails, keeps or clears where the run is there already, by id or by logical date', async () => {
    await expect(api.triggerRun(live, request)).rejects.toThrow('DAG "child" already has a run "x" (queued)');
    expect(await api.triggerRun(live, { ...request, ifExists: 'keep' })).toMatchObject({ runId: 'x', became: 'kept' });
    await insertRun(db.pool, { dagId: 'child', runId: 'done', state: 'success', logicalDate: day });
    const sameDate = { ...request, runId: null, logicalDate: day };
    expect(await api.triggerRun(live, { ...sameDate, ifExists: 'keep' })).toMatchObject({ runId: 'done', became: 'kept' });
    expect(await api.getRunState(live, { dagId: 'child', runId: 'done' })).toBe('success');
    expect(await api.triggerRun(live, { ...sameDate, ifExists: 'clear' })).toMatchObject({ runId: 'done', became: 'cleared' });
    expect(await api.getRunState(live, { dagId: 'child', runId: 'done' })).toBe('queued');
  });

  it('checks the conf by the params of the other DAG, and names an unknown one', async () => {
    await expect(api.triggerRun(live, { ...request, runId: null, conf: { n: 'two' } })).rejects.toThrow('n must be integer, given "two"');
    await expect(api.triggerRun(live, { ...request, dagId: 'chlid' })).rejects.toThrow('there is no DAG "chlid"; did you mean "child"?');
  });

  it('is refused for an attempt that has ended, and leaves no run', async () => {
    await expect(api.triggerRun(ended, { ...request, runId: 'late' })).rejects.toMatchObject({ name: 'AttemptGone' });
    const commands = createCommands({ database: db.database, ledger, clock: { now: () => Date.now() }, wakeup: () => undefined });
    const actor = { user: 'etl.call', via: 'operator', attemptId: ended } as const;
    await expect(commands.triggerRun({ dagId: 'child', runId: 'late' }, actor)).rejects.toMatchObject({ name: 'AttemptGone' });
    expect(await api.getRunState(live, { dagId: 'child', runId: 'late' })).toBeNull();
  });
});

describe('getExternalRuns', () => {
  const query = {
    dagId: 'other',
    logicalDates: [at],
    runIds: [] as string[],
    taskIds: null as string[] | null,
    groupId: null as string | null,
  };
  beforeAll(async () => {
    await insertDag(db.pool, {
      dagId: 'other',
      tasks: ['a', 'm', { id: 'g.a', group: 'g' }, { id: 'g.in.b', group: 'g.in' }, { id: 'gg.c', group: 'gg' }],
      groups: [
        { id: 'g', parent: null, doc: null },
        { id: 'g.in', parent: 'g', doc: null },
        { id: 'gg', parent: null, doc: null },
      ],
    });
    const run = await insertRun(db.pool, { dagId: 'other', runId: 'o1', logicalDate: day });
    for (const [taskId, state, mapIndex] of [
      ['a', 'success', -1],
      ['g.a', 'failed', -1],
      ['g.in.b', null, -1],
      ['gg.c', 'success', -1],
      ['m', 'success', 0],
      ['m', 'skipped', 1],
      ['m', 'removed', 2],
    ] as const)
      await insertTaskInstance(db.pool, { run, taskId, state, mapIndex });
    await db.pool.query("INSERT INTO task_tally (run, task_id, lengths, length, success, skipped) VALUES ($1, 'm', '{2}', 2, 1, 1)", [run]);
  });

  it('tells the state of the run by logical date and by id, and null for one that is not there', async () => {
    const found = await api.getExternalRuns(live, { ...query, logicalDates: [at + 1, at], runIds: ['o1', 'o2'] });
    expect(found.map(({ state }) => state)).toEqual([null, 'running', 'running', null]);
  });

  it('tells the states of all instances of the tasks that are asked for', async () => {
    const [run] = await api.getExternalRuns(live, { ...query, taskIds: ['a', 'm', 'nowhere'] });
    expect(run!.tasks).toEqual({ a: ['success'], m: ['skipped', 'success'] });
  });

  it('counts instances of a mapped task that are not made yet as undecided', async () => {
    await db.pool.query("UPDATE task_tally SET length = 3 WHERE task_id = 'm'");
    const [run] = await api.getExternalRuns(live, { ...query, taskIds: ['m'] });
    expect(run!.tasks).toEqual({ m: ['skipped', 'success', 'none'] });
  });

  it('takes all tasks of a group and of the groups in it', async () => {
    const [run] = await api.getExternalRuns(live, { ...query, groupId: 'g' });
    expect(run).toEqual({ state: 'running', tasks: { 'g.a': ['failed'], 'g.in.b': ['none'] }, groupTasks: ['g.a', 'g.in.b'] });
  });

  it('knows the tasks and groups of a DAG', async () => {
    expect(await api.getDagTasks(live, 'other')).toMatchObject({
      groupIds: ['g', 'g.in', 'gg'],
      taskIds: ['a', 'm', 'g.a', 'g.in.b', 'gg.c'],
    });
    expect(await api.getDagTasks(live, 'nowhere')).toBeNull();
  });
});
