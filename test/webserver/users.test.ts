import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createAuth } from '../../src/auth/create-auth';
import { hashPassword } from '../../src/auth/password';
import { useTestDatabase } from '../support/database';
import { testConfig } from '../support/config';
import { startTestWebserver, Visitor, type TestWebserver } from '../support/web-server';

const test = useTestDatabase();
const { home } = testConfig();
let web: TestWebserver;
let visitor: Visitor;
let token: string;
beforeAll(async () => {
  const auth = createAuth({ pool: test.pool, secretKey: 'a key for tests' });
  web = await startTestWebserver(test, { config: { home, adminPassword: 'from outside' }, auth });
});
afterAll(() => web.close());
beforeEach(async () => {
  await test.pool.query('TRUNCATE dag_favorite, app_user, web_session, audit_log');
  await test.pool.query("INSERT INTO app_user (username, password_hash, role) VALUES ('admin', $1, 'admin')", [
    await hashPassword('admin'),
  ]);
  visitor = await web.visitor();
  token = await visitor.token();
});

const send = (to: string, form: Record<string, string> = {}) => visitor.post(`/admin/users/${to}`, { _csrf: token, ...form });
const page = async (to: string, as = visitor) => (await as.get(to)).text();
const signIn = async (username: string, password: string) => {
  const one = new Visitor(web.url);
  await one.post('/login', { username, password });
  return one;
};
const isSignedIn = async (one: Visitor) => (await one.get('/admin/users')).status === 200;
const users = async () => (await test.pool.query('SELECT username FROM app_user ORDER BY 1')).rows.map((row: { username: string }) => row.username); // prettier-ignore
const audited = async () => (await test.pool.query('SELECT actor, via, action, details FROM audit_log ORDER BY id')).rows as object[];
const twice = (password: string) => ({ password, again: password });

it.each(['new', 'admin/edit', 'admin/delete'])(
  'a form without its token is refused at %s, and nobody who is not signed in sees users',
  async (to) => {
    expect((await visitor.post(`/admin/users/${to}`, { username: 'ada', ...twice('long enough') })).status).toBe(403);
    const stranger = new Visitor(web.url);
    expect((await stranger.get(`/admin/users/${to}`)).headers.get('location')).toContain('/login');
    expect((await stranger.post(`/admin/users/${to}`, { username: 'ada', ...twice('long enough') })).status).not.toBe(200);
    expect(await users()).toEqual(['admin']);
  },
);

it('users are made, sign in, get another password and are deleted, and the audit log has it without passwords', async () => {
  const made = await send('new', { username: 'ada', ...twice(' with spaces ') });
  expect([made.status, made.headers.get('location')]).toEqual([303, '/admin/users']);
  const ada = await signIn('ada', ' with spaces ');
  expect(await page('/admin/users')).toMatch(/user-ada[\s\S]*User ada is created\./);
  expect(await page('/admin/users', ada)).toMatch(/ada<\/a> <span class="faint small">you/);

  expect((await send('ada/edit', twice('the second one'))).status).toBe(303);
  expect(await isSignedIn(ada)).toBe(false);
  expect(await isSignedIn(await signIn('ada', ' with spaces '))).toBe(false);
  const again = await signIn('ada', 'the second one');
  expect(await isSignedIn(again)).toBe(true);

  expect((await send('ada/delete')).status).toBe(303);
  expect([await users(), await isSignedIn(again)]).toEqual([['admin'], false]);
  expect(await audited()).toEqual([
    { actor: 'admin', via: 'ui', action: 'create_user', details: { username: 'ada', role: 'admin' } },
    { actor: 'admin', via: 'ui', action: 'reset_password', details: { username: 'ada' } },
    { actor: 'admin', via: 'ui', action: 'delete_user', details: { username: 'ada' } },
  ]);
});

it('who changes the own password stays signed in here and nowhere else; the file of the generated one goes', async () => {
  mkdirSync(home, { recursive: true });
  const file = path.join(home, 'admin-password');
  writeFileSync(file, 'generated');
  const elsewhere = await signIn('admin', 'admin');
  expect(await page('/admin/users/admin/edit')).toContain('THENCE_ADMIN_PASSWORD');
  expect((await send('admin/edit', twice('another one'))).status).toBe(303);
  expect([await isSignedIn(visitor), await isSignedIn(elsewhere)]).toEqual([true, false]);
  expect(await isSignedIn(await signIn('admin', 'another one'))).toBe(true);
  expect(existsSync(file)).toBe(false);
});

it.each([
  ['new', { username: 'a b', ...twice('long enough') }, 422, 'is no name of a user'],
  ['new', { username: 'admin', ...twice('long enough') }, 409, 'exists already'],
  ['new', { username: '<ada>', password: 'long enough', again: 'long enuogh' }, 422, 'The two passwords are not the same.'],
  ['admin/edit', twice('short'), 422, 'at least 8 characters'],
])('what is refused is said above the form, which keeps no password: %s %j', async (to, form, status, sentence) => {
  const response = await send(to, form);
  const html = await response.text();
  expect([response.status, html]).toEqual([status, expect.stringContaining(sentence)]);
  expect(html).not.toMatch(/long en|short/);
  if (form.password !== form.again) expect(html).toContain('value="&lt;ada&gt;"');
  expect([await users(), await audited()]).toEqual([['admin'], []]);
});

it('nobody deletes the own user, and a user who is not there is said to be so', async () => {
  expect(await page('/admin/users')).not.toContain('/admin/users/admin/delete');
  expect((await send('admin/delete')).status).toBe(409);
  for (const answer of [await visitor.get('/admin/users/ada/edit'), await send('ada/edit', twice('long enough')), await send('ada/delete')])
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringMatching(/no user (&#34;|&quot;)ada/)]);
  expect(await users()).toEqual(['admin']);
});
