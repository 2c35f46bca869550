import { randomUUID } from 'node:crypto';
import { PostgresExecutionApi } from '../../src/execution-api/postgres-execution-api';
import { isAway } from '../../src/execution-api/while-away';
import { secretsOfConfig } from '../../src/secrets/secrets';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertTaskInstance, insertXcom } from '../support/factories';
import type { RunInput } from '../support/factories';

const db = useTestDatabase();
const gone = { name: 'AttemptGone' };
let api: PostgresExecutionApi;
let run: number;
let dag: Awaited<ReturnType<typeof insertDag>>;
let live: string;
let ended: string;

beforeAll(async () => {
  api = new PostgresExecutionApi({
    pool: db.pool,
    maxXcomBytes: 100,
    commands: { triggerRun: () => Promise.reject(new Error('not here')), clearRun: () => Promise.reject(new Error('not here')) },
    secrets: secretsOfConfig({ variables: { a: '1' }, connections: { c: 'http://h' } }),
  });
  dag = await insertDag(db.pool, { dagId: 'd', tasks: ['one', 'two', 'three'], code: 'the code' });
  run = await runPk({ runId: 'r1', logicalDate: '2026-01-03T00:00:00Z' });
  await insertXcom(db.pool, { run, taskId: 'one', value: { n: 1 } });
  await insertXcom(db.pool, { run, taskId: 'two', value: 'a', mapIndex: 0 });
  await insertXcom(db.pool, { run, taskId: 'two', value: 'b', mapIndex: 1 });
  await insertXcom(db.pool, { run, taskId: 'one', key: 'other', value: 2 });
  live = (await insertTaskInstance(db.pool, { run, taskId: 'three', state: 'running' })).attempt!;
  ended = (await insertTaskInstance(db.pool, { run, taskId: 'one', state: 'success' })).attempt!;
});

const runPk = (input: Omit<RunInput, 'dagId'>) => insertRun(db.pool, { dagId: 'd', ...input });

test('pulls of one moment are answered each with its own, by task, key, map index and run', async () => {
  const other = await runPk({ runId: 'r2', logicalDate: '2026-01-04T00:00:00Z' });
  await insertXcom(db.pool, { run: other, taskId: 'one', value: 'elsewhere' });
  const pull = (query: object) => api.pullXComs(live, { taskIds: ['one', 'two'], key: 'return_value', ...query });
  const [both, key, index, elsewhere, none] = await Promise.all([
    pull({}),
    pull({ key: 'other' }),
    pull({ mapIndexes: [1] }),
    pull({ runId: 'r2' }),
    pull({ runId: 'r9' }),
  ]);
  expect(both.map(({ taskId, mapIndex, value }) => [taskId, mapIndex, value])).toEqual([
    ['one', -1, '{"n":1}'],
    ['two', 0, '"a"'],
    ['two', 1, '"b"'],
  ]);
  expect(key).toEqual([{ taskId: 'one', mapIndex: -1, key: 'other', value: '2' }]);
  expect(index.map(({ value }) => value)).toEqual(['"b"']);
  expect(elsewhere.map(({ value }) => value)).toEqual(['"elsewhere"']);
  expect(none).toEqual([]);
});

test('a callback reads by its own id what its run has, until it is done', async () => {
  const { rows } = await db.pool.query<{ id: string }>(
    `INSERT INTO callback (run, event, version) SELECT pk, 'failure', version FROM dag_run WHERE pk = $1 RETURNING id`,
    [run],
  );
  const { id } = rows[0]!;
  const pull = (query: object) => api.pullXComs(id, { taskIds: ['one', 'two'], key: 'return_value', ...query });
  expect((await pull({})).map(({ value }) => value)).toEqual(['{"n":1}', '"a"', '"b"']);
  expect((await pull({ mapIndexes: [1] })).map(({ value }) => value)).toEqual(['"b"']);
  expect(await pull({ taskIds: ['nobody'] })).toEqual([]);
  await expect(api.pushXCom(id, 'k', '1')).rejects.toMatchObject(gone);
  await db.pool.query('UPDATE callback SET done_at = now() WHERE id = $1', [id]);
  await expect(pull({})).rejects.toMatchObject(gone);
});

test('an attempt that has ended, or never was, is refused', async () => {
  for (const attempt of [ended, randomUUID()]) {
    await expect(api.pullXComs(attempt, { taskIds: ['one'], key: 'return_value' })).rejects.toMatchObject(gone);
    await expect(api.pushXCom(attempt, 'k', '1')).rejects.toMatchObject(gone);
    await expect(api.setRendered(attempt, {})).rejects.toMatchObject(gone);
  }
});

test('pushes are kept, the last one wins, and one over the limit is refused', async () => {
  await api.pushXCom(live, 'k', '1');
  await api.pushXCom(live, 'k', '"\\u0000"');
  expect(await api.pullXComs(live, { taskIds: ['three'], key: 'k' })).toMatchObject([{ value: '"\\u0000"' }]);
  await expect(api.pushXCom(live, 'k', `"${'x'.repeat(100)}"`)).rejects.toThrow('too large: 102 bytes, the limit is 100');
  await expect(api.pushXCom(live, '', '1')).rejects.toThrow('1 to 512 characters');
});

