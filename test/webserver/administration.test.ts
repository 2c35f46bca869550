import { databaseSecrets } from '../../src/secrets/database-backend';
import { useTestDatabase } from '../support/database';
import { startTestWebserver, type TestWebserver, type Visitor } from '../support/web-server';
import { testCipher } from '../support/web';

const test = useTestDatabase();
let web: TestWebserver;
let visitor: Visitor;
let token: string;
beforeAll(async () => {
  web = await startTestWebserver(test, { config: { testConnection: true } });
  visitor = await web.visitor();
  token = await visitor.token();
});
afterAll(() => web.close());
beforeEach(async () => {
  await test.pool.query('TRUNCATE variable, connection');
  web.commands.calls.splice(0);
});

const secrets = () => databaseSecrets({ pool: test.pool, cipher: testCipher });
const send = (path: string, form: Record<string, string>, headers?: Record<string, string>) =>
  visitor.post(path, { _csrf: token, ...form }, headers);
const page = async (path: string) => (await visitor.get(path)).text();
const sentOn = async (response: Promise<Response>) => [(await response).status, (await response).headers.get('location')];

it.each([
  'variables/new',
  'variables/a/edit',
  'variables/a/delete',
  'variables/import',
  'connections/new',
  'connections/a/edit',
  'connections/a/delete',
  'connections/import',
  'pools/new',
  'pools/a/edit',
  'pools/a/delete',
  'pools/import',
])('a form without its token is refused at %s', async (path) => {
  expect((await visitor.post(`/admin/${path}`, { key: 'a', value: '1' })).status).toBe(403);
  expect(web.commands.calls).toEqual([]);
});

describe('variables', () => {
  it('are made, shown masked, changed and deleted', async () => {
    expect(await page('/admin/variables')).toContain('No variables yet');
    expect(await sentOn(send('/admin/variables/new', { key: 'a/b token', value: 'hunter2\r\nline', description: 'what for' }))).toEqual([
      303,
      '/admin/variables',
    ]);
    expect(await secrets().getVariable('a/b token')).toBe('hunter2\nline');
    const list = await page('/admin/variables');
    expect(list).toContain('Variable a/b token is created.');
    expect(list).not.toContain('hunter2');
    const edit = await page('/admin/variables/a%2Fb%20token/edit');
    expect(edit).toMatch(/<textarea[^>]*>\*\*\*<\/textarea>/);
    expect(await sentOn(send('/admin/variables/a%2Fb%20token/edit', { value: '***', description: 'else' }))).toEqual([
      303,
      '/admin/variables',
    ]);
    expect(await secrets().getVariable('a/b token')).toBe('hunter2\nline');
    expect(await sentOn(send('/admin/variables/a%2Fb%20token/delete', {}))).toEqual([303, '/admin/variables']);
    expect(await secrets().getVariable('a/b token')).toBeNull();
  });

  it('that are refused are said so above the form, with what was typed', async () => {
    await send('/admin/variables/new', { key: 'a', value: '1' });
    const response = await send('/admin/variables/new', { key: 'a', value: ' <b>2</b>' });
    const html = await response.text();
    expect(response.status).toBe(409);
    expect(html).toContain('the variable &#34;a&#34; exists already');
    expect(html).toMatch(/<textarea[^>]*> &lt;b&gt;2&lt;\/b&gt;<\/textarea>/);
    expect((await visitor.get('/admin/variables/nope/edit')).status).toBe(404);
    expect((await send('/admin/variables/nope/edit', { value: '1' })).status).toBe(404);
  });

  it('are searched by key and description', async () => {
    await send('/admin/variables/new', { key: 'region', value: '1', description: 'Where' });
    await send('/admin/variables/new', { key: 'limit', value: '1' });
    expect(await page('/admin/variables?q=WHERE')).not.toContain('variable-limit');
    expect(await page('/admin/variables?q=WHERE')).toContain('variable-region');
    expect(await page('/admin/variables?q=nothing')).toContain('No variable matches');
  });

  it('of another key are shown as such beside the others', async () => {
    await send('/admin/variables/new', { key: 'a', value: '1' });
    await send('/admin/variables/new', { key: 'b', value: '2' });
    await test.pool.query("UPDATE variable SET value = replace(value, $1, '00000000') WHERE key = 'a'", [testCipher.keyId]);
    expect(await page('/admin/variables')).toMatch(/variable-a[\s\S]*cannot be read[\s\S]*variable-b/);
    expect(await page('/admin/variables/a/edit')).toContain('it was encrypted with the secret key 00000000');
  });

  it('are exported without secrets, and imported again without losing them', async () => {
    await send('/admin/variables/new', { key: 'smtp', value: '{"host":"h","password":"p-1"}' });
    const response = await visitor.get('/admin/variables/export');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename=variables.json');
    const text = await response.text();
    expect(JSON.parse(text)).toEqual({ smtp: { host: 'h', password: '***' } });
    const changed = text.replace('"h"', '"h2"').replace('{\n', '{\n "new": "1",\n');
    expect(await sentOn(send('/admin/variables/import', { text: changed, if_exists: 'overwrite' }))).toEqual([303, '/admin/variables']);
    expect(await page('/admin/variables')).toContain('1 created, 1 updated, 0 skipped.');
    expect(await secrets().getVariable('smtp')).toBe('{"host":"h2","password":"p-1"}');
    const wrong = await send('/admin/variables/import', { text: '{"a":', if_exists: 'fail' });
    expect([wrong.status, await wrong.text()]).toEqual([422, expect.stringContaining('This is not valid JSON.')]);
  });
});

