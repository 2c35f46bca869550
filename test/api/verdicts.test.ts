import { createCommands } from '../../src/commands/create-commands';
import type { TaskState } from '../../src/core/states';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { useApi } from './support';

let ledger: PostgresLedger;
const api = useApi({
  commands: (db) => {
    ledger = new PostgresLedger({ url: db.url });
    return createCommands({ database: db.database, ledger, clock: { now: () => Date.now() }, wakeup: () => undefined });
  },
});
afterAll(() => ledger.close());

beforeAll(() => insertDag(api.db.pool, { dagId: 'etl', tasks: ['extract', 'load', 'report'], edges: [['extract', 'load'], ['load', 'report']] })); // prettier-ignore
beforeEach(() => api.db.pool.query(`DELETE FROM dag_run WHERE dag_id = 'etl'`));

async function addRun(runId: string, state: 'success' | 'failed' | 'running', states: Record<string, TaskState>, logicalDate?: string) {
  const run = await insertRun(api.db.pool, { dagId: 'etl', runId, state, logicalDate });
  for (const [taskId, state] of Object.entries(states)) {
    await insertTaskInstance(api.db.pool, { run, taskId, state, reason: state === 'upstream_failed' ? 'rule' : undefined });
  }
  return run;
}
const addFailed = (runId: string, logicalDate?: string) =>
  addRun(runId, 'failed', { extract: 'success', load: 'failed', report: 'upstream_failed' }, logicalDate);

type Body = {
  task_instances: { task_id: string; dag_run_id: string; map_index: number; state: string | null; note: string | null }[];
  total_entries: number;
};
const clear = (body: object, dagId = 'etl') => api.call('POST', `/api/v2/dags/${dagId}/clearTaskInstances`, { body });
const ofRun = (runId: string, rest = '') => `/api/v2/dags/etl/dagRuns/${runId}${rest}`;
const named = (body: unknown) => (body as Body).task_instances.map(({ dag_run_id, task_id, state }) => `${dag_run_id} ${task_id} ${state}`);
const states = async () =>
  (await api.db.pool.query('SELECT run_id, task_id, t.state FROM task_instance t JOIN dag_run r ON r.pk = t.run ORDER BY t.pk')).rows.map(
    ({ run_id, task_id, state }) => `${run_id} ${task_id} ${state}`,
  );

describe('clearTaskInstances', () => {
  it('is a dry run of the failed ones by default', async () => {
    await addFailed('r1');
    const { status, body } = await clear({ dag_run_id: 'r1' });
    expect([status, body.total_entries]).toEqual([200, 2]);
    expect(named(body)).toEqual(['r1 load failed', 'r1 report upstream_failed']);
    expect(await states()).toEqual(['r1 extract success', 'r1 load failed', 'r1 report upstream_failed']);
  });

  it('clears what it is asked for, and answers with that', async () => {
    await addFailed('r1', '2026-01-01T00:00:00Z');
    await addFailed('r2', '2026-01-02T00:00:00Z');
    const { body } = await clear({
      dry_run: false,
      only_failed: false,
      task_ids: ['load'],
      dag_run_id: 'r1',
      include_upstream: true,
      note: 'again',
    });
    expect(named(body)).toEqual(['r1 extract null', 'r1 load null']);
    expect((body as Body).task_instances[0]!.note).toBe('again');
    expect((await api.get(ofRun('r1'))).body.state).toBe('queued');

    const range = await clear({ start_date: '2026-01-02T00:00:00Z', end_date: '2026-01-02T00:00:00Z', task_ids: [['load', -1]] });
    expect(named(range.body)).toEqual(['r2 load failed']);
    expect(named((await clear({ dag_run_id: 'r2', include_past: true, only_failed: false, task_ids: ['load'] })).body)).toHaveLength(2);
    const kept = await clear({ dry_run: false, dag_run_id: 'r2', reset_dag_runs: false });
    expect(kept.body.total_entries).toBe(2);
    expect((await api.get(ofRun('r2'))).body.state).toBe('failed');
  });

  it('takes single mapped instances', async () => {
    const run = await addRun('r1', 'failed', {});
    for (const mapIndex of [0, 1]) await insertTaskInstance(api.db.pool, { run, taskId: 'load', mapIndex, state: 'failed' });
    expect(named((await clear({ dag_run_id: 'r1', task_ids: [['load', 1]] })).body)).toHaveLength(1);
  });

  it('says what it cannot do', async () => {
    await addRun('r1', 'running', { extract: 'running' });
    const running = await clear({ dag_run_id: 'r1', only_failed: false, prevent_running_task: true });
    expect([running.status, running.body.detail]).toEqual([409, expect.stringContaining('is running; nothing was cleared')]);
    expect((await clear({ dag_run_id: 'none' })).status).toBe(404);
    expect((await clear({}, 'none')).status).toBe(404);
    expect((await clear({ dag_run_id: 'r1', task_ids: ['none'] })).status).toBe(404);
    expect((await clear({ dag_run_id: 'r1', include_past: true })).status).toBe(422);
    const unknown = await clear({ only_faild: true });
    expect([unknown.status, unknown.body.detail]).toMatchObject([422, [{ type: 'extra_forbidden', loc: ['body', 'only_faild'] }]]);
  });
});

