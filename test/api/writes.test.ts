import { createCommands } from '../../src/commands/create-commands';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { useApi } from './support';

let ledger: PostgresLedger;
const api = useApi({
  commands: (db) => {
    ledger = new PostgresLedger({ url: db.url });
    return createCommands({
      database: db.database,
      ledger,
      clock: { now: () => Date.parse('2026-03-10T12:00:00Z') },
      wakeup: () => undefined,
    });
  },
});
afterAll(() => ledger.close());

const daily = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' } as const;
beforeAll(async () => {
  await insertDag(api.db.pool, {
    dagId: 'etl',
    timetable: daily,
    startDate: '2026-01-01T00:00:00.000Z',
    params: { type: 'object', properties: { region: { type: 'string', enum: ['eu', 'us'], default: 'eu' } } },
  });
});
const lastAudit = async () =>
  (
    await api.db.pool.query<{ actor: string; via: string; action: string; details: object }>(
      'SELECT actor, via, action, details FROM audit_log ORDER BY id DESC LIMIT 1',
    )
  ).rows[0];
const trigger = (body: object, dagId = 'etl') => api.call('POST', `/api/v2/dags/${dagId}/dagRuns`, { body });

describe('pausing a DAG', () => {
  it('answers with the DAG as it is then, and is in the audit log under the user’s name', async () => {
    const { status, body } = await api.call('PATCH', '/api/v2/dags/etl?update_mask=is_paused', { body: { is_paused: true } });
    expect([status, body.dag_id, body.is_paused]).toEqual([200, 'etl', true]);
    expect(await lastAudit()).toMatchObject({ actor: 'admin', via: 'rest_api' });
    expect((await api.call('PATCH', '/api/v2/dags/etl', { body: { is_paused: false } })).body.is_paused).toBe(false);
  });

  it('can be done for all whose ids match, and for none without a pattern', async () => {
    const pause = async (query: string, isPaused: boolean) =>
      (await api.call('PATCH', `/api/v2/dags${query}`, { body: { is_paused: isPaused } })).body;
    expect(await pause('', true)).toEqual({ dags: [], total_entries: 0 });
    expect(await pause('?dag_id_pattern=ET', true)).toMatchObject({ dags: [{ dag_id: 'etl', is_paused: true }], total_entries: 1 });
    expect((await api.get('/api/v2/dags/etl')).body.is_paused).toBe(true);
    expect(await pause('?dag_id_pattern=~&paused=true', false)).toMatchObject({ dags: [{ dag_id: 'etl', is_paused: false }] });
  });

  it('refuses other fields and unknown DAGs', async () => {
    expect((await api.call('PATCH', '/api/v2/dags/etl?update_mask=description', { body: { is_paused: true } })).status).toBe(400);
    expect((await api.call('PATCH', '/api/v2/dags/none', { body: { is_paused: true } })).status).toBe(404);
  });
});

describe('favorites', () => {
  const favorites = async (query = '?is_favorite=true') =>
    (await api.get(`/api/v2/dags${query}`)).body.dags.map((dag: { dag_id: string }) => dag.dag_id);
  const set = async (verb: 'favorite' | 'unfavorite', dagId = 'etl') => (await api.call('POST', `/api/v2/dags/${dagId}/${verb}`)).status;

  it('are of each user, kept once, and audited', async () => {
    expect(await favorites()).toEqual([]);
    expect([await set('favorite'), await set('favorite')]).toEqual([204, 204]);
    expect(await lastAudit()).toMatchObject({ actor: 'admin', action: 'favorite_dag' });
    expect(await favorites()).toEqual(['etl']);
    expect(await favorites('?is_favorite=false')).toEqual([]);
    expect((await api.get('/api/v2/dags/etl/details')).body.is_favorite).toBe(true);

    await api.db.pool.query("INSERT INTO app_user (username, password_hash, role) VALUES ('other', '', 'admin')");
    const token = await api.auth.issueToken({ username: 'other', role: 'admin' });
    const others = await api.call('GET', '/api/v2/dags?is_favorite=true', { headers: { Authorization: `Bearer ${token}` } });
    expect(others.body).toEqual({ dags: [], total_entries: 0 });
  });

  it('are taken away again, those that are some', async () => {
    expect([await set('unfavorite'), await set('unfavorite')]).toEqual([204, 409]);
    expect(await favorites()).toEqual([]);
    expect((await api.get('/api/v2/dags/etl/details')).body.is_favorite).toBe(false);
    expect([await set('favorite', 'none'), await set('unfavorite', 'none')]).toEqual([404, 404]);
  });
});

