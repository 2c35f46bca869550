import { randomUUID } from 'node:crypto';
import type { TaskState } from '../../src/core/states';
import { insertAttempt, insertDag, insertRun, insertSession, insertTaskInstance, insertXcom, type InsertedDag } from '../support/factories';
import { useApi } from './support';

const api = useApi({ config: { baseUrl: 'https://flows.example/' } });
const at = (task: string, run = 'r') => `/api/v2/dags/etl/dagRuns/${run}/taskInstances/${task}`;
const expand = { kind: 'product', keys: [{ name: 'x', target: 'input', source: { kind: 'literal', length: 3 } }] } as const;

let etl: InsertedDag;
let run: number;
const pks = new Map<string, number>();

async function add(taskId: string, state: TaskState, more: { mapIndex?: number; tryNumber?: number } = {}): Promise<number> {
  const { pk } = await insertTaskInstance(api.db.pool, { run, taskId, state, ...more });
  pks.set(`${taskId}[${more.mapIndex ?? -1}]`, pk);
  return pk;
}

beforeAll(async () => {
  const { pool } = api.db;
  etl = await insertDag(pool, {
    dagId: 'etl',
    tasks: [
      { id: 'plain', retries: 3 },
      { id: 'mapped', expand },
      { id: 'unexpanded', expand },
      { id: 'g.inner', group: 'g' },
      { id: 'start_other', operator: 'TriggerDagRunOperator' },
      'idle',
      'waiting',
    ],
    groups: [{ id: 'g', parent: null, doc: null, expand }],
    edges: [['plain', 'idle']],
  });
  run = await insertRun(pool, { dagId: 'etl', runId: 'r' });
  await add('plain', 'running', { tryNumber: 3 });
  for (const [index, state] of (['success', 'failed', 'skipped'] as const).entries()) await add('mapped', state, { mapIndex: index });
  await pool.query(`INSERT INTO ti_detail (ti, map_label) VALUES ($1, 'Zürich')`, [pks.get('mapped[1]')]);
  await add('unexpanded', null);
  await add('g.inner', null);
  await add('start_other', 'success');
  await add('idle', null);
});

describe('instances of a mapped task', () => {
  const indexes = (body: { task_instances: { map_index: number }[] }) => body.task_instances.map((instance) => instance.map_index);

  it.each([
    ['', [0, 1, 2]],
    ['?order_by=-map_index', [2, 1, 0]],
    ['?state=failed&state=skipped', [1, 2]],
    ['?map_index=0&map_index=2', [0, 2]],
    ['?limit=1&offset=1', [1]],
    ['?operator=BashOperator', []],
    ['?pool_name_pattern=default&try_number=1', [0, 1]],
  ])('are listed: listMapped%s', async (query, expected) => {
    const { status, body } = await api.get(`${at('mapped')}/listMapped${query}`);
    expect([status, indexes(body)]).toEqual([200, expected]);
  });

  it('are none as long as it is not expanded', async () => {
    for (const task of ['unexpanded', 'g.inner'])
      expect((await api.get(`${at(task)}/listMapped`)).body).toEqual({ task_instances: [], total_entries: 0 });
  });

  it('are not what a task has that is not mapped', async () => {
    const { status, body } = await api.get(`${at('plain')}/listMapped`);
    expect([status, body.detail]).toEqual([404, 'Task "plain" is not mapped']);
    expect((await api.get(`${at('none')}/listMapped`)).status).toBe(404);
    expect((await api.get(`${at('mapped', 'none')}/listMapped`)).status).toBe(404);
    expect((await api.get(`${at('mapped')}/listMapped?order_by=color`)).status).toBe(400);
    expect((await api.get(`${at('mapped')}/listMapped?map_index=x`)).status).toBe(422);
  });

  it('are found by index, with their label or else their number', async () => {
    expect((await api.get(`${at('mapped')}/1`)).body).toMatchObject({ map_index: 1, state: 'failed', rendered_map_index: 'Zürich' });
    expect((await api.get(`${at('mapped')}/0`)).body).toMatchObject({ map_index: 0, state: 'success', rendered_map_index: '0' });
    expect((await api.get(`${at('plain')}/-1`)).body).toMatchObject({ map_index: -1, rendered_map_index: null });
    expect((await api.get(`${at('mapped')}/3`)).body.detail).toContain('mapped[3]');
    expect((await api.get(`${at('mapped')}/first`)).body.detail[0]).toMatchObject({ type: 'int_parsing', loc: ['path', 'map_index'] });
  });

  it.each(['', '/tries', '/links', '/dependencies'])('must be named by an index where one is meant: %s', async (rest) => {
    const { status, body } = await api.get(at('mapped') + rest);
    expect([status, body.detail]).toEqual([404, expect.stringContaining('Task "mapped" is mapped: say which')]);
  });

  it('say why they do not run', async () => {
    const names = async (path: string) => (await api.get(path)).body.dependencies.map(({ name }: { name: string }) => name);
    expect(await names(`${at('idle')}/dependencies`)).not.toEqual([]);
    expect(await names(`${at('mapped')}/1/dependencies`)).toEqual([]);
    expect(await names(`${at('mapped')}/dependencies?map_index=1`)).toEqual([]);
    expect((await api.get(`${at('mapped')}/9/dependencies`)).status).toBe(404);
    expect((await api.get(`${at('mapped')}/x/dependencies`)).status).toBe(422);
  });

  it('say why their run does not start when it is queued, each task that it is going to have', async () => {
    const { pool } = api.db;
    const queued = await insertRun(pool, { dagId: 'etl', runId: 'queued', state: 'queued' });
    await pool.query(`UPDATE dag_run SET only_tasks = '{idle}', version = NULL WHERE pk = $1`, [queued]);
    const status = async (task: string) => (await api.get(`${at(task, 'queued')}/dependencies`)).status;
    expect((await api.get(`${at('idle', 'queued')}/dependencies`)).body.dependencies).toMatchObject([{ name: 'scheduler' }]);
    expect([await status('nothing'), await status('plain'), await status('idle/0')]).toEqual([404, 404, 404]);
    await pool.query('UPDATE dag_run SET only_tasks = NULL WHERE pk = $1', [queued]);
    expect([await status('nothing'), await status('plain')]).toEqual([404, 200]);
    await pool.query('DELETE FROM dag_run WHERE pk = $1', [queued]);
  });

  it('are 10,000 in pages that hold each one once', async () => {
    await api.db.pool.query(
      `INSERT INTO task_instance (run, task_id, map_index, state, lane, pool, pool_slots, rank_class, priority, run_after)
       SELECT pk, 'mapped', n, 'scheduled', 'local', 'default_pool', 1, 0, 1, run_after FROM dag_run, generate_series(3, 10002) n WHERE pk = $1`,
      [run],
    );
    const pages: number[] = [];
    for (let offset = 0; ; offset += 2500) {
      const { body } = await api.get(`${at('mapped')}/listMapped?limit=1000&offset=${offset}`);
      expect(body.total_entries).toBe(10_003);
      if (body.task_instances.length === 0) break;
      expect(indexes(body)).toEqual(Array.from({ length: Math.min(100, 10_003 - offset) }, (_, n) => offset + n));
      pages.push(offset);
    }
    expect(pages).toEqual([0, 2500, 5000, 7500, 10_000]);
    await api.db.pool.query(`DELETE FROM task_instance WHERE run = $1 AND map_index > 2`, [run]);
  });
});