describe('connections', () => {
  const db = {
    id: 'db',
    type: 'postgres',
    host: 'h',
    port: '5432',
    login: 'me',
    password: 'p-1',
    schema: 's',
    extra: '{"token":"t-1"}',
    description: 'sales',
  };

  it('are made, shown without their secrets, changed and deleted', async () => {
    expect(await page('/admin/connections')).toContain('No connections yet');
    expect(await sentOn(send('/admin/connections/new', db))).toEqual([303, '/admin/connections']);
    expect((await page('/admin/connections')) + (await page('/admin/connections/db/edit'))).not.toMatch(/p-1|t-1/);
    expect(await page('/admin/connections/db/edit')).toMatch(/name="password" type="password" value="\*\*\*"/);
    await send('/admin/connections/db/edit', { ...db, host: 'h2', password: '***', extra: '{"token":"***"}' });
    expect(await secrets().getConnection('db')).toMatchObject({ host: 'h2', port: 5432, password: 'p-1', extra: { token: 't-1' } });
    await send('/admin/connections/db/edit', { ...db, password: '', extra: '' });
    expect(await secrets().getConnection('db')).toMatchObject({ password: null, extra: {} });
    expect(await sentOn(send('/admin/connections/db/delete', {}))).toEqual([303, '/admin/connections']);
  });

  it.each([
    [{ port: 'x' }, 'The port has to be a whole number'],
    [{ extra: '{"token": "t-1"' }, 'Extra has to be a JSON object'],
    [{ id: 'a b' }, 'is no id of a connection'],
  ])('that are refused say why, and no typed secret comes back: %j', async (change, message) => {
    const response = await send('/admin/connections/new', { ...db, ...change });
    const html = await response.text();
    expect([response.status, html]).toEqual([422, expect.stringContaining(message)]);
    expect(html).not.toContain('p-1');
    expect(html).toContain('Type it again: a password is never sent back.');
  });

  it('are tested without being stored, with or without scripts', async () => {
    const form = { ...db, type: 'mysql', intent: 'test' };
    const answer = await send('/admin/connections/new', form, { accept: 'application/json' });
    expect(await answer.json()).toEqual({ isGood: false, text: expect.stringContaining('"mysql" cannot be tested') });
    expect(await (await send('/admin/connections/new', form)).text()).toContain('cannot be tested');
    expect(await secrets().getConnection('db')).toBeNull();
  });

  it('are exported without secrets, and imported as URIs too', async () => {
    await send('/admin/connections/new', db);
    expect(await (await visitor.get('/admin/connections/export')).json()).toEqual({
      db: {
        conn_type: 'postgres',
        description: 'sales',
        host: 'h',
        port: 5432,
        login: 'me',
        schema: 's',
        password: '***',
        extra: { token: '***' },
      },
    });
    await send('/admin/connections/import', { text: '{"web":"https://me:p@api.example.com"}', if_exists: 'skip' });
    expect(await secrets().getConnection('web')).toMatchObject({ type: 'https', password: 'p' });
    const wrong = await send('/admin/connections/import', { text: '{"web":"hunter2 hunter2"}', if_exists: 'skip' });
    expect(await wrong.text()).toContain('is neither JSON nor a URI');
  });
});

describe('pools', () => {
  afterEach(() => test.pool.query("DELETE FROM pool WHERE name <> 'default_pool'"));
  const stored = async () =>
    (await test.pool.query("SELECT slots, description, include_deferred FROM pool WHERE name = 'api'")).rows[0] as object;

  it('are made, changed and deleted', async () => {
    await send('/admin/pools/new', { name: 'api', slots: '4', description: 'calls', include_deferred: 'true' });
    expect(await stored()).toEqual({ slots: 4, description: 'calls', include_deferred: true });
    expect(await page('/admin/pools/api/edit')).toMatch(/name="slots" value="4"[\s\S]*name="include_deferred" value="true" checked/);
    await send('/admin/pools/api/edit', { slots: '-1', description: '' });
    expect(await stored()).toEqual({ slots: -1, description: null, include_deferred: false });
    expect(await page('/admin/pools')).toMatch(/pool-api[\s\S]*no limit/);
    await send('/admin/pools/api/delete', {});
    expect(await stored()).toBeUndefined();
  });

  it('that are refused say why; the default one cannot be deleted', async () => {
    const wrong = await send('/admin/pools/new', { name: 'api', slots: 'many' });
    expect([wrong.status, await wrong.text()]).toEqual([422, expect.stringContaining('&#34;many&#34; was given')]);
    expect(await page('/admin/pools')).not.toContain('/admin/pools/default_pool/delete');
    expect((await send('/admin/pools/default_pool/delete', {})).status).toBe(422);
  });

  it('are exported and imported', async () => {
    const exported = await (await visitor.get('/admin/pools/export')).text();
    expect(JSON.parse(exported)).toEqual({ default_pool: { slots: 128, description: 'Default pool', include_deferred: false } });
    await send('/admin/pools/import', { text: '{"api":{"slots":2}}', if_exists: 'overwrite' });
    expect(await stored()).toEqual({ slots: 2, description: null, include_deferred: false });
  });
});
