import { createCommands } from '../../src/commands/create-commands';
import { databaseSecrets } from '../../src/secrets/database-backend';
import { testCipher } from '../support/web';
import { useApi } from './support';

const api = useApi({
  commands: (db) =>
    createCommands({
      database: db.database,
      ledger: {} as never,
      clock: { now: Date.now },
      wakeup: () => undefined,
      cipher: () => testCipher,
    }),
});
beforeEach(() => api.db.pool.query('TRUNCATE variable, audit_log RESTART IDENTITY'));

const at = '/api/v2/variables';
const post = (body: unknown) => api.call('POST', at, { body });
const stored = (key: string) => databaseSecrets({ pool: api.db.pool, cipher: testCipher }).getVariable(key);

it('makes a variable, shows it, changes it and deletes it', async () => {
  const made = await post({ key: 'region', value: 'eu', description: 'where' });
  const shown = { key: 'region', value: 'eu', description: 'where', is_encrypted: true, team_name: null };
  expect([made.status, made.body]).toEqual([201, shown]);
  expect((await api.get(`${at}/region`)).body).toEqual(shown);
  const changed = await api.call('PATCH', `${at}/region`, { body: { key: 'region', value: 'us' } });
  expect([changed.status, changed.body]).toEqual([200, { ...shown, value: 'us' }]);
  const deleted = await api.call('DELETE', `${at}/region`);
  expect([deleted.status, deleted.body]).toEqual([204, '']);
  expect((await api.get(`${at}/region`)).status).toBe(404);
  expect((await api.call('DELETE', `${at}/region`)).status).toBe(404);
  const { rows } = await api.db.pool.query('SELECT actor, via, action FROM audit_log ORDER BY id');
  expect(rows).toEqual(['create', 'update', 'delete'].map((verb) => ({ actor: 'admin', via: 'rest_api', action: `${verb}_variable` })));
});

it('stores JSON as its text', async () => {
  expect((await post({ key: 'list', value: [1, { a: null }] })).body.value).toBe('[1,{"a":null}]');
  expect((await post({ key: 'number', value: 7 })).body.value).toBe('7');
  expect((await post({ key: 'nothing', value: null })).body.value).toBe('null');
});

it('never shows what a sensitive name says is secret, and takes it back unchanged', async () => {
  await post({ key: 'smtp', value: { host: 'h', password: 'p-1' } });
  await post({ key: 'github_token', value: 't-1' });
  const { body } = await api.get(`${at}?order_by=key`);
  expect(body.variables.map((variable: { value: string }) => variable.value)).toEqual(['***', '{"host":"h","password":"***"}']);
  await api.call('PATCH', `${at}/smtp`, { body: { key: 'smtp', value: '{"host":"h2","password":"***"}' } });
  expect(await stored('smtp')).toBe('{"host":"h2","password":"p-1"}');
});

it('lists by page, pattern and order', async () => {
  for (const key of ['a_1', 'b_2', 'a_3']) await post({ key, value: key });
  const keys = async (query: string) => {
    const { body } = await api.get(`${at}?${query}`);
    return [body.variables.map((variable: { key: string }) => variable.key), body.total_entries];
  };
  expect(await keys('')).toEqual([['a_1', 'a_3', 'b_2'], 3]);
  expect(await keys('order_by=-key&limit=2&offset=1')).toEqual([['a_3', 'a_1'], 3]);
  expect(await keys('variable_key_pattern=a_%25')).toEqual([['a_1', 'a_3'], 2]);
  expect((await api.get(`${at}?order_by=size`)).status).toBe(400);
});

it('changes only what the mask names', async () => {
  await post({ key: 'a', value: '1', description: 'first' });
  const body = { key: 'a', value: '2', description: 'second' };
  expect((await api.call('PATCH', `${at}/a?update_mask=description`, { body })).body).toMatchObject({ value: '1', description: 'second' });
  expect((await api.call('PATCH', `${at}/a?update_mask=colour`, { body })).status).toBe(400);
  expect((await api.call('PATCH', `${at}/b`, { body })).status).toBe(400);
  expect((await api.call('PATCH', `${at}/b`, { body: { ...body, key: 'b' } })).status).toBe(404);
});

it('refuses what is there already, and what is wrong, without repeating the value', async () => {
  await post({ key: 'a', value: '1' });
  expect(await post({ key: 'a', value: '2' })).toMatchObject({ status: 409, body: { detail: 'the variable "a" exists already' } });
  const wrong = await post({ key: 'k'.repeat(251), value: 'hunter2', colour: 'red' });
  expect(wrong.status).toBe(422);
  expect(wrong.body.detail.map(({ type, loc }: { type: string; loc: unknown }) => [type, loc])).toEqual([
    ['string_too_long', ['body', 'key']],
    ['extra_forbidden', ['body', 'colour']],
  ]);
  expect(JSON.stringify(wrong.body)).not.toContain('hunter2');
  expect((await post({ key: 'b' })).body.detail[0]).toMatchObject({ type: 'missing', loc: ['body', 'value'] });
});

describe('in bulk', () => {
  const bulk = (...actions: object[]) => api.call('PATCH', at, { body: { actions } });
  const entity = (key: string, value = '1') => ({ key, value });

  it('carries out each action for all its entities or none, and says what became of each', async () => {
    await post(entity('a'));
    const { status, body } = await bulk(
      { action: 'create', entities: [entity('a'), entity('b')] },
      { action: 'create', entities: [entity('c')] },
      { action: 'update', entities: [entity('a', '2'), entity('x')], action_on_non_existence: 'skip' },
      { action: 'delete', entities: ['c', entity('y')], action_on_non_existence: 'skip' },
    );
    expect([status, body]).toEqual([
      200,
      {
        create: { success: ['c'], errors: [{ error: 'the variable "a" exists already', status_code: 409 }] },
        update: { success: ['a'], errors: [] },
        delete: { success: ['c'], errors: [] },
      },
    ]);
    expect([await stored('a'), await stored('b'), await stored('c')]).toEqual(['2', null, null]);
  });

  it('overwrites or skips what exists when asked to, and leaves out what was not asked for', async () => {
    await post(entity('a'));
    expect((await bulk({ action: 'create', entities: [entity('a', '2')], action_on_existence: 'skip' })).body.create.success).toEqual([]);
    expect(await stored('a')).toBe('1');
    expect((await bulk({ action: 'create', entities: [entity('a', '2')], action_on_existence: 'overwrite' })).body).toEqual({
      create: { success: ['a'], errors: [] },
      update: null,
      delete: null,
    });
    expect(await stored('a')).toBe('2');
    expect((await bulk({ action: 'delete', entities: ['a', 'x'] })).body.delete).toEqual({
      success: [],
      errors: [{ error: 'the variable "x" does not exist', status_code: 404 }],
    });
  });

  it('refuses an action that there is not', async () => {
    expect((await bulk({ action: 'rename', entities: [] })).status).toBe(422);
  });
});