test('rendered templates are kept with the task instance', async () => {
  await api.setRendered(live, { command: 'a' });
  await api.setRendered(live, { command: 'b' });
  const { rows } = await db.pool.query<{ rendered: object }>(
    'SELECT d.rendered FROM ti_detail d JOIN attempt a ON a.ti = d.ti WHERE a.id = $1',
    [live],
  );
  expect(rows).toEqual([{ rendered: { command: 'b' } }]);
});

test('one element of a list, an object or the instances of a mapped task, as it is when it is asked for', async () => {
  const mapped = await runPk({ runId: 'mapped', logicalDate: '2026-01-08T00:00:00Z' });
  const { attempt } = await insertTaskInstance(db.pool, { run: mapped, taskId: 'three', state: 'running', mapIndex: 0 });
  const pull = (taskId: string, index: number) => api.pullMapItem(attempt!, { taskId, index });
  await insertXcom(db.pool, { run: mapped, taskId: 'list', value: [{ n: 1 }, 'two'] });
  await insertXcom(db.pool, { run: mapped, taskId: 'object', value: { a: 1, b: [2] } });
  await insertXcom(db.pool, { run: mapped, taskId: 'number', value: 5 });
  for (const mapIndex of [0, 2, 11]) await insertXcom(db.pool, { run: mapped, taskId: 'fan', value: `of ${mapIndex}`, mapIndex });
  await db.pool.query(`INSERT INTO task_tally (run, task_id, lengths, length, success) VALUES ($1, 'fan', '{12}', 12, 12)`, [mapped]);

  expect(await Promise.all([pull('list', 0), pull('list', 1), pull('object', 1)])).toEqual(['{"n":1}', '"two"', '["b",[2]]']);
  expect(await Promise.all([pull('fan', 0), pull('fan', 1), pull('fan', 2)])).toEqual(['"of 0"', '"of 2"', '"of 11"']);
  for (const [taskId, index] of [
    ['list', 2],
    ['fan', 3],
    ['number', 0],
    ['nobody', 0],
  ] as const)
    await expect(pull(taskId, index)).rejects.toThrow(`task "${taskId}" has no element ${index} to map over`);

  await db.pool.query(`UPDATE xcom SET value = '["new"]', at = clock_timestamp() WHERE run = $1 AND task_id = 'list'`, [mapped]);
  expect(await pull('list', 0)).toBe('"new"');
  await db.pool.query(`DELETE FROM xcom WHERE run = $1 AND task_id = 'fan' AND map_index = 0`, [mapped]);
  await db.pool.query(`UPDATE task_tally SET success = 11, failed = 1 WHERE run = $1`, [mapped]);
  expect(await pull('fan', 0)).toBe('"of 2"');
  await expect(api.pullMapItem(ended, { taskId: 'one', index: 0 })).rejects.toMatchObject(gone);
});

test('a mapped instance keeps its newest label', async () => {
  await api.setMapLabel(live, 'a.csv');
  await api.setMapLabel(live, 'b.csv');
  const { rows } = await db.pool.query('SELECT d.map_label FROM ti_detail d JOIN attempt a ON a.ti = d.ti WHERE a.id = $1', [live]);
  expect(rows).toEqual([{ map_label: 'b.csv' }]);
  await expect(api.setMapLabel(ended, 'x')).rejects.toMatchObject(gone);
});

test('a bundle comes by its hash; an unknown one is an error that is not kept', async () => {
  expect(await api.getBundle(dag.bundleHash)).toMatchObject({ hash: dag.bundleHash, format: 'cjs', code: 'the code', files: {} });
  await expect(api.getBundle('nowhere')).rejects.toThrow('no stored code with the hash nowhere');
  await db.pool.query(`INSERT INTO bundle (hash, format, code, sources) VALUES ('nowhere', 'cjs', 'x', '{}')`);
  expect((await api.getBundle('nowhere')).code).toBe('x');
});

test('previousSuccess is the interval of the newest earlier run that succeeded', async () => {
  expect(await api.previousSuccess(live)).toBeNull();
  const day = (n: number) => `2026-01-0${n}T00:00:00Z`;
  const times = (n: number) => ({ logicalDate: day(n), interval: [day(n), day(n + 1)] as const, runAfter: day(n + 1) });
  await runPk({ runId: 'ok1', state: 'success', ...times(1) });
  await runPk({ runId: 'bad2', state: 'failed', ...times(2) });
  await runPk({ runId: 'ok5', state: 'success', ...times(5) });
  const previous = await api.previousSuccess(live);
  expect(previous).toMatchObject({ start: Date.parse(day(1)), end: Date.parse(day(2)) });
  expect(previous!.endDate).toBeGreaterThanOrEqual(previous!.startDate!);
});

test('variables and connections come from the configuration', async () => {
  expect(await api.getVariable(live, 'A')).toBe('1');
  expect((await api.getConnection(live, 'c'))?.host).toBe('h');
});

test('a database that is away is told from an error of a statement', async () => {
  const refused = await db.pool.query('SELECT 1/0').catch((error: unknown) => error);
  expect(isAway(refused)).toBe(false);
  expect(isAway(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBe(true);
  expect(isAway(Object.assign(new Error('x'), { code: '57P01' }))).toBe(true);
  expect(isAway(new Error('Connection terminated unexpectedly'))).toBe(true);
});
