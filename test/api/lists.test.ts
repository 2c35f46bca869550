import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { useApi } from './support';

const api = useApi();
const post = (path: string, body: unknown) => api.call('POST', `/api/v2/dags/~/dagRuns${path}`, { body });

beforeAll(async () => {
  const { pool } = api.db;
  for (const dagId of ['a', 'b']) await insertDag(pool, { dagId, tasks: ['one', { id: 'two', queue: 'big', executor: 'pool' }] });
  const at = (day: number) => new Date(Date.UTC(2026, 0, day));
  const runs = [
    ['a', 'success', 1, 10],
    ['a', 'failed', 2, 100],
    ['b', 'success', 3, 1000],
    ['b', 'queued', 4, null],
  ] as const;
  for (const [dagId, state, day, seconds] of runs) {
    const startDate = seconds === null ? null : at(day);
    const endDate = seconds === null ? null : new Date(at(day).getTime() + seconds * 1000);
    const run = await insertRun(pool, { dagId, runId: `${dagId}${day}`, state, logicalDate: at(day), startDate, endDate, conf: { day } });
    if (seconds === null) continue;
    await insertTaskInstance(pool, { run, taskId: 'one', state: 'success', startDate, endDate });
    await insertTaskInstance(pool, { run, taskId: 'two', state: null, pool: dagId === 'b' ? 'small' : undefined });
  }
});

describe('dagRuns/list', () => {
  it.each([
    [{}, ['a1', 'a2', 'b3', 'b4']],
    [{ order_by: '-logical_date' }, ['b4', 'b3', 'a2', 'a1']],
    [{ dag_ids: ['b'] }, ['b3', 'b4']],
    [{ dag_ids: ['nothing'] }, []],
    [{ dag_ids: null, states: null, order_by: null, run_after_gte: null }, ['a1', 'a2', 'b3', 'b4']],
    [{ states: ['success', 'queued'], dag_ids: ['a', 'b'] }, ['a1', 'b3', 'b4']],
    [{ logical_date_gte: '2026-01-02T00:00:00Z', logical_date_lt: '2026-01-04T00:00:00Z' }, ['a2', 'b3']],
    [{ run_after_gt: '2026-01-03T00:00:00Z' }, ['b4']],
    [{ start_date_lte: '2026-01-01T00:00:00+00:00' }, ['a1']],
    [{ end_date_gt: '2026-01-02T00:01:00Z' }, ['a2', 'b3']],
    [{ duration_gte: 100, duration_lt: 1000 }, ['a2']],
    [{ conf_contains: '3' }, ['b3']],
    [{ page_limit: 1, page_offset: 2 }, ['b3']],
  ])('%j', async (body, expected) => {
    const answer = await post('/list', body);
    expect([answer.status, answer.body.dag_runs?.map((run: { dag_run_id: string }) => run.dag_run_id)]).toEqual([200, expected]);
  });

  it('says how many there are beside the page', async () => {
    expect((await post('/list', { page_limit: 1 })).body.total_entries).toBe(4);
  });

  it.each([
    [{ states: ['done'] }, 422, ['body', 'states', 0]],
    [{ page_limit: -1 }, 422, ['body', 'page_limit']],
    [{ dag_id: 'a' }, 422, ['body', 'dag_id']],
    [{ start_date_gte: 'yesterday' }, 422, ['body', 'start_date_gte']],
  ])('refuses %j', async (body, status, loc) => {
    const answer = await post('/list', body);
    expect([answer.status, answer.body.detail[0].loc]).toEqual([status, loc]);
  });

  it('refuses an unknown order, a body that is none, and one DAG in its path', async () => {
    expect((await post('/list', { order_by: 'color' })).status).toBe(400);
    expect((await post('/list', '{')).status).toBe(422);
    expect((await api.call('POST', '/api/v2/dags/a/dagRuns/list', { body: {} })).status).toBe(422);
  });
});

describe('taskInstances/list', () => {
  const list = (body: unknown) => post('/~/taskInstances/list', body);

  it.each([
    [{ order_by: 'run_id' }, ['a1 one', 'a1 two', 'a2 one', 'a2 two', 'b3 one', 'b3 two']],
    [{ dag_ids: ['b'] }, ['b3 one', 'b3 two']],
    [{ dag_run_ids: ['a1', 'b3'], task_ids: ['one'] }, ['a1 one', 'b3 one']],
    [{ state: [null], order_by: '-run_id' }, ['b3 two', 'a2 two', 'a1 two']],
    [{ state: ['success', null], dag_ids: ['b'] }, ['b3 one', 'b3 two']],
    [{ pool: ['small'] }, ['b3 two']],
    [{ queue: ['big'], dag_run_ids: ['a2'] }, ['a2 two']],
    [{ executor: ['pool'], dag_run_ids: ['a2'] }, ['a2 two']],
    [{ duration_gt: 50 }, ['a2 one', 'b3 one']],
    [{ logical_date_lte: '2026-01-01T00:00:00Z' }, ['a1 one', 'a1 two']],
    [{ page_limit: 2, page_offset: 3 }, ['a2 two', 'b3 one']],
  ])('%j', async (body, expected) => {
    const answer = await list(body);
    const found = answer.body.task_instances?.map((ti: { dag_run_id: string; task_id: string }) => `${ti.dag_run_id} ${ti.task_id}`);
    expect([answer.status, found]).toEqual([200, expected]);
  });

  it('refuses what it does not know', async () => {
    expect((await list({ state: ['done'] })).body.detail[0].loc).toEqual(['body', 'state', 0]);
    expect((await list({ order_by: 'color' })).status).toBe(400);
    expect((await api.call('POST', '/api/v2/dags/~/dagRuns/a1/taskInstances/list', { body: {} })).status).toBe(422);
  });

  it('goes through 10,000 runs and their task instances in pages, none of them twice', async () => {
    const { pool } = api.db;
    await insertDag(pool, { dagId: 'many', tasks: ['one'] });
    await pool.query(
      `INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, conf, triggered_by, version)
       SELECT 'many', 'run' || n, 'manual', 'running', '2026-02-01'::timestamptz, '{}', 'test', (SELECT current_version FROM dag WHERE dag_id = 'many')
       FROM generate_series(1, 10000) n`,
    );
    await pool.query(
      `INSERT INTO task_instance (run, task_id, state, lane, pool, pool_slots, rank_class, priority, run_after)
       SELECT pk, 'one', 'scheduled', 'local', 'default_pool', 1, 0, 1, run_after FROM dag_run WHERE dag_id = 'many'`,
    );
    const [runs, instances] = [new Set<string>(), new Set<string>()];
    for (let offset = 0; offset < 10_000; offset += 700) {
      // All of them have the same date: only the tie keeps the pages apart.
      const body = { dag_ids: ['many'], page_limit: 100, page_offset: offset, order_by: 'run_after' };
      const [some, others] = await Promise.all([post('/list', body), list(body)]);
      expect([some.body.total_entries, others.body.total_entries]).toEqual([10_000, 10_000]);
      for (const { dag_run_id: id } of some.body.dag_runs as { dag_run_id: string }[]) runs.add(id);
      for (const { dag_run_id: id } of others.body.task_instances as { dag_run_id: string }[]) instances.add(id);
    }
    expect([runs.size, instances.size]).toEqual([1500, 1500]);
  });
});
