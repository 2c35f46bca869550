import { readdirSync } from 'node:fs';
import path from 'node:path';
import ejs from 'ejs';
import { readFileSync } from 'node:fs';
import { packageRoot } from '../../src/config/package-root';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertTaskInstance, insertXcom } from '../support/factories';
import { fillShowcase } from '../support/ui-fixtures';
import type { MemoryLogs } from '../support/ui-fixtures';
import { startTestWebserver } from '../support/web-server';
import type { TestWebserver, Visitor } from '../support/web-server';

const test = useTestDatabase();
let web: TestWebserver;
let visitor: Visitor;
let logs: MemoryLogs;
beforeAll(async () => {
  ({ logs } = await fillShowcase(test.pool));
  web = await startTestWebserver(test, { logStore: logs });
  visitor = await web.visitor();
});
afterAll(() => web.close());

const views = path.join(packageRoot, 'webserver/views');
const allViews = readdirSync(views, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ejs'));

it.each(allViews)('view %s compiles', (file) => {
  const filename = path.join(views, file);
  expect(() => ejs.compile(readFileSync(filename, 'utf8'), { filename, strict: true, localsName: 'it' })).not.toThrow();
});

/** A page of the run in state `state` of daily_sales, below its address. */
async function runPath(state: string, rest = ''): Promise<string> {
  const { rows } = await test.pool.query<{ run_id: string }>(
    `SELECT run_id FROM dag_run WHERE dag_id = 'daily_sales' AND state = $1 ORDER BY run_after DESC LIMIT 1`,
    [state],
  );
  return `/dags/daily_sales/runs/${encodeURIComponent(rows[0]!.run_id)}${rest}`;
}

describe('every page', () => {
  const pages: (string | (() => Promise<string>))[] = [
    '/', '/dags', '/dags?state=failed&tag=ingest&q=partner', '/dags?page=2', '/dags/daily_sales', '/dags/daily_sales?runs=100&type=manual',
    '/dags/daily_sales/graph', '/dags/daily_sales/graph?run=none&dir=TB&closed=transform', '/dags/model_training/graph?closed=-',
    '/dags/daily_sales/runs', '/dags/daily_sales/runs?state=failed&type=scheduled&q=2026', '/dags/daily_sales/tasks', '/dags/seattle_weather/backfills',
    '/dags/daily_sales/code', '/dags/daily_sales/details', '/dags/daily_sales/audit', '/dags/daily_sales/trigger', '/dags/seattle_weather/trigger',
    '/admin/pools', '/admin/jobs', '/admin/config', '/admin/pools/new', '/admin/pools/default_pool/edit', '/admin/pools/import',
    '/admin/variables', '/admin/variables/new', '/admin/variables/import', '/admin/connections', '/admin/connections/new', '/admin/connections/import',
    () => runPath('running'), () => runPath('queued'), () => runPath('failed', '?view=graph'), () => runPath('success', '?view=details'),
    () => runPath('success', '/tasks/publish'), () => runPath('success', '/tasks/publish?view=xcom'), () => runPath('success', '/tasks/publish?view=templates'),
    () => runPath('running', '/tasks/publish'), () => runPath('failed', '/tasks/join?view=tries'), () => runPath('success', '/tasks/join?view=details'),
  ]; // prettier-ignore

  it.each(pages.map((page) => [typeof page === 'string' ? page : page.toString().slice(6), page] as const))(
    '%s answers',
    async (_name, page) => {
      const response = await visitor.get(typeof page === 'string' ? page : await page());
      const html = await response.text();
      expect({ status: response.status, end: html.trim().slice(-7) }).toEqual({ status: 200, end: '</html>' });
      expect(html).not.toMatch(/undefined|\[object Object\]|NaN/);
      // What the CSP refuses is not even tried.
      expect(html).not.toMatch(/ style="| on[a-z]+="|<style|<script(?! type="module" src=)/);
    },
  );

  it('has a strict CSP and no header that names the software', async () => {
    const { headers } = await visitor.get('/dags');
    const csp = headers.get('content-security-policy')!;
    expect(csp).toContain("default-src 'none'");
    expect(csp).toContain("script-src 'self';");
    expect(csp).toContain("style-src 'self';");
    expect(csp).not.toContain('unsafe-inline');
    expect(csp).not.toContain('upgrade-insecure-requests');
    expect(headers.get('x-powered-by')).toBeNull();
  });

  it('serves its static files for good, under a name that changes with them', async () => {
    const html = await (await visitor.get('/dags')).text();
    const app = /src="([^"]+app\.js)"/.exec(html)![1]!;
    const response = await visitor.get(app);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toMatch(/immutable/);
  });
});

/** As a browser asks: fetch would add "no-cache", which forbids a 304. */
const revalidate = (response: Response): Record<string, string> => ({
  'if-none-match': response.headers.get('etag')!,
  'cache-control': 'max-age=0',
});

describe('pages that look again', () => {
  it('answer 304 while nothing has changed, and say how soon to ask again', async () => {
    for (const address of [
      '/dags?fragment=1',
      '/dags/seattle_weather/details?fragment=1',
      '/dags/model_training/grid.json?runs=10',
      '/admin/pools?fragment=1',
    ]) {
      const first = await visitor.get(address);
      const again = await visitor.get(address, revalidate(first));
      expect({ address, status: again.status }).toEqual({ address, status: 304 });
      expect(Number(again.headers.get('x-live'))).toBeGreaterThan(0);
    }
  });

  it('are other ones once something has', async () => {
    const first = await visitor.get('/dags?fragment=1');
    await insertDag(test.pool, { dagId: 'just_saved' });
    const again = await visitor.get('/dags?fragment=1', revalidate(first));
    expect(again.status).toBe(200);
    const html = await again.text();
    expect(html).toContain('just_saved');
    expect(html).not.toContain('<html');
  });
});