describe('asking for a DAG file to be evaluated again', () => {
  const put = (token: string) => api.call('PUT', `/api/v2/parseDagFile/${token}`);
  const requested = async () => (await api.db.pool.query('SELECT file_path FROM parse_request')).rows.map((row) => row.file_path);

  it('is kept for the DAG processor, once, and audited', async () => {
    const { file_token: token, relative_fileloc: file } = (await api.get('/api/v2/dags/etl')).body;
    expect([(await put(token)).status, (await put(token)).status]).toEqual([201, 201]);
    expect(await requested()).toEqual([file]);
    expect(await lastAudit()).toMatchObject({ actor: 'admin', action: 'parse_files', details: { files: [file], count: 1 } });
  });

  it('is about files that are known', async () => {
    await api.db.pool.query('DELETE FROM parse_request');
    const token = (text: string) => Buffer.from(text).toString('base64url');
    for (const unknown of [token('none.ts'), token('../etl.ts'), token('\0'), 'etl.ts', `${token('etl.ts')}=`, '%20'])
      expect((await put(unknown)).status).toBe(404);
    expect(await requested()).toEqual([]);
  });
});

describe('triggering a run', () => {
  it('makes a queued one without a logical date when none is given', async () => {
    const { status, body } = await trigger({ conf: { region: 'us' }, note: 'by hand' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      dag_id: 'etl',
      state: 'queued',
      run_type: 'manual',
      logical_date: null,
      data_interval_start: null,
      conf: { region: 'us' },
      note: 'by hand',
      run_after: '2026-03-10T12:00:00.000Z',
      triggered_by: 'rest_api',
      triggering_user_name: 'admin',
      start_date: null,
      dag_versions: [],
    });
    expect((await api.get(`/api/v2/dags/etl/dagRuns/${encodeURIComponent(body.dag_run_id)}`)).body).toEqual(body);
  });

  it('takes id, dates and interval as given', async () => {
    const { body } = await trigger({
      dag_run_id: 'mine',
      logical_date: '2026-02-01T01:00:00+01:00',
      run_after: '2026-02-03T00:00:00Z',
      data_interval_start: '2026-02-01T00:00:00Z',
      data_interval_end: '2026-02-02T00:00:00Z',
      partition_key: null,
    });
    expect(body).toMatchObject({
      dag_run_id: 'mine',
      logical_date: '2026-02-01T00:00:00.000Z',
      run_after: '2026-02-03T00:00:00.000Z',
      data_interval_end: '2026-02-02T00:00:00.000Z',
      conf: {},
    });
  });

  it.each([
    ['the same id again', { dag_run_id: 'mine' }, 409, 'already has a run "mine"'],
    ['the same logical date again', { logical_date: '2026-02-01T00:00:00Z' }, 409, 'already has a run with the logical date'],
    ['a conf that does not fit the params', { conf: { region: 'mars' } }, 422, 'region must be one of "eu", "us"'],
    ['an id that is no id', { dag_run_id: 'a b/c' }, 422, 'a b/c'],
    ['a conf that Postgres cannot store', { conf: { region: 'eu', text: 'a\0b' } }, 422, ''],
  ])('refuses %s', async (_what, body, status, words) => {
    const answer = await trigger(body);
    expect([answer.status, answer.body.detail]).toEqual([status, expect.stringContaining(words)]);
  });

  it('refuses an unknown DAG, a conf that is no object and unknown fields', async () => {
    expect((await trigger({}, 'none')).status).toBe(404);
    expect((await trigger({ conf: [1] })).body.detail[0]).toMatchObject({ loc: ['body', 'conf'], type: 'dict_type' });
    expect((await trigger({ config: {} })).body.detail[0]).toMatchObject({ loc: ['body', 'config'], type: 'extra_forbidden' });
  });
});

