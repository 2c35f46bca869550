import {
  insertBackfill,
  insertDag,
  insertPool,
  insertRun,
  insertSession,
  insertTaskInstance,
  insertXcom,
  type InsertedDag,
} from '../support/factories';
import { memoryLogs, useApi } from './support';

const log = ['one', 'two', 'three'].map((message, index) => ({
  time: `2026-01-01T00:00:0${index}.000Z`,
  level: 'info' as const,
  source: 'task' as const,
  message,
}));
const api = useApi({ logs: memoryLogs(log) });

let etl: InsertedDag;
beforeAll(async () => {
  const { pool } = api.db;
  etl = await insertDag(pool, {
    dagId: 'etl',
    filePath: 'sales/etl.ts',
    code: 'new DAG()',
    tags: ['sales', 'daily'],
    owner: 'ann',
    description: 'Loads',
    docMd: '# Loads',
    startDate: '2026-01-01T00:00:00.000Z',
    timetable: { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' },
    params: { type: 'object', properties: { region: { type: 'string', default: 'eu', description: 'Where' } } },
    tasks: [
      'extract',
      {
        id: 'load.rows',
        group: 'load',
        operator: 'BashOperator',
        retries: 2,
        retryDelaysMs: [90_061_500],
        executionTimeoutMs: 1000,
        queue: 'big',
      },
    ],
    groups: [{ id: 'load', parent: null, doc: null }],
    edges: [['extract', 'load.rows']],
    next: { runAfter: '2026-01-04', logicalDate: '2026-01-03', start: '2026-01-03', end: '2026-01-04' },
  });
  await insertDag(pool, { dagId: 'paused', isPaused: true, tags: ['sales'] });
  await insertDag(pool, { dagId: 'gone', isActive: false });
  for (const [day, state] of [
    ['01', 'success'],
    ['02', 'failed'],
    ['03', 'running'],
  ] as const) {
    await insertRun(pool, {
      dagId: 'etl',
      runId: `scheduled__2026-01-${day}`,
      runType: 'scheduled',
      state,
      logicalDate: `2026-01-${day}`,
      interval: [`2026-01-${day}`, new Date(Date.parse(`2026-01-${day}`) + 86_400_000)],
      startDate: `2026-01-0${Number(day) + 1}T00:00:00Z`,
      endDate: state === 'running' ? null : `2026-01-0${Number(day) + 1}T00:0${day[1]}:00.500Z`,
      triggeredBy: 'timetable',
      conf: { day },
    });
  }
  await insertRun(pool, { dagId: 'paused', runId: 'manual__1', state: 'queued', triggeringUser: 'bob', triggeredBy: 'ui', note: 'please' });
  const run = (await pool.query<{ pk: number }>("SELECT pk FROM dag_run WHERE run_id = 'scheduled__2026-01-03'")).rows[0]!.pk;
  await insertTaskInstance(pool, {
    run,
    taskId: 'extract',
    state: 'success',
    startDate: '2026-01-04T00:00:00Z',
    endDate: '2026-01-04T00:00:02Z',
  });
  const { pk } = await insertTaskInstance(pool, { run, taskId: 'load.rows', state: 'running', tryNumber: 2, retriesUsed: 1, priority: 3 });
  await pool.query(`INSERT INTO ti_detail (ti, rendered, note) VALUES ($1, '{"command":"ls"}', 'look here')`, [pk]);
  await insertXcom(pool, { run, taskId: 'extract', value: { rows: [1, 2] } });
  await insertXcom(pool, { run, taskId: 'extract', key: 'other', value: 'text' });
  await insertBackfill(pool, { dagId: 'etl', fromDate: '2025-01-01', toDate: '2025-01-31', maxActiveRuns: 3, conf: { a: 1 } });
  await insertPool(pool, 'small', 2);
  await pool.query("INSERT INTO import_error (file_path, message, stack_trace) VALUES ('sales/broken.ts', 'Unexpected token', '')");
});

const ids = (list: { dag_id: string }[]) => list.map((item) => item.dag_id);

describe('dags', () => {
  it('lists active DAGs by id, with all that clients of Airflow read', async () => {
    const { status, body } = await api.get('/api/v2/dags');
    expect([status, body.total_entries, ids(body.dags)]).toEqual([200, 2, ['etl', 'paused']]);
    expect(body.dags[0]).toMatchObject({
      dag_id: 'etl',
      dag_display_name: 'etl',
      is_paused: false,
      is_stale: false,
      relative_fileloc: 'sales/etl.ts',
      fileloc: '/srv/dags/sales/etl.ts',
      owners: ['ann'],
      tags: [{ name: 'daily', dag_id: 'etl', dag_display_name: 'etl' }, { name: 'sales' }],
      timetable_summary: '@daily',
      max_active_runs: 16,
      next_dagrun_logical_date: '2026-01-03T00:00:00.000Z',
      next_dagrun_run_after: '2026-01-04T00:00:00.000Z',
      has_import_errors: false,
    });
  });

  it.each([
    ['?exclude_stale=false', ['etl', 'gone', 'paused']],
    ['?paused=true', ['paused']],
    ['?paused=0', ['etl']],
    ['?tags=daily&tags=other', ['etl']],
    ['?tags=daily&tags=sales&tags_match_mode=all', ['etl']],
    ['?owners=ann', ['etl']],
    ['?dag_id_pattern=AUS', ['paused']],
    ['?dag_id_pattern=et%25l|nothing', ['etl']],
    ['?last_dag_run_state=running', ['etl']],
    ['?dag_run_state=queued&dag_run_state=running', ['etl', 'paused']],
    ['?dag_run_state=failed&dag_run_start_date_lt=2026-01-02', []],
    ['?dag_run_end_date_gte=2026-01-03', ['etl']],
    ['?is_favorite=true', []],
    ['?is_favorite=false&bundle_name=dags-folder&has_asset_schedule=false', ['etl', 'paused']],
    ['?bundle_name=other', []],
    ['?order_by=-dag_id', ['paused', 'etl']],
    ['?order_by=-last_run_start_date', ['etl', 'paused']],
    ['?limit=1&offset=1', ['paused']],
    ['?limit=0', []],
    ['?nobody_knows_this=1', ['etl', 'paused']],
  ])('filters and orders: %s', async (query, expected) => {
    const { status, body } = await api.get(`/api/v2/dags${query}`);
    expect([status, ids(body.dags)]).toEqual([200, expected]);
  });

  it('gives one DAG, and its details from the newest version', async () => {
    expect((await api.get('/api/v2/dags/etl')).body).toMatchObject({ dag_id: 'etl', description: 'Loads' });
    expect((await api.get('/api/v2/dags/etl/details')).body).toMatchObject({
      dag_id: 'etl',
      catchup: false,
      doc_md: '# Loads',
      timezone: 'UTC',
      start_date: '2026-01-01T00:00:00.000Z',
      concurrency: 16,
      active_runs_count: 1,
      params: { region: { value: 'eu', description: 'Where', schema: { type: 'string' } } },
      latest_dag_version: { id: etl.version, version_number: 1 },
    });
  });

  it('lists its tasks, ordered by any of their fields', async () => {
    const { body } = await api.get('/api/v2/dags/etl/tasks?order_by=-task_id');
    expect([body.total_entries, body.tasks.map((task: { task_id: string }) => task.task_id)]).toEqual([2, ['load.rows', 'extract']]);
    expect(body.tasks[0]).toMatchObject({
      operator_name: 'BashOperator',
      retries: 2,
      queue: 'big',
      retry_delay: { __type: 'TimeDelta', days: 1, seconds: 3661, microseconds: 500_000 },
      execution_timeout: { days: 0, seconds: 1, microseconds: 0 },
      class_ref: { class_name: 'BashOperator' },
      trigger_rule: 'all_success',
    });
    expect((await api.get('/api/v2/dags/etl/tasks/extract')).body.downstream_task_ids).toEqual(['load.rows']);
  });

  it('gives the source of a version, as JSON or as text', async () => {
    expect((await api.get('/api/v2/dagSources/etl')).body).toEqual({
      content: 'new DAG()',
      dag_id: 'etl',
      dag_display_name: 'etl',
      version_number: 1,
    });
    const plain = await api.call('GET', '/api/v2/dagSources/etl?version_number=1', { headers: { Accept: 'text/plain' } });
    expect([plain.headers.get('content-type'), plain.body]).toEqual(['text/plain; charset=utf-8', 'new DAG()']);
    expect((await api.get('/api/v2/dagSources/etl?version_number=9')).status).toBe(404);
    expect((await api.call('GET', '/api/v2/dagSources/etl', { headers: { Accept: 'image/png' } })).status).toBe(406);
  });

  it('counts runs by state', async () => {
    const { body } = await api.get('/api/v2/dagStats?dag_ids=etl');
    expect(body).toEqual({
      dags: [
        {
          dag_id: 'etl',
          dag_display_name: 'etl',
          stats: [
            { state: 'queued', count: 0 },
            { state: 'running', count: 1 },
            { state: 'success', count: 1 },
            { state: 'failed', count: 1 },
          ],
        },
      ],
      total_entries: 1,
    });
  });
});

describe('dagRuns', () => {
  const runIds = (body: { dag_runs: { dag_run_id: string }[] }) =>
    body.dag_runs.map((run) => run.dag_run_id.replace('scheduled__2026-01-', ''));

  it('gives one run with its interval, duration and version', async () => {
    const { body } = await api.get('/api/v2/dags/etl/dagRuns/scheduled__2026-01-01');
    expect(body).toMatchObject({
      dag_run_id: 'scheduled__2026-01-01',
      dag_id: 'etl',
      logical_date: '2026-01-01T00:00:00.000Z',
      data_interval_start: '2026-01-01T00:00:00.000Z',
      data_interval_end: '2026-01-02T00:00:00.000Z',
      run_type: 'scheduled',
      state: 'success',
      conf: { day: '01' },
      duration: 60.5,
      triggered_by: 'timetable',
      end_date: '2026-01-02T00:01:00.500Z',
      dag_versions: [{ version_number: 1, id: etl.version }],
    });
  });

  it('gives a run that has not started no version, start or duration', async () => {
    const { body } = await api.get('/api/v2/dags/paused/dagRuns/manual__1');
    expect(body).toMatchObject({
      state: 'queued',
      logical_date: null,
      start_date: null,
      duration: null,
      dag_versions: [],
      note: 'please',
      triggering_user_name: 'bob',
    });
  });

  it.each([
    ['etl', '', ['01', '02', '03']],
    ['~', '?order_by=-run_after,dag_id', ['manual__1', '03', '02', '01']],
    ['etl', '?state=failed&state=running', ['02', '03']],
    ['~', '?run_type=manual', ['manual__1']],
    ['etl', '?logical_date_gte=2026-01-02T00:00:00Z&logical_date_lt=2026-01-03', ['02']],
    ['etl', '?start_date_gt=2026-01-02T01:00:00+01:00', ['02', '03']],
    ['etl', '?end_date_lte=2026-01-02T00:01:00.500Z', ['01']],
    ['etl', '?duration_gt=100', ['02']],
    ['~', '?run_id_pattern=manual', ['manual__1']],
    ['~', '?triggering_user_name_pattern=BO', ['manual__1']],
    ['etl', '?conf_contains=03', ['03']],
    ['etl', '?dag_version=2', []],
    ['etl', '?bundle_version=abc', []],
    ['etl', '?partition_key_pattern=x', []],
    ['etl', '?limit=1&offset=1&order_by=-logical_date', ['02']],
  ])('lists those of %s%s', async (dagId, query, expected) => {
    const { status, body } = await api.get(`/api/v2/dags/${dagId}/dagRuns${query}`);
    expect([status, runIds(body)]).toEqual([200, expected]);
  });

  it('counts all that match, whatever the page', async () => {
    expect((await api.get('/api/v2/dags/etl/dagRuns?limit=1')).body.total_entries).toBe(3);
  });
});

describe('taskInstances', () => {
  const under = '/api/v2/dags/etl/dagRuns/scheduled__2026-01-03/taskInstances';

  it('gives one with its place, rendered fields and tries', async () => {
    expect((await api.get(`${under}/load.rows`)).body).toMatchObject({
      task_id: 'load.rows',
      dag_id: 'etl',
      dag_run_id: 'scheduled__2026-01-03',
      state: 'running',
      try_number: 2,
      max_tries: 2,
      map_index: -1,
      hostname: 'test-host',
      pid: 4711,
      queue: 'big',
      operator: 'BashOperator',
      priority_weight: 3,
      pool: 'default_pool',
      rendered_fields: { command: 'ls' },
      note: 'look here',
      end_date: null,
      duration: null,
      dag_version: { version_number: 1 },
      id: expect.stringMatching(/^[0-9a-f]{8}-0000-8000-8000-[0-9a-f]{12}$/),
    });
    expect((await api.get(`${under}/extract`)).body).toMatchObject({ state: 'success', duration: 2, try_number: 1, max_tries: 0 });
  });

  it.each([
    ['etl', 'scheduled__2026-01-03', '', 2],
    ['~', '~', '', 2],
    ['etl', '~', '?state=success', 1],
    ['etl', '~', '?state=none', 0],
    ['etl', '~', '?operator=BashOperator', 1],
    ['etl', '~', '?operator_name_pattern=bash', 1],
    ['etl', '~', '?queue_name_pattern=BI', 1],
    ['etl', '~', '?updated_at_lte=2026-01-04T00:00:02Z', 1],
    ['etl', '~', '?queue=big&pool=default_pool', 1],
    ['etl', '~', '?task_group_id=load', 1],
    ['etl', '~', '?task_id=extract', 1],
    ['etl', '~', '?duration_gte=1.5', 1],
    ['etl', '~', '?try_number=2&map_index=-1', 1],
    ['etl', '~', '?version_number=2', 0],
    ['~', '~', '?dag_id_pattern=paused', 0],
  ])('lists those of %s, %s%s', async (dagId, runId, query, expected) => {
    const { status, body } = await api.get(`/api/v2/dags/${dagId}/dagRuns/${runId}/taskInstances${query}`);
    expect([status, body.total_entries, body.task_instances?.length]).toEqual([200, expected, expected]);
  });

  it('gives the log of a try in pieces, until nothing can come any more', async () => {
    const first = (await api.get(`${under}/extract/logs/1`)).body;
    expect(first.content).toEqual([
      { timestamp: '2026-01-01T00:00:00.000Z', event: 'one', level: 'info', logger: 'task' },
      { timestamp: '2026-01-01T00:00:01.000Z', event: 'two', level: 'info', logger: 'task' },
    ]);
    const second = (await api.get(`${under}/extract/logs/1?token=${first.continuation_token}`)).body;
    expect(second).toMatchObject({ content: [{ event: 'three' }], continuation_token: null });
    const { continuation_token: running } = (await api.get(`${under}/load.rows/logs/2?full_content=true`)).body;
    expect((await api.get(`${under}/load.rows/logs/2?token=${running}`)).body).toEqual({ content: [], continuation_token: running });
  });

  it('gives the whole log at once, and says that it goes on while the try runs', async () => {
    expect((await api.get(`${under}/extract/logs/1?full_content=true`)).body).toMatchObject({
      content: [{}, {}, {}],
      continuation_token: null,
    });
    expect((await api.get(`${under}/load.rows/logs/2?full_content=true`)).body).toMatchObject({
      content: [{}, {}, {}],
      continuation_token: expect.any(String),
    });
  });

  it('gives the log as ndjson to who asks for it', async () => {
    const { headers, body } = await api.call('GET', `${under}/extract/logs/1`, { headers: { Accept: 'application/x-ndjson' } });
    expect(headers.get('content-type')).toMatch('application/x-ndjson');
    expect(
      String(body)
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event),
    ).toEqual(['one', 'two', 'three']);
  });

  it('knows no log of a try that was never made, and no foreign token', async () => {
    expect((await api.get(`${under}/extract/logs/7`)).status).toBe(404);
    expect((await api.get(`${under}/nothing/logs/1`)).status).toBe(404);
    expect((await api.get(`${under}/extract/logs/1?token=abc`)).status).toBe(400);
  });

  it('lists XComs without values, and gives one with its value', async () => {
    const { body } = await api.get(`${under}/extract/xcomEntries`);
    expect([body.total_entries, body.xcom_entries.map((entry: { key: string }) => entry.key)]).toEqual([2, ['other', 'return_value']]);
    expect(body.xcom_entries[0]).not.toHaveProperty('value');
    expect((await api.get(`${under}/extract/xcomEntries?xcom_key=other`)).body.total_entries).toBe(1);
    expect((await api.get('/api/v2/dags/~/dagRuns/~/taskInstances/~/xcomEntries?xcom_key_pattern=ret')).body.total_entries).toBe(1);
    expect((await api.get(`${under}/extract/xcomEntries/return_value`)).body).toMatchObject({
      key: 'return_value',
      value: { rows: [1, 2] },
      run_id: 'scheduled__2026-01-03',
      task_id: 'extract',
    });
    expect((await api.get(`${under}/extract/xcomEntries/return_value?stringify=true`)).body.value).toBe('{"rows":[1,2]}');
    expect((await api.get(`${under}/extract/xcomEntries/nothing`)).status).toBe(404);
  });
});