describe('what others wrote', () => {
  const hostile = '</script><img src=x onerror=alert(1)>"\'';

  it('is shown as text: descriptions, owners, docs, conf, notes, XComs, import errors, logs', async () => {
    await insertDag(test.pool, {
      dagId: 'hostile',
      description: hostile,
      owner: hostile,
      docMd: `<script>alert(1)</script> [x](javascript:alert(1)) ${hostile}`,
      tags: [hostile],
    });
    const run = await insertRun(test.pool, {
      dagId: 'hostile',
      runId: 'manual__2026-01-01T00:00:00+00:00~.:x',
      state: 'failed',
      conf: { hostile },
      note: hostile,
    });
    await insertTaskInstance(test.pool, { run, taskId: 'a', state: 'failed' });
    await test.pool.query('UPDATE attempt SET error = $1 WHERE ti = (SELECT pk FROM task_instance WHERE run = $2)', [
      JSON.stringify({ message: hostile }),
      run,
    ]);
    await insertXcom(test.pool, { run, taskId: 'a', value: hostile });
    await insertXcom(test.pool, { run, taskId: 'a', key: 'svg', value: `<svg onload="alert(1)">${hostile}</svg>` });
    await test.pool.query(`INSERT INTO import_error (file_path, message, stack_trace, frame) VALUES ($1, $1, $1, $1)`, [hostile]);
    const below = `/dags/hostile/runs/${encodeURIComponent('manual__2026-01-01T00:00:00+00:00~.:x')}`;
    for (const address of [
      '/',
      '/dags',
      '/dags/hostile',
      '/dags/hostile/details',
      below,
      `${below}?view=details`,
      `${below}/tasks/a`,
      `${below}/tasks/a?view=xcom`,
      `${below}/tasks/a?view=tries`,
    ]) {
      const response = await visitor.get(address);
      expect({ address, status: response.status }).toEqual({ address, status: 200 });
      const html = await response.text();
      expect(html).not.toContain('<img src=x');
      expect(html).not.toContain('<script>alert');
      expect(html).not.toContain('href="javascript:');
      expect(html).not.toContain('<svg onload');
    }
  });

  it('keeps ids with :, + and ~ whole on the way through links', async () => {
    const html = await (await visitor.get('/dags/hostile/runs')).text();
    expect(html).toContain('/dags/hostile/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00~.%3Ax');
  });

  it('an SVG output is an image by data URI, which runs nothing', async () => {
    const html = await (await visitor.get(await runPath('success', '/tasks/publish?view=xcom'))).text();
    expect(html).toMatch(/<img src="data:image\/svg\+xml;base64,/);
  });
});

describe('logs', () => {
  it('come in pieces, from where the last one ended', async () => {
    const address = await runPath('success', '/tasks/extract_orders/log.json?from=');
    const first = (await (await visitor.get(`${address}0`)).json()) as { lines: unknown[]; next: number; done: boolean };
    expect(first.lines.length).toBeGreaterThan(10);
    const rest = (await (await visitor.get(`${address}${first.next}`)).json()) as typeof first;
    expect(rest).toEqual({ lines: [], next: first.next, done: true });
  });

  it('of a running task are not done', async () => {
    const { rows } = await test.pool.query<{ task_id: string }>(
      `SELECT task_id FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE r.dag_id = 'daily_sales' AND t.state = 'running'`,
    );
    const page = await visitor.get(await runPath('running', `/tasks/${rows[0]!.task_id}/log.json`));
    expect(await page.json()).toMatchObject({ done: false });
  });

  it('download as plain text with a harmless name', async () => {
    const response = await visitor.get(await runPath('success', '/tasks/extract_orders/log.txt?download=1'));
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename=[\w.-]+$/);
    expect(await response.text()).toMatch(/^\d{4}-\d\d-\d\dT.* INFO {2}try/);
  });
});

describe('addresses that lead nowhere', () => {
  it.each([
    ['/dags/daily_sale', 'daily_sales'],
    ['/dags/daily_sales/runs/nope', 'has no run'],
    ['/nowhere', 'There is no page'],
  ])('%s is a page of its own with 404', async (address, text) => {
    const response = await visitor.get(address);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain(text);
  });
});

it('says with /healthz and /metrics how it is, without a session', async () => {
  const health = await fetch(`${web.url}/healthz`);
  const metrics = await fetch(`${web.url}/metrics`);
  expect([health.status, metrics.status]).toEqual([200, 200]);
  expect(await metrics.text()).toContain('thence_up 1');
});

describe('below a path of a host', () => {
  it('every link, form and cookie has the prefix', async () => {
    const prefixed = await startTestWebserver(test, { config: { baseUrl: 'http://host.example/thence' }, logStore: logs });
    try {
      const login = await fetch(`${prefixed.url}/thence/login`, {
        method: 'POST', body: new URLSearchParams({ username: 'admin', password: 'admin' }), redirect: 'manual',
      }); // prettier-ignore
      expect(login.headers.get('location')).toBe('/thence/');
      expect(login.headers.getSetCookie().join()).toContain('Path=/thence');
      const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
      const html = await (await fetch(`${prefixed.url}/thence/dags`, { headers: { cookie } })).text();
      const addresses = [...html.matchAll(/(?:href|src|action)="(\/[^"]*)"/g)].map((match) => match[1]!);
      expect(addresses.length).toBeGreaterThan(20);
      expect(addresses.filter((address) => !address.startsWith('/thence/'))).toEqual([]);
    } finally {
      await prefixed.close();
    }
  });
});