describe('the tries of a task instance', () => {
  const tries = async (path: string) =>
    (await api.get(path)).body.task_instances.map((made: { try_number: number; state: string }) => `${made.try_number} ${made.state}`);

  beforeAll(async () => {
    const { pool } = api.db;
    const [ti, session] = [pks.get('plain[-1]')!, await insertSession(pool)];
    const made = { ti, session, version: etl.version, state: 'ended' } as const;
    const minute = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, n));
    await insertAttempt(pool, { ...made, tryNumber: 1, endState: 'up_for_retry', startedAt: minute(0), endedAt: minute(1), host: 'one' });
    // Deferred, then gone on with elsewhere: one try.
    await insertAttempt(pool, { ...made, tryNumber: 2, endState: 'deferred', startedAt: minute(2), endedAt: minute(3) });
    await insertAttempt(pool, {
      ...made,
      tryNumber: 2,
      piece: 1,
      endState: 'failed',
      startedAt: minute(4),
      endedAt: minute(6),
      host: 'two',
    });
  });

  it('are listed from the first to the one that runs; one in several pieces is one', async () => {
    expect(await tries(`${at('plain')}/tries`)).toEqual(['1 failed', '2 failed', '3 running']);
    expect((await api.get(`${at('plain')}/tries`)).body.task_instances[1]).toMatchObject({
      start_date: '2026-01-01T00:02:00.000Z',
      end_date: '2026-01-01T00:06:00.000Z',
      duration: 240,
      hostname: 'two',
      dag_version: { version_number: 1 },
    });
  });

  it('are found by number', async () => {
    expect((await api.get(`${at('plain')}/tries/1`)).body).toMatchObject({ try_number: 1, state: 'failed', hostname: 'one', duration: 60 });
    expect((await api.get(`${at('plain')}/tries/4`)).status).toBe(404);
    expect((await api.get(`${at('plain')}/tries/last`)).status).toBe(422);
  });

  it('are those of one instance of a mapped task, by path or query', async () => {
    expect(await tries(`${at('mapped')}/1/tries`)).toEqual(['1 failed']);
    expect(await tries(`${at('mapped')}/tries?map_index=0`)).toEqual(['1 success']);
    expect((await api.get(`${at('mapped')}/0/tries/1`)).body).toMatchObject({ map_index: 0, state: 'success' });
    expect((await api.get(`${at('mapped')}/0/tries/2`)).status).toBe(404);
    expect((await api.get(`${at('mapped')}/7/tries`)).status).toBe(404);
  });

  it('are the task instance as it is where there was none', async () => {
    expect(await tries(`${at('idle')}/tries`)).toEqual(['0 null']);
    expect((await api.get(`${at('idle')}/tries/0`)).body).toMatchObject({
      state: null,
      start_date: null,
      dag_version: { id: etl.version },
    });
  });

  it('of a deferred one: the try goes on', async () => {
    const ti = await add('waiting', 'deferred', { tryNumber: 1 });
    const [session, triggerer] = [await insertSession(api.db.pool), await insertSession(api.db.pool, { kind: 'triggerer', host: 'eyes' })];
    const attempt = await insertAttempt(api.db.pool, { ti, session, version: etl.version, state: 'ended', endState: 'deferred' });
    await api.db.pool.query(
      `INSERT INTO wait (ti, run, attempt, kind, trigger, args, version, resume, next_check_at, session)
       VALUES ($1, $2, $3, 'custom', 'FileThere', '{"path":"/x","password":"hush"}', $4, 'done', now(), $5)`,
      [ti, run, attempt, etl.version, triggerer],
    );
    expect(await tries(`${at('waiting')}/tries`)).toEqual(['1 deferred']);
    const { trigger, triggerer_job } = (await api.get(at('waiting'))).body;
    expect(trigger).toMatchObject({ classpath: 'FileThere', kwargs: '{"path":"/x","password":"***"}', triggerer_id: triggerer_job.id });
    expect(triggerer_job).toMatchObject({ job_type: 'TriggererJob', hostname: 'eyes', state: 'running' });
  });
});

