import { createCommands } from '../../src/commands/create-commands';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { insertDag, insertRun, insertTaskInstance, insertXcom } from '../support/factories';
import { eventually } from '../support/eventually';
import { useApi } from './support';

let ledger: PostgresLedger;
const api = useApi({
  config: { maxXcomBytes: 100 },
  commands: (db) => {
    ledger = new PostgresLedger({ url: db.url });
    return createCommands({ database: db.database, ledger, clock: { now: () => Date.now() }, wakeup: () => undefined });
  },
});
afterAll(() => ledger.close());

beforeAll(async () => {
  const { pool } = api.db;
  await insertDag(pool, { dagId: 'etl', tasks: ['extract', 'mapped'] });
  const run = await insertRun(pool, { dagId: 'etl', runId: 'r', logicalDate: '2026-01-01' });
  await insertTaskInstance(pool, { run, taskId: 'extract', state: 'success' });
  for (const mapIndex of [0, 1]) await insertTaskInstance(pool, { run, taskId: 'mapped', mapIndex, state: 'success' });
});
beforeEach(async () => {
  await api.db.pool.query('TRUNCATE xcom, audit_log');
  const { rows } = await api.db.pool.query<{ pk: number }>('SELECT pk FROM dag_run');
  await insertXcom(api.db.pool, { run: rows[0]!.pk, taskId: 'extract', key: 'old', value: { rows: 1 } });
});

const at = (task = 'extract', run = 'r', dag = 'etl') => `/api/v2/dags/${dag}/dagRuns/${run}/taskInstances/${task}/xcomEntries`;
const audit = async () =>
  (await api.db.pool.query('SELECT actor, via, action, dag_id, run_id, task_id, map_index, details FROM audit_log')).rows;

describe('a new XCom', () => {
  it.each([{ a: [1, 'ü', null] }, 'text', 0, false, null, []])('takes %j as its value, and is answered as it is read', async (value) => {
    const { status, body } = await api.call('POST', at(), { body: { key: 'new/one', value } });
    expect(status).toBe(201);
    expect(body).toMatchObject({ key: 'new/one', value, dag_id: 'etl', run_id: 'r', task_id: 'extract', map_index: -1 });
    expect((await api.get(`${at()}/new%2Fone`)).body).toEqual(body);
  });

  it('is written into the audit log, without its value', async () => {
    await api.call('POST', at('mapped'), { body: { key: 'k', value: 'v', map_index: 1 } });
    expect(await audit()).toEqual([
      { actor: 'admin', via: 'rest_api', action: 'create_xcom', dag_id: 'etl', run_id: 'r', task_id: 'mapped', map_index: 1, details: { key: 'k' } },
    ]); // prettier-ignore
    expect((await api.get(`${at('mapped')}/k?map_index=1`)).body.value).toBe('v');
    expect((await api.get(`${at('mapped')}/k?map_index=0`)).status).toBe(404);
  });

  it('replaces none', async () => {
    const { status, body } = await api.call('POST', at(), { body: { key: 'old', value: 2 } });
    expect([status, body.detail]).toEqual([409, expect.stringContaining('has the XCom "old" already')]);
    expect((await api.get(`${at()}/old`)).body.value).toEqual({ rows: 1 });
    expect(await audit()).toEqual([]);
  });

  it.each([
    ['no DAG', at('extract', 'r', 'none'), {}, 404],
    ['no run', at('extract', 'none'), {}, 404],
    ['no task', at('none'), {}, 404],
    ['a mapped task without an index', at('mapped'), {}, 404],
    ['no instance', at('mapped'), { map_index: 2 }, 404],
    ['no value', at(), { value: undefined }, 422],
    ['an empty key', at(), { key: '' }, 422],
    ['a key that is too long', at(), { key: 'x'.repeat(513) }, 422],
    ['a NUL in its key', at(), { key: 'a\0b' }, 422],
    ['a value that is too large', at(), { value: 'x'.repeat(99) }, 422],
    ['an index that is none', at(), { map_index: -2 }, 422],
    ['an unknown field', at(), { execution_date: '2026-01-01' }, 422],
  ])('is refused with %s', async (_what, path, change, status) => {
    expect((await api.call('POST', path, { body: { key: 'k', value: 1, ...change } })).status).toBe(status);
    expect(await audit()).toEqual([]);
  });
});