describe('a run', () => {
  it('is cleared: as a dry run by default, then for good', async () => {
    await addFailed('r1');
    const dry = await api.call('POST', ofRun('r1', '/clear'), { body: { only_failed: true } });
    expect(named(dry.body)).toEqual(['r1 load failed', 'r1 report upstream_failed']);
    const done = await api.call('POST', ofRun('r1', '/clear'), { body: { dry_run: false } });
    expect([done.status, done.body.dag_run_id, done.body.state]).toEqual([200, 'r1', 'queued']);
    expect(await states()).toEqual(['r1 extract null', 'r1 load null', 'r1 report null']);
    expect((await api.call('POST', ofRun('none', '/clear'), { body: {} })).status).toBe(404);
  });

  it('is deleted, unless it runs', async () => {
    await addFailed('r1');
    await addRun('r2', 'running', { extract: 'running' });
    expect(await api.call('DELETE', ofRun('r1'))).toMatchObject({ status: 204, body: '' });
    expect((await api.get(ofRun('r1'))).status).toBe(404);
    expect((await api.call('DELETE', ofRun('r1'))).status).toBe(404);
    const running = await api.call('DELETE', ofRun('r2'));
    expect([running.status, running.body.detail]).toEqual([409, expect.stringContaining('is running')]);
  });
});

describe('a task instance', () => {
  const patch = (task: string, body: object, rest = '') => api.call('PATCH', ofRun('r1', `/taskInstances/${task}${rest}`), { body });

  it('is marked, with a dry run that lists what would be', async () => {
    await addFailed('r1');
    const dry = await patch('load', { new_state: 'success', include_downstream: true }, '/dry_run');
    expect(named(dry.body)).toEqual(['r1 load failed', 'r1 report upstream_failed']);
    const done = await patch('load', { new_state: 'success', note: 'by hand' });
    expect(done.body).toMatchObject({ task_instances: [{ task_id: 'load', state: 'success', note: 'by hand' }], total_entries: 1 });
    expect(await states()).toEqual(['r1 extract success', 'r1 load success', 'r1 report null']);
    const again = await patch('load', { new_state: 'success' });
    expect([again.status, again.body.detail]).toEqual([409, 'Task "load" is already in the state "success"']);
  });

  it('takes a note alone, and what update_mask names only', async () => {
    await addFailed('r1');
    expect((await patch('load', { note: 'hm' })).body.task_instances).toMatchObject([{ state: 'failed', note: 'hm' }]);
    const masked = await patch('load', { new_state: 'success', note: 'other' }, '?update_mask=note');
    expect(masked.body.task_instances).toMatchObject([{ state: 'failed', note: 'other' }]);
    expect((await patch('load', { note: 'x' }, '?update_mask=pool')).status).toBe(400);
  });

  it('of a mapped task is named by its map index, or all of them are', async () => {
    const run = await addRun('r1', 'failed', {});
    for (const mapIndex of [0, 1]) await insertTaskInstance(api.db.pool, { run, taskId: 'load', mapIndex, state: 'failed' });
    expect((await patch('load', { new_state: 'skipped' }, '/1')).body.task_instances).toMatchObject([{ map_index: 1, state: 'skipped' }]);
    expect((await patch('load', { new_state: 'success' }, '/1/dry_run')).body.total_entries).toBe(1);
    expect((await patch('load', { new_state: 'success' }, '/dry_run?map_index=0')).body.total_entries).toBe(1);
    expect((await patch('load', { new_state: 'success' })).body.total_entries).toBe(2);
    expect((await patch('load', { new_state: 'success' }, '/7')).status).toBe(404);
  });

  it('is refused in states that nobody can give', async () => {
    await addFailed('r1');
    const { status, body } = await patch('load', { new_state: 'running' });
    expect([status, body.detail[0].loc]).toEqual([422, ['body', 'new_state']]);
    expect((await patch('none', { new_state: 'success' })).status).toBe(404);
  });

  it('is deleted when its run has ended', async () => {
    await addFailed('r1');
    expect(await api.call('DELETE', ofRun('r1', '/taskInstances/report'))).toMatchObject({ status: 200, body: null });
    expect((await api.get(ofRun('r1', '/taskInstances/report'))).status).toBe(404);
    expect((await api.call('DELETE', ofRun('r1', '/taskInstances/report'))).status).toBe(404);
    await addRun('busy', 'running', { extract: 'running' });
    expect((await api.call('DELETE', ofRun('busy', '/taskInstances/extract'))).status).toBe(409);
  });
});