describe('links of a task instance', () => {
  it('lead to the run that it triggered, once there is one', async () => {
    const none = { extra_links: {}, total_entries: 0 };
    expect((await api.get(`${at('plain')}/links`)).body).toEqual(none);
    expect((await api.get(`${at('start_other')}/links`)).body).toEqual(none);
    const { pool } = api.db;
    await insertDag(pool, { dagId: 'other' });
    await insertRun(pool, { dagId: 'other', runId: 'manual__2026-01-01T00:00:00+00:00' });
    await pool.query(`INSERT INTO ti_detail (ti, rendered) VALUES ($1, '{"dagId":"other"}')`, [pks.get('start_other[-1]')]);
    await insertXcom(pool, { run, taskId: 'start_other', key: 'trigger_run_id', value: 'manual__2026-01-01T00:00:00+00:00' });
    expect((await api.get(`${at('start_other')}/links`)).body).toEqual({
      extra_links: { 'Triggered DAG': 'https://flows.example/dags/other/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00' },
      total_entries: 1,
    });
    expect((await api.get('/api/v2/dags/etl/tasks/start_other')).body).toMatchObject({ extra_links: ['Triggered DAG'], is_mapped: false });
    await pool.query(`DELETE FROM dag_run WHERE dag_id = 'other'`);
    expect((await api.get(`${at('start_other')}/links`)).body).toEqual(none);
  });

  it('are of a task instance that is there', async () => {
    expect((await api.get(`${at('none')}/links`)).status).toBe(404);
    expect((await api.get(`${at('mapped')}/links?map_index=5`)).status).toBe(404);
    expect((await api.get(`${at('mapped')}/links?map_index=x`)).status).toBe(422);
  });

  it('a task says whether it is mapped, by itself or by its group', async () => {
    const { body } = await api.get('/api/v2/dags/etl/tasks');
    const mapped = body.tasks.filter((task: { is_mapped: boolean }) => task.is_mapped).map((task: { task_id: string }) => task.task_id);
    expect(mapped).toEqual(['g.inner', 'mapped', 'unexpanded']);
  });
});

it('an unknown DAG, run or task is not found by any route that reads something of one', async () => {
  const id = randomUUID();
  const dag = `/api/v2/dags/${id}`;
  const paths = [
    `${dag}/dagVersions`,
    `${dag}/dagVersions/1`,
    `${dag}/dagRuns/r/wait?interval=1`,
    `/api/v2/dags/etl/dagRuns/${id}/wait?interval=1`,
    ...['', '/listMapped', '/tries', '/tries/1', '/links', '/dependencies', '/1', '/1/tries', '/1/tries/1', '/1/dependencies'].flatMap(
      (rest) => [`${dag}/dagRuns/r/taskInstances/plain${rest}`, `${at('plain', id)}${rest}`, `${at(id)}${rest}`],
    ),
  ];
  for (const path of paths) expect([path, (await api.get(path)).status]).toEqual([path, 404]);
});
