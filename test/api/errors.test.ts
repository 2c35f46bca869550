import { insertDag } from '../support/factories';
import { useApi } from './support';

const api = useApi();
beforeAll(async () => {
  await insertDag(api.db.pool, { dagId: 'd' });
});
const anonymous = { headers: { Authorization: '' } };

describe('signing in', () => {
  const signIn = (body: unknown) => api.call('POST', '/auth/token', { ...anonymous, body });

  it('gives a token that the API accepts', async () => {
    const { status, body } = await signIn({ username: 'admin', password: 'the password' });
    expect([status, Object.keys(body)]).toEqual([201, ['access_token']]);
    expect((await api.call('GET', '/api/v2/dags', { headers: { Authorization: `Bearer ${body.access_token}` } })).status).toBe(200);
  });

  it('refuses a wrong password and an unknown user in the same words', async () => {
    const wrong = await signIn({ username: 'admin', password: 'x' });
    const unknown = await signIn({ username: 'nobody', password: 'x' });
    expect([wrong.status, unknown.status, wrong.body]).toEqual([401, 401, unknown.body]);
  });

  it('is where the API leads a browser to, below any base path', async () => {
    for (const below of ['', '/below/here']) {
      const answer = await fetch(`${api.base}${below}/api/v2/auth/login?next=${encodeURIComponent('/dags?a=1&b=2')}`, {
        redirect: 'manual',
      });
      expect(answer.status).toBe(307);
      const { pathname, searchParams } = new URL(answer.headers.get('location')!, answer.url);
      expect([pathname, searchParams.get('next')]).toEqual([`${below}/login`, '/dags?a=1&b=2']);
    }
  });

  it('never repeats what was sent', async () => {
    const { status, body } = await signIn({ username: 'admin', passwort: 'very secret' });
    expect(status).toBe(422);
    expect(body.detail).toEqual([
      { type: 'missing', loc: ['body', 'password'], msg: 'Field required' },
      { type: 'extra_forbidden', loc: ['body', 'passwort'], msg: 'Extra inputs are not permitted' },
    ]);
  });

  it.each(['/api/v2/dags', '/api/v2/dags/d/dagRuns', '/api/v2/pools'])('is needed for %s', async (path) => {
    const { status, body, headers } = await api.call('GET', path, anonymous);
    expect([status, body, headers.get('www-authenticate')]).toEqual([401, { detail: 'Not authenticated' }, 'Bearer']);
    expect((await api.call('GET', path, { headers: { Authorization: 'Bearer made.up.token' } })).status).toBe(401);
    expect((await api.call('GET', path, { headers: { Authorization: 'Basic YWRtaW46cA==' } })).status).toBe(401);
  });

  it('is checked before what is asked for: nobody learns which DAGs exist', async () => {
    expect((await api.call('GET', '/api/v2/dags/none', anonymous)).status).toBe(401);
    expect((await api.call('PATCH', '/api/v2/dags/d', { ...anonymous, body: { is_paused: 'x' } })).status).toBe(401);
  });
});

