import { createCommands } from '../../src/commands/create-commands';
import { insertDag, insertRun, insertSession, insertTaskInstance } from '../support/factories';
import { useApi } from './support';

const api = useApi({
  commands: (db) => createCommands({ database: db.database, ledger: {} as never, clock: { now: Date.now }, wakeup: () => undefined }),
  config: { variables: { colour: 'blue' }, adminPassword: 'hunter2hunter2' },
});

describe('pools', () => {
  const at = '/api/v2/pools';

  it('are made, changed and deleted', async () => {
    const made = await api.call('POST', at, { body: { name: 'api', slots: 3, description: 'calls', include_deferred: true } });
    expect([made.status, made.body]).toMatchObject([
      201,
      { name: 'api', slots: 3, description: 'calls', include_deferred: true, open_slots: 3 },
    ]);
    const changed = await api.call('PATCH', `${at}/api`, { body: { slots: -1, description: null } });
    expect(changed.body).toMatchObject({ slots: -1, description: null, include_deferred: true, open_slots: -1 });
    expect((await api.call('PATCH', `${at}/api?update_mask=description`, { body: { slots: 9, description: 'x' } })).body).toMatchObject({
      slots: -1,
      description: 'x',
    });
    expect((await api.call('DELETE', `${at}/api`)).status).toBe(204);
    expect((await api.call('DELETE', `${at}/api`)).status).toBe(404);
  });

  it('are refused with Airflow’s statuses', async () => {
    const status = async (method: string, path: string, body?: object) => (await api.call(method, at + path, { body })).status;
    expect(await status('POST', '', { name: 'default_pool', slots: 1 })).toBe(409);
    expect(await status('POST', '', { name: 'x', slots: -2 })).toBe(422);
    expect(await status('POST', '', { name: 'x' })).toBe(422);
    expect(await status('PATCH', '/none', { slots: 1 })).toBe(404);
    expect(await status('PATCH', '/default_pool', { pool: 'renamed' })).toBe(400);
    expect(await status('DELETE', '/default_pool')).toBe(400);
    expect(await status('PATCH', '/default_pool', { slots: 64, include_deferred: null })).toBe(200);
  });

  it('count deferred tasks when they are to, those that wait already too', async () => {
    await insertDag(api.db.pool, { dagId: 'd', tasks: ['a'] });
    const run = await insertRun(api.db.pool, { dagId: 'd', runId: 'r', state: 'running' });
    const { pk } = await insertTaskInstance(api.db.pool, { run, taskId: 'a', state: 'running', pool: 'waits', poolSlots: 2 });
    await api.call('POST', at, { body: { name: 'waits', slots: 5 } });
    expect((await api.get(`${at}/waits`)).body).toMatchObject({ running_slots: 2, deferred_slots: 0, occupied_slots: 2, open_slots: 3 });
    await api.db.pool.query("UPDATE task_instance SET state = 'deferred' WHERE pk = $1", [pk]);
    await api.db.pool.query("UPDATE attempt SET state = 'parked', slots = 0 WHERE ti = $1", [pk]);
    expect((await api.get(`${at}/waits`)).body).toMatchObject({ running_slots: 0, deferred_slots: 2, occupied_slots: 0, open_slots: 5 });
    await api.call('PATCH', `${at}/waits`, { body: { include_deferred: true } });
    expect((await api.get(`${at}/waits`)).body).toMatchObject({ running_slots: 0, deferred_slots: 2, occupied_slots: 2, open_slots: 3 });
    await api.call('PATCH', `${at}/waits`, { body: { include_deferred: false } });
    expect((await api.get(`${at}/waits`)).body).toMatchObject({ deferred_slots: 2, occupied_slots: 0, open_slots: 5 });
  });

  it('in bulk', async () => {
    const { body } = await api.call('PATCH', at, {
      body: {
        actions: [
          {
            action: 'create',
            entities: [
              { name: 'p1', slots: 1 },
              { name: 'p2', slots: 2, include_deferred: true },
            ],
          },
          { action: 'update', entities: [{ name: 'p2', slots: 5 }], update_mask: ['slots'] },
          { action: 'delete', entities: ['p1', 'default_pool'] },
        ],
      },
    });
    expect(body).toMatchObject({
      create: { success: ['p1', 'p2'] },
      update: { success: ['p2'] },
      delete: { success: [], errors: [{ status_code: 422 }] },
    });
    expect((await api.get(`${at}/p2`)).body).toMatchObject({ slots: 5, include_deferred: true });
    expect((await api.get(`${at}/p1`)).status).toBe(200);
  });
});

