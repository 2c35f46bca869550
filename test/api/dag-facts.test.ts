import { waitForRunRoutes } from '../../webserver/api/routes/wait-for-run';
import { insertDag, insertRun, insertXcom } from '../support/factories';
import { useApi } from './support';

const api = useApi();
const warn = (dagId: string, ...warnings: string[]) =>
  api.db.pool.query('UPDATE dag SET warnings = $2 WHERE dag_id = $1', [dagId, JSON.stringify(warnings)]);
const noPool = 'task "a" wants the pool "gpu", which does not exist';

beforeAll(async () => {
  const { pool } = api.db;
  for (const catchup of [false, true]) await insertDag(pool, { dagId: 'etl', catchup, tags: ['sales', 'daily'] });
  await insertDag(pool, { dagId: 'report', tags: ['sales', 'weekly'] });
  await insertDag(pool, { dagId: 'gone', tags: ['old'], isActive: false });
  await warn('etl', 'the clock is read while the file loads', noPool);
  await warn('report', 'random numbers');
  await warn('gone', noPool);
});

describe('versions of a DAG', () => {
  const numbers = async (query: string, dag = 'etl') =>
    (await api.get(`/api/v2/dags/${dag}/dagVersions${query}`)).body.dag_versions.map(
      (version: { dag_id: string; version_number: number }) => `${version.dag_id} ${version.version_number}`,
    );

  it.each([
    ['etl', '', ['etl 1', 'etl 2']],
    ['etl', '?order_by=-version_number', ['etl 2', 'etl 1']],
    ['etl', '?version_number=2', ['etl 2']],
    ['etl', '?limit=1&offset=1', ['etl 2']],
    ['etl', '?bundle_name=other', []],
    ['etl', '?bundle_name=dags-folder', ['etl 1', 'etl 2']],
    ['etl', '?bundle_version=1', []],
    ['~', '?version_number=1', ['etl 1', 'report 1', 'gone 1']],
  ])('%s%s', async (dag, query, expected) => {
    expect(await numbers(query, dag)).toEqual(expected);
  });

  it('are found by number', async () => {
    const { body } = await api.get('/api/v2/dags/etl/dagVersions/2');
    expect(body).toMatchObject({ dag_id: 'etl', version_number: 2, bundle_name: 'dags-folder', created_at: expect.any(String) });
    expect((await api.get('/api/v2/dags/etl/details')).body.latest_dag_version).toEqual(body);
    expect((await api.get('/api/v2/dags/etl/dagVersions/3')).status).toBe(404);
    expect((await api.get('/api/v2/dags/etl/dagVersions/newest')).status).toBe(422);
    expect((await api.get('/api/v2/dags/etl/dagVersions?order_by=color')).status).toBe(400);
    expect((await api.get('/api/v2/dags/none/dagVersions')).status).toBe(404);
  });
});

describe('tags', () => {
  it.each([
    ['', ['daily', 'sales', 'weekly']],
    ['?order_by=-name', ['weekly', 'sales', 'daily']],
    ['?tag_name_pattern=AL', ['sales']],
    ['?limit=1&offset=1', ['sales']],
  ])('of DAGs that are there, each once: %s', async (query, expected) => {
    const { body } = await api.get(`/api/v2/dagTags${query}`);
    expect(body.tags).toEqual(expected);
    expect(body.total_entries).toBe(query.includes('pattern') ? 1 : 3);
  });

  it('have an order by name alone', async () => {
    expect((await api.get('/api/v2/dagTags?order_by=color')).status).toBe(400);
    expect((await api.get('/api/v2/dagTags?limit=x')).status).toBe(422);
  });
});

describe('warnings', () => {
  it.each([
    ['', ['etl runtime varying value', 'etl non-existent pool', 'report runtime varying value']],
    ['?dag_id=report', ['report runtime varying value']],
    ['?warning_type=non-existent%20pool', ['etl non-existent pool']],
    ['?warning_type=asset%20conflict', []],
    ['?order_by=-dag_id&limit=1', ['report runtime varying value']],
  ])('of DAGs that are there: %s', async (query, expected) => {
    const { body } = await api.get(`/api/v2/dagWarnings${query}`);
    expect(body.dag_warnings.map((each: { dag_id: string; warning_type: string }) => `${each.dag_id} ${each.warning_type}`)).toEqual(
      expected,
    );
  });

  it('have a message and a time', async () => {
    const { body } = await api.get('/api/v2/dagWarnings?warning_type=non-existent%20pool');
    expect(body).toMatchObject({ total_entries: 1, dag_warnings: [{ message: noPool, timestamp: expect.any(String) }] });
    expect((await api.get('/api/v2/dagWarnings?warning_type=other')).status).toBe(422);
    expect((await api.get('/api/v2/dagWarnings?order_by=color')).status).toBe(400);
  });
});