describe('changing a run', () => {
  const change = (runId: string, body: object, query = '') => api.call('PATCH', `/api/v2/dags/etl/dagRuns/${runId}${query}`, { body });

  it('marks it failed, with its unfinished tasks', async () => {
    const run = await insertRun(api.db.pool, { dagId: 'etl', runId: 'to_fail' });
    await insertTaskInstance(api.db.pool, { run, taskId: 'a', state: 'scheduled' });
    const { status, body } = await change('to_fail', { state: 'failed' });
    expect([status, body.state, body.end_date]).toEqual([200, 'failed', expect.any(String)]);
    expect((await api.get('/api/v2/dags/etl/dagRuns/to_fail/taskInstances')).body.task_instances[0].state).not.toBe('scheduled');
  });

  it('starts it again by the state queued', async () => {
    const { status, body } = await change('to_fail', { state: 'queued' });
    expect([status, body.state, body.end_date]).toEqual([200, 'queued', null]);
  });

  it('changes the note, and only what the mask names', async () => {
    const { body } = await change('to_fail', { note: 'checked', state: 'success' }, '?update_mask=note');
    expect([body.note, body.state]).toEqual(['checked', 'queued']);
    expect((await change('to_fail', { note: null })).body.note).toBeNull();
    expect((await change('to_fail', {}, '?update_mask=conf')).status).toBe(400);
    expect((await change('to_fail', { note: 'x'.repeat(1001) })).status).toBe(422);
    expect((await change('to_fail', { state: 'running' })).status).toBe(422);
    expect((await change('none', { state: 'failed' })).status).toBe(404);
  });
});

describe('backfills', () => {
  const range = { dag_id: 'etl', from_date: '2026-01-01', to_date: '2026-01-03T00:00:00Z' };

  it('are dry-run without writing anything', async () => {
    const { status, body } = await api.call('POST', '/api/v2/backfills/dry_run', { body: range });
    expect([status, body.total_entries]).toEqual([200, 3]);
    expect(body.backfills[0]).toMatchObject({ logical_date: '2026-01-01T00:00:00.000Z', data_interval_end: '2026-01-02T00:00:00.000Z' });
    expect((await api.get('/api/v2/backfills?dag_id=etl')).body.total_entries).toBe(0);
  });

  it('are created once per DAG, paused, unpaused and cancelled', async () => {
    const { status, body } = await api.call('POST', '/api/v2/backfills', {
      body: { ...range, max_active_runs: 2, run_on_latest_version: true, dag_run_conf: { region: 'us' } },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      dag_id: 'etl',
      from_date: '2026-01-01T00:00:00.000Z',
      to_date: '2026-01-03T00:00:00.000Z',
      max_active_runs: 2,
      reprocess_behavior: 'none',
      dag_run_conf: { region: 'us' },
      is_paused: false,
      completed_at: null,
    });
    expect((await api.call('POST', '/api/v2/backfills', { body: range })).status).toBe(409);
    const at = `/api/v2/backfills/${body.id}`;
    expect((await api.call('PUT', `${at}/pause`)).body.is_paused).toBe(true);
    expect((await api.call('PUT', `${at}/unpause`)).body.is_paused).toBe(false);
    expect((await api.call('PUT', `${at}/cancel`)).body.completed_at).toEqual(expect.any(String));
    expect((await api.call('PUT', `${at}/cancel`)).status).toBe(409);
    expect((await api.call('PUT', '/api/v2/backfills/999/cancel')).status).toBe(404);
  });

  it.each([
    [{ from_date: '2026-02-01' }, 422, expect.anything()],
    [{ from_date: 'soon' }, 422, [expect.objectContaining({ loc: ['body', 'from_date'] })]],
    [{ max_active_runs: 0 }, 422, [expect.objectContaining({ loc: ['body', 'max_active_runs'], type: 'greater_than_equal' })]],
    [{ reprocess_behavior: 'all' }, 422, [expect.objectContaining({ loc: ['body', 'reprocess_behavior'], type: 'enum' })]],
    [{ dag_id: 'none' }, 404, expect.stringContaining('none')],
  ])('refuse %j', async (change, status, detail) => {
    const answer = await api.call('POST', '/api/v2/backfills', { body: { ...range, ...change } });
    expect([answer.status, answer.body.detail]).toEqual([status, detail]);
  });
});