describe('many task instances', () => {
  const bulk = (actions: object[], path = ofRun('r1', '/taskInstances')) => api.call('PATCH', path, { body: { actions } });

  it('are marked and deleted, each action for itself', async () => {
    await addFailed('r1');
    const { status, body } = await bulk([
      { action: 'update', entities: [{ task_id: 'load', new_state: 'success' }] },
      { action: 'delete', entities: ['report', { task_id: 'none' }] },
      { action: 'create', entities: [{ task_id: 'x' }] },
    ]);
    expect(status).toBe(200);
    expect(body).toEqual({
      update: { success: ['etl.r1.load[-1]'], errors: [] },
      delete: { success: [], errors: [{ error: expect.stringContaining('was not found') as string, status_code: 404 }] },
      create: { success: [], errors: [{ error: expect.stringContaining('cannot be created') as string, status_code: 400 }] },
    });
    const skipping = await bulk([{ action: 'delete', entities: ['report', 'none'], action_on_non_existence: 'skip' }]);
    expect(skipping.body.delete).toEqual({ success: ['etl.r1.report[-1]'], errors: [] });
  });

  it('may be of any runs when the path says so', async () => {
    await addFailed('r1');
    await addFailed('r2');
    const entity = (runId: string) => ({ task_id: 'load', dag_id: 'etl', dag_run_id: runId, new_state: 'skipped' });
    const { body } = await bulk([{ action: 'update', entities: [entity('r1'), entity('r2')] }], '/api/v2/dags/~/dagRuns/~/taskInstances');
    expect(body.update.success).toEqual(['etl.r1.load[-1]', 'etl.r2.load[-1]']);
    const open = await bulk(
      [{ action: 'update', entities: [{ task_id: 'load', new_state: 'failed' }] }],
      '/api/v2/dags/~/dagRuns/~/taskInstances',
    );
    expect(open.body.update.errors).toMatchObject([{ status_code: 422 }]);
  });
});

it('a DAG is deleted with all it did', async () => {
  await insertDag(api.db.pool, { dagId: 'old' });
  await insertRun(api.db.pool, { dagId: 'old', state: 'success' });
  expect(await api.call('DELETE', '/api/v2/dags/old')).toMatchObject({ status: 200, body: null });
  expect((await api.get('/api/v2/dags/old')).status).toBe(404);
  expect((await api.call('DELETE', '/api/v2/dags/old')).status).toBe(404);
});

describe('a backfill of some tasks', () => {
  const daily = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' } as const;
  const body = { dag_id: 'old_dates', from_date: '2026-01-01', to_date: '2026-01-03', reprocess_behavior: 'failed', task_ids: ['b'] };
  beforeAll(async () => {
    await insertDag(api.db.pool, { dagId: 'old_dates', timetable: daily, tasks: ['a', 'b', 'c'], edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore
    await insertRun(api.db.pool, { dagId: 'old_dates', runId: 'there', state: 'failed', logicalDate: '2026-01-02T00:00:00Z' });
  });

  it('shows for each interval what is there and what would be done', async () => {
    const { status, body: plan } = await api.call('POST', '/api/v2/backfills/dry_run', { body });
    expect([status, plan.total_entries]).toEqual([200, 3]);
    expect(
      plan.backfills.map((item: { action: string; existing_dag_run_id: string | null }) => [item.action, item.existing_dag_run_id]),
    ).toEqual([
      ['create', null],
      ['clear', 'there'],
      ['create', null],
    ]);
    expect((await api.call('POST', '/api/v2/backfills/dry_run', { body: { ...body, task_ids: ['nope'] } })).status).toBe(404);
  });

  it('tells its tasks and its progress, and stops what runs when it is cancelled so', async () => {
    const created = await api.call('POST', '/api/v2/backfills', { body: { ...body, include_upstream: true } });
    expect(created.body).toMatchObject({
      task_ids: ['a', 'b'],
      is_cancelled: false,
      progress: { total: 3, success: 0, failed: 0, running: 0, queued: 0, skipped: 0, seconds_left: null },
    });
    const { id } = created.body as { id: number };
    const run = await insertRun(api.db.pool, { dagId: 'old_dates', runId: 'r', runType: 'backfill', backfill: { id, ordinal: 0 }, logicalDate: '2026-01-01' }); // prettier-ignore
    await api.db.pool.query(`UPDATE backfill_run SET run = $2, outcome = 'created' WHERE backfill_id = $1 AND ordinal = 0`, [id, run]);
    expect((await api.get(`/api/v2/backfills/${id}`)).body.progress).toMatchObject({ running: 1 });
    const cancelled = await api.call('PUT', `/api/v2/backfills/${id}/cancel?stop_running=true`);
    expect(cancelled.body).toMatchObject({ is_cancelled: true, progress: { running: 0, failed: 1 } });
  });
});