describe('limits of a DAG', () => {
  it('are told of the DAG and its tasks', async () => {
    expect((await api.get('/api/v2/dags/etl')).body).toMatchObject({
      max_consecutive_failed_dag_runs: 0,
      has_task_concurrency_limits: false,
    });
    await insertDag(api.db.pool, {
      dagId: 'limited',
      maxConsecutiveFailedRuns: 3,
      tasks: [{ id: 'a', maxActiveTisPerDagRun: 1, dependsOnPast: true }],
    });
    expect((await api.get('/api/v2/dags/limited')).body).toMatchObject({
      max_consecutive_failed_dag_runs: 3,
      has_task_concurrency_limits: true,
    });
    expect((await api.get('/api/v2/dags/limited/tasks/a')).body).toMatchObject({ depends_on_past: true, wait_for_downstream: false });
  });
});

describe('waiting for a run', () => {
  const wait = (runId: string, query = '?interval=0.1') => api.get(`/api/v2/dags/etl/dagRuns/${runId}/wait${query}`);
  const lines = (body: unknown) => String(body).trim().split('\n').map((line) => JSON.parse(line) as { state: string }); // prettier-ignore

  const open = async (path: string) => {
    const headers = { Authorization: `Bearer ${await api.auth.issueToken({ username: 'admin', role: 'admin' })}` };
    const response = await fetch(`${api.base}/api/v2/dags/etl/dagRuns/${path}`, { headers });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    return {
      first: async () => lines((await reader.read()).value),
      rest: async () => {
        let text = '';
        for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
        return text === '' ? [] : lines(text);
      },
    };
  };

  it('gives a line at each look until it has ended, then what its tasks returned', async () => {
    const { pool } = api.db;
    const run = await insertRun(pool, { dagId: 'etl', runId: 'slow', state: 'running' });
    await insertXcom(pool, { run, taskId: 'one', value: { rows: 3 } });
    for (const mapIndex of [1, 0]) await insertXcom(pool, { run, taskId: 'mapped', mapIndex, value: `m${mapIndex}` });
    const stream = await open('slow/wait?interval=0.1&result=one&result=mapped&result=none');
    expect(await stream.first()).toEqual([{ state: 'running' }]);
    await pool.query(`UPDATE dag_run SET state = 'success', end_date = now() WHERE pk = $1`, [run]);
    const rest = await stream.rest();
    expect(rest.pop()).toEqual({ state: 'success', results: { one: { rows: 3 }, mapped: ['m0', 'm1'], none: null } });
    expect(rest.filter(({ state }) => state !== 'running')).toEqual([]);
  });

  it('that has ended gives one line, as ndjson', async () => {
    await insertRun(api.db.pool, { dagId: 'etl', runId: 'over', state: 'failed' });
    const { status, headers, body } = await wait('over');
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining('application/x-ndjson')]);
    expect(body).toBe('{"state":"failed"}\n');
  });

  it('ends with a run that is deleted', async () => {
    await insertRun(api.db.pool, { dagId: 'etl', runId: 'deleted', state: 'running' });
    const stream = await open('deleted/wait?interval=0.1');
    expect(await stream.first()).toEqual([{ state: 'running' }]);
    await api.db.pool.query(`DELETE FROM dag_run WHERE run_id = 'deleted'`);
    expect((await stream.rest()).filter(({ state }) => state !== 'running')).toEqual([]);
  });

  it('looks no more once the client has gone, however long the interval', async () => {
    await insertRun(api.db.pool, { dagId: 'etl', runId: 'left', state: 'running' });
    const gone = new AbortController();
    const { handle } = waitForRunRoutes[0]!;
    const call = { params: { dag_id: 'etl', dag_run_id: 'left' }, query: { interval: 86_400 }, signal: gone.signal, context: api.context };
    const looks = ((await handle(call as never)) as { body: AsyncIterable<string> }).body[Symbol.asyncIterator]();
    expect(await looks.next()).toMatchObject({ value: '{"state":"running"}\n' });
    const next = looks.next();
    gone.abort();
    expect(await next).toMatchObject({ done: true });
  });

  it('needs an interval', async () => {
    for (const query of ['', '?interval=0', '?interval=x']) expect((await wait('over', query)).status).toBe(422);
  });
});