describe('the rest', () => {
  it('lists backfills of a DAG, and gives one', async () => {
    const { body } = await api.get('/api/v2/backfills?dag_id=etl');
    expect(body).toMatchObject({
      total_entries: 1,
      backfills: [
        {
          dag_id: 'etl',
          from_date: '2025-01-01T00:00:00.000Z',
          to_date: '2025-01-31T00:00:00.000Z',
          max_active_runs: 3,
          reprocess_behavior: 'none',
          is_paused: false,
          dag_run_conf: { a: 1 },
          completed_at: null,
        },
      ],
    });
    expect((await api.get(`/api/v2/backfills/${body.backfills[0].id}`)).body).toEqual(body.backfills[0]);
    expect((await api.get('/api/v2/backfills/99')).status).toBe(404);
  });

  it('lists import errors, and gives one', async () => {
    const { body } = await api.get('/api/v2/importErrors?filename_pattern=broken');
    expect(body).toMatchObject({ total_entries: 1, import_errors: [{ filename: 'sales/broken.ts', stack_trace: 'Unexpected token' }] });
    expect((await api.get(`/api/v2/importErrors/${body.import_errors[0].import_error_id}`)).body).toEqual(body.import_errors[0]);
    expect((await api.get('/api/v2/importErrors/12345')).status).toBe(404);
  });

  it('says how full pools are', async () => {
    const { body } = await api.get('/api/v2/pools');
    expect(body).toMatchObject({
      total_entries: 2,
      pools: [
        { name: 'default_pool', slots: 128, occupied_slots: 1, running_slots: 1, open_slots: 127 },
        { name: 'small', slots: 2, open_slots: 2 },
      ],
    });
    expect((await api.get('/api/v2/pools/small')).body.name).toBe('small');
    expect((await api.get('/api/v2/pools/none')).status).toBe(404);
  });

  it('says its version and health to anybody', async () => {
    const anybody = { headers: { Authorization: '' } };
    expect((await api.call('GET', '/api/v2/version', anybody)).body).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      git_version: null,
    });
    expect((await api.call('GET', '/api/v2/monitor/health', anybody)).body).toMatchObject({
      metadatabase: { status: 'healthy' },
      scheduler: { status: 'unhealthy', latest_scheduler_heartbeat: null },
      triggerer: { status: null },
      dag_processor: { status: null },
    });
    await insertSession(api.db.pool, { kind: 'scheduler', leaseMs: -1000 });
    expect((await api.get('/api/v2/monitor/health')).body.scheduler).toMatchObject({
      status: 'unhealthy',
      latest_scheduler_heartbeat: expect.any(String),
    });
    await insertSession(api.db.pool, { kind: 'scheduler' });
    expect((await api.get('/api/v2/monitor/health')).body.scheduler.status).toBe('healthy');
  });
});