it('an XCom of a run that is just being deleted waits for that, and is not found then', async () => {
  const run = await insertRun(api.db.pool, { dagId: 'etl', runId: 'leaving' });
  await insertTaskInstance(api.db.pool, { run, taskId: 'extract', state: 'success' });
  const deleting = await api.db.pool.connect();
  try {
    await deleting.query('BEGIN');
    await deleting.query('SELECT FROM dag_run WHERE pk = $1 FOR UPDATE', [run]);
    const answer = api.call('POST', at('extract', 'leaving'), { body: { key: 'k', value: 1 } });
    await eventually(async () => {
      const { rows } = await api.db.pool.query(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
      );
      expect(rows).toHaveLength(1);
    });
    await deleting.query('DELETE FROM dag_run WHERE pk = $1', [run]);
    await deleting.query('COMMIT');
    expect((await answer).status).toBe(404);
  } finally {
    deleting.release();
  }
});

describe('changing an XCom', () => {
  it('replaces its value, and is audited', async () => {
    const { status, body } = await api.call('PATCH', `${at()}/old`, { body: { value: [2] } });
    expect([status, body.value]).toEqual([200, [2]]);
    expect((await api.get(`${at()}/old`)).body).toEqual(body);
    expect(await audit()).toMatchObject([{ actor: 'admin', action: 'update_xcom', task_id: 'extract', details: { key: 'old' } }]);
  });

  it.each([
    [`${at()}/none`, { value: 1 }, 404],
    [`${at('none')}/old`, { value: 1 }, 404],
    [`${at()}/old`, { value: 1, map_index: 0 }, 404],
    [`${at()}/old`, {}, 422],
    [`${at()}/old`, { value: 'x'.repeat(99) }, 422],
    [`${at()}/old`, { value: 1, key: 'new' }, 422],
  ])('%s with %j is refused', async (path, body, status) => {
    expect((await api.call('PATCH', path, { body })).status).toBe(status);
    expect((await api.get(`${at()}/old`)).body.value).toEqual({ rows: 1 });
    expect(await audit()).toEqual([]);
  });
});

describe('deleting an XCom', () => {
  it('leaves no body and none behind, and is audited', async () => {
    const { status, body } = await api.call('DELETE', `${at()}/old`);
    expect([status, body]).toEqual([204, '']);
    expect((await api.get(`${at()}/old`)).status).toBe(404);
    expect((await api.call('DELETE', `${at()}/old`)).status).toBe(404);
    expect(await audit()).toMatchObject([{ action: 'delete_xcom', details: { key: 'old' } }]);
  });

  it('is of one instance', async () => {
    for (const map_index of [0, 1]) await api.call('POST', at('mapped'), { body: { key: 'k', value: map_index, map_index } });
    expect((await api.call('DELETE', `${at('mapped')}/k`)).status).toBe(404);
    expect((await api.call('DELETE', `${at('mapped')}/k?map_index=0`)).status).toBe(204);
    expect((await api.get(`${at('mapped')}/k?map_index=1`)).body.value).toBe(1);
    expect((await api.call('DELETE', `${at('mapped')}/k?map_index=x`)).status).toBe(422);
  });
});

it('values are read and written by people who are signed in only', async () => {
  for (const [method, path] of [
    ['POST', at()],
    ['PATCH', `${at()}/old`],
    ['DELETE', `${at()}/old`],
  ] as const)
    // prettier-ignore
    expect((await api.call(method, path, { headers: { Authorization: '' }, body: { key: 'k', value: 1 } })).status).toBe(401);
  expect((await api.get(at())).body.total_entries).toBe(1);
});