describe('event logs', () => {
  const at = '/api/v2/eventLogs';
  beforeAll(async () => {
    await insertDag(api.db.pool, { dagId: 'etl' });
    await insertRun(api.db.pool, { dagId: 'etl', runId: 'r1', logicalDate: '2026-01-01T00:00:00Z' });
    await api.db.pool.query('TRUNCATE audit_log RESTART IDENTITY');
    await api.db.pool.query(`INSERT INTO audit_log (at, actor, via, action, dag_id, run_id, details) VALUES
      ('2026-02-01', 'ada', 'cli', 'trigger_run', 'etl', 'r1', '{"conf":{}}'), ('2026-02-02', 'grace', 'ui', 'pause_dag', 'etl', NULL, '{}'),
      ('2026-02-03', 'ada', 'ui', 'create_pool', NULL, NULL, '{}')`);
  });
  const ids = async (query: string) =>
    (await api.get(`${at}?${query}`)).body.event_logs.map(({ event_log_id: id }: { event_log_id: number }) => id);

  it('show who did what, and the date of the run', async () => {
    expect((await api.get(`${at}/1`)).body).toEqual({
      event_log_id: 1, when: '2026-02-01T00:00:00.000Z', dag_id: 'etl', task_id: null, run_id: 'r1', map_index: null, try_number: null,
      event: 'trigger_run', logical_date: '2026-01-01T00:00:00.000Z', owner: 'ada', extra: '{"conf":{}}', dag_display_name: 'etl',
      task_display_name: null,
    }); // prettier-ignore
    expect((await api.get(`${at}/99`)).status).toBe(404);
  });

  it.each([
    ['', [1, 2, 3]],
    ['order_by=-when', [3, 2, 1]],
    ['order_by=-owner&order_by=event', [2, 3, 1]],
    ['dag_id=etl', [1, 2]],
    ['run_id=r1', [1]],
    ['owner=ada', [1, 3]],
    ['event=pause_dag', [2]],
    ['excluded_events=pause_dag&excluded_events=create_pool', [1]],
    ['included_events=pause_dag&included_events=create_pool', [2, 3]],
    ['after=2026-02-02T00:00:00Z', [2, 3]],
    ['before=2026-02-01T12:00:00Z', [1]],
    ['event_pattern=%25run|create%25', [1, 3]],
    ['owner_pattern=gr', [2]],
    ['dag_id_pattern=e_l', [1, 2]],
    ['try_number=1', []],
    ['limit=1&offset=1', [2]],
  ])('?%s finds %j', async (query, expected) => {
    expect(await ids(query)).toEqual(expected);
  });
});

describe('jobs', () => {
  const at = '/api/v2/jobs';
  const types = async (query: string) => (await api.get(`${at}?${query}`)).body.jobs.map((job: { job_type: string }) => job.job_type);
  beforeAll(async () => {
    await api.db.pool.query('TRUNCATE session CASCADE');
    await insertSession(api.db.pool, { kind: 'scheduler' });
    await insertSession(api.db.pool, { kind: 'webserver' });
    await api.db.pool.query("UPDATE session SET state = 'lost', ended_at = clock_timestamp(), host = 'other' WHERE kind = 'webserver'");
  });

  it('are the processes, with a number, a state and their last sign of life', async () => {
    const { body } = await api.get(at);
    expect(body.total_entries).toBe(2);
    expect(body.jobs[0]).toEqual({
      id: expect.any(Number) as number, dag_id: null, state: 'running', job_type: 'SchedulerJob', start_date: expect.any(String) as string, end_date: null,
      latest_heartbeat: expect.any(String) as string, executor_class: null, hostname: expect.any(String) as string, unixname: null, dag_display_name: null,
    }); // prettier-ignore
  });

  it.each([
    ['is_alive=true', ['SchedulerJob']],
    ['is_alive=false', ['WebserverJob']],
    ['job_state=failed', ['WebserverJob']],
    ['job_type=SchedulerJob', ['SchedulerJob']],
    ['hostname=other', ['WebserverJob']],
    ['executor_class=x', []],
    ['order_by=-job_type', ['WebserverJob', 'SchedulerJob']],
    ['end_date_gte=2020-01-01', ['WebserverJob']],
    ['start_date_lt=2020-01-01', []],
  ])('?%s finds %j', async (query, expected) => {
    expect(await types(query)).toEqual(expected);
  });
});

describe('the configuration', () => {
  const section = async (query = '') =>
    (await api.get(`/api/v2/config${query}`)).body.sections as { name: string; options: { key: string; value: string }[] }[];

  it('is shown by section, with its secrets masked', async () => {
    const sections = await section();
    expect(sections.map(({ name }) => name)).toEqual(['settings', 'variables']);
    expect(sections[0]!.options).toContainEqual({ key: 'parallelism', value: '32' });
    expect(sections[0]!.options).toContainEqual({ key: 'adminPassword', value: '***' });
    expect(await section('?section=variables')).toEqual([{ name: 'variables', options: [{ key: 'colour', value: '***' }] }]);
    expect((await api.get('/api/v2/config?section=none')).status).toBe(404);
  });

  it('is found option by option, as text too', async () => {
    const at = '/api/v2/config/section/settings/option/parallelism';
    expect((await api.get(at)).body).toEqual({ sections: [{ name: 'settings', options: [{ key: 'parallelism', value: '32' }] }] });
    expect((await api.call('GET', at, { headers: { Accept: 'text/plain' } })).body).toBe('[settings]\nparallelism = 32\n');
    expect((await api.call('GET', at, { headers: { Accept: 'text/html' } })).status).toBe(406);
    expect((await api.get('/api/v2/config/section/settings/option/paralelism')).status).toBe(404);
  });
});