describe('what is wrong with a request is said as JSON', () => {
  it.each([
    ['/api/v2/dags/none', 404, 'The DAG was not found: "none"'],
    ['/api/v2/dags/none/details', 404, 'The DAG was not found: "none"'],
    ['/api/v2/dags/none/tasks', 404, 'The DAG was not found: "none"'],
    ['/api/v2/dags/d/tasks/none', 404, 'The task of DAG "d" was not found: "none"'],
    ['/api/v2/dags/none/dagRuns', 404, 'The DAG was not found: "none"'],
    ['/api/v2/dags/d/dagRuns/none', 404, 'The run of DAG "d" was not found: "none"'],
    ['/api/v2/dags/d/dagRuns/none/taskInstances', 404, 'The run of DAG "d" was not found: "none"'],
    ['/api/v2/dagSources/none', 404, 'The DAG was not found: "none"'],
    ['/api/v2/nothing/here', 404, 'Not Found'],
    ['/api/v2', 404, 'Not Found'],
    ['/api/v2/dags?order_by=color', 400, expect.stringContaining('cannot order by "color"; allowed are dag_id')],
    ['/api/v2/dags/d/tasks?order_by=color', 400, 'tasks have no field "color" to order by'],
    ['/api/v2/dags/~/dagRuns?state=done', 422, 'Invalid value "done" for state. Valid values are queued, running, success, failed'],
    ['/api/v2/dags/%E0%A4%A', 400, expect.any(String)],
  ])('%s → %i', async (path, status, detail) => {
    const answer = await api.get(path);
    expect([answer.status, answer.body]).toEqual([status, { detail }]);
  });

  it.each([
    ['/api/v2/dags?limit=x', { type: 'int_parsing', loc: ['query', 'limit'], input: 'x' }],
    ['/api/v2/dags?limit=-1', { type: 'greater_than_equal', loc: ['query', 'limit'], input: -1, ctx: { ge: 0 } }],
    ['/api/v2/dags?paused=maybe', { type: 'bool_parsing', loc: ['query', 'paused'], input: 'maybe' }],
    ['/api/v2/dags?last_dag_run_state=x', { type: 'enum', loc: ['query', 'last_dag_run_state'] }],
    ['/api/v2/dags?dag_id_pattern=%00', { type: 'value_error', loc: ['query', 'dag_id_pattern'] }],
    ['/api/v2/dags/a%00b', { type: 'value_error', loc: ['path', 'dag_id'] }],
    [
      '/api/v2/dags/~/dagRuns?start_date_gte=yesterday',
      { type: 'value_error', loc: ['query', 'start_date_gte'], msg: expect.stringContaining('"yesterday" is not a date') },
    ],
    ['/api/v2/backfills', { type: 'missing', loc: ['query', 'dag_id'], msg: 'Field required' }],
    ['/api/v2/backfills/x', { type: 'int_parsing', loc: ['path', 'backfill_id'], input: 'x' }],
    [
      '/api/v2/dags/d/dagRuns/r/taskInstances?try_number=1&try_number=two',
      { type: 'int_parsing', loc: ['query', 'try_number', 1], input: 'two' },
    ],
    ['/api/v2/dags/~/dagRuns?dag_version=99999999999', { type: 'less_than_equal', loc: ['query', 'dag_version', 0] }],
  ])('%s → 422 with its place', async (path, problem) => {
    const { status, body } = await api.get(path);
    expect([status, body.detail]).toEqual([422, [expect.objectContaining(problem)]]);
  });

  it.each([
    ['{"is_paused": tru', { type: 'json_invalid', loc: ['body', 0] }],
    ['', { type: 'missing', loc: ['body', 'is_paused'] }],
    ['[]', { type: 'dict_type', loc: ['body'] }],
    ['{}', { type: 'missing', loc: ['body', 'is_paused'] }],
    ['{"is_paused": "nein"}', { type: 'bool_parsing', loc: ['body', 'is_paused'], input: 'nein' }],
    ['{"is_paused": true, "ispaused": 1}', { type: 'extra_forbidden', loc: ['body', 'ispaused'], input: 1 }],
  ])('a body of %j → 422', async (body, problem) => {
    const answer = await api.call('PATCH', '/api/v2/dags/d', { body });
    expect([answer.status, answer.body.detail]).toEqual([422, [expect.objectContaining(problem)]]);
  });

  it('a body that is not JSON → 422', async () => {
    const answer = await api.call('PATCH', '/api/v2/dags/d', {
      body: 'is_paused=true',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect([answer.status, answer.body.detail]).toEqual([422, [expect.objectContaining({ type: 'missing', loc: ['body'] })]]);
  });

  it('a body over 1 MiB → 413', async () => {
    const answer = await api.call('POST', '/api/v2/dags/d/dagRuns', { body: { conf: { text: 'x'.repeat(1_100_000) } } });
    expect([answer.status, answer.body]).toEqual([413, { detail: 'the body is larger than 1 MiB' }]);
  });

  it('a method that a path does not have → 405 with those that it has', async () => {
    const { status, headers, body } = await api.call('PUT', '/api/v2/dags/d');
    expect([status, headers.get('allow'), body]).toEqual([405, 'GET, PATCH, DELETE', { detail: 'Method Not Allowed' }]);
  });

  it('an interval with one end → 422', async () => {
    const { status, body } = await api.call('POST', '/api/v2/dags/d/dagRuns', { body: { data_interval_start: '2026-01-01T00:00:00Z' } });
    expect([status, body.detail[0].msg]).toEqual([422, expect.stringContaining('go together')]);
  });

  it('a date without its offset in a body → 422', async () => {
    const { status, body } = await api.call('POST', '/api/v2/dags/d/dagRuns', { body: { logical_date: '2026-01-01T00:00:00' } });
    expect([status, body.detail[0]]).toMatchObject([
      422,
      { loc: ['body', 'logical_date'], msg: expect.stringContaining('with its offset') },
    ]);
  });
});

it('leaves every other path to the pages', async () => {
  expect((await api.call('GET', '/dags', anonymous)).body).toBe('<html>a page</html>');
  expect((await api.call('GET', '/api/v1/dags', anonymous)).body).toBe('<html>a page</html>');
});

it('answers with JSON below a base path too', async () => {
  const { status, body } = await api.get('/below/here/api/v2/dags/none');
  expect([status, body]).toEqual([404, { detail: 'The DAG was not found: "none"' }]);
  expect((await api.call('PATCH', '/below/here/api/v2/dags/d?update_mask=x', { body: { is_paused: true } })).status).toBe(400);
});

it('caps a page at 100 entries', async () => {
  await api.db.pool.query(
    `INSERT INTO dag_run (dag_id, run_id, run_type, run_after, triggered_by) SELECT 'd', 'r' || n, 'manual', now(), 'test' FROM generate_series(1, 120) n`,
  );
  const { body } = await api.get('/api/v2/dags/d/dagRuns?limit=100000');
  expect([body.dag_runs.length, body.total_entries]).toEqual([100, 120]);
  expect((await api.get('/api/v2/dags/d/dagRuns')).body.dag_runs).toHaveLength(50);
});

it('says that the database is away, and answers for the health all the same', async () => {
  await api.withoutDatabase(async () => {
    const { status, body } = await api.get('/api/v2/dags');
    expect([status, body]).toEqual([503, { detail: expect.stringContaining('database does not answer') }]);
    const health = await api.call('GET', '/api/v2/monitor/health', anonymous);
    expect([health.status, health.body.metadatabase.status]).toEqual([200, 'unhealthy']);
  });
  expect((await api.get('/api/v2/dags')).status).toBe(200);
});
