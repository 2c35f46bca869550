import { useTestDatabase } from '../support/database';
import { LoginBrake } from '../../webserver/ui/security';
import { safeReturnPath } from '../../webserver/ui/links';
import { startTestWebserver, Visitor } from '../support/web-server';
import type { TestWebserver } from '../support/web-server';

const test = useTestDatabase();
let web: TestWebserver;
beforeAll(async () => (web = await startTestWebserver(test)));
afterAll(() => web.close());

const sessionRows = async (): Promise<number> =>
  (await test.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM web_session')).rows[0]!.n;

describe('signing in', () => {
  it.each(['/', '/dags', '/dags/x', '/dags/x/runs/y', '/dags/x/runs/y/tasks/z', '/dags/x/grid.json', '/admin/config', '/nowhere'])(
    'sends a visitor from %s to the sign-in page',
    async (path) => {
      const response = await new Visitor(web.url).get(path);
      expect(response.status).toBe(303);
      expect(response.headers.get('location')).toMatch(/^\/login/);
    },
  );

  it('answers scripts with 401, as a redirect would be read as an answer', async () => {
    const fragment = await new Visitor(web.url).get('/dags?fragment=1');
    const form = await new Visitor(web.url).post('/dags/x/paused', { paused: 'true' }, { accept: 'application/json' });
    expect([fragment.status, form.status]).toEqual([401, 401]);
  });

  it('leaves no session row for somebody who only looks at the sign-in page', async () => {
    const before = await sessionRows();
    const response = await new Visitor(web.url).get('/login');
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await sessionRows()).toBe(before);
  });

  it('goes back to the page that was asked for', async () => {
    const visitor = new Visitor(web.url);
    const asked = await visitor.get('/dags?state=paused');
    const next = new URL(asked.headers.get('location')!, web.url).searchParams.get('next')!;
    const response = await visitor.post('/login', { username: 'admin', password: 'admin', next });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/dags?state=paused');
    expect((await visitor.get('/dags')).status).toBe(200);
  });

  it('has stored the session by the time that the browser learns where to go', async () => {
    const before = await sessionRows();
    await test.pool.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON web_session FOR EACH ROW EXECUTE FUNCTION slow()`);
    try {
      await new Visitor(web.url).post('/login', { username: 'admin', password: 'admin' });
      expect(await sessionRows()).toBe(before + 1);
    } finally {
      await test.pool.query('DROP FUNCTION slow() CASCADE');
    }
  });

  it.each(['//evil.example', '/\\evil.example', 'https://evil.example', '/ok\n//evil', 'javascript:alert(1)'])(
    'never goes to %j afterwards',
    (path) => {
      expect(safeReturnPath(path, '')).toBe('/');
    },
  );

  it('refuses a wrong password and an unknown user with the same words, and keeps what was typed escaped', async () => {
    const visitor = new Visitor(web.url);
    const wrong = await visitor.post('/login', { username: 'admin', password: 'no' });
    const unknown = await visitor.post('/login', { username: '"><script>x</script>', password: 'no' });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect(await wrong.text()).toContain('Wrong user name or password.');
    const text = await unknown.text();
    expect(text).toContain('Wrong user name or password.');
    expect(text).not.toContain('<script>x');
  });

  it('refuses a sign-in form that another site sent', async () => {
    const visitor = new Visitor(web.url);
    const response = await visitor.post('/login', { username: 'admin', password: 'admin' }, { origin: 'https://evil.example' });
    expect(response.status).toBe(403);
    expect(visitor.cookie('thence.session')).toBeUndefined();
  });

  it('marks its cookie HttpOnly and SameSite=Lax, and gives a new one at each sign-in', async () => {
    const visitor = new Visitor(web.url);
    const first = await visitor.post('/login', { username: 'admin', password: 'admin' });
    const cookie = first.headers.getSetCookie().join();
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Lax/);
    const before = visitor.cookie('thence.session');
    await visitor.post('/login', { username: 'admin', password: 'admin' });
    expect(visitor.cookie('thence.session')).not.toBe(before);
  });

  it('ends the session on signing out', async () => {
    const visitor = await web.visitor();
    const response = await visitor.post('/logout', { _csrf: await visitor.token() });
    expect(response.status).toBe(303);
    expect((await visitor.get('/dags')).status).toBe(303);
  });

  it('slows down guessing: eight failures, then a wait', () => {
    let now = 0;
    const brake = new LoginBrake(() => now);
    for (let i = 0; i < 8; i++) {
      expect(brake.waitMs('a')).toBe(0);
      brake.failed('a');
    }
    expect(brake.waitMs('a')).toBeGreaterThan(0);
    expect(brake.waitMs('b')).toBe(0);
    now += 5 * 60_000;
    expect(brake.waitMs('a')).toBe(0);
  });

  it('answers 429 with the time to wait once the brake holds', async () => {
    const visitor = new Visitor(web.url);
    for (let i = 0; i < 8; i++) await visitor.post('/login', { username: 'guessed', password: 'no' });
    const response = await visitor.post('/login', { username: 'guessed', password: 'no' });
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
