/** The interface in a real browser: every step a person takes, and no error on the console on the way. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { fillMapped } from '../support/ui-mapped-fixtures';
import { fillShowcase } from '../support/ui-fixtures';
import type { MemoryLogs } from '../support/ui-fixtures';
import { startTestWebserver } from '../support/web-server';
import type { TestWebserver } from '../support/web-server';

const test = useTestDatabase();
let web: TestWebserver;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let logs: MemoryLogs;
const problems: string[] = [];

beforeAll(async () => {
  ({ logs } = await fillShowcase(test.pool));
  web = await startTestWebserver(test, { logStore: logs });
  browser = await launchBrowser();
  context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  await page.goto(`${web.url}/dags`);
  await page.fill('#username', 'admin');
  await page.fill('#password', 'admin');
  await page.click('text=Sign in >> nth=-1');
  await page.waitForURL('**/dags');
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await web?.close();
});
afterEach(() => expect(problems.splice(0)).toEqual([]));

const show = (path: string): Promise<unknown> => page.goto(web.url + path);

describe('the DAG list', () => {
  beforeEach(() => show('/dags'));

  it('shows a newly saved DAG by itself, and leaves what the reader opened as it was', async () => {
    await page.click('.import-errors > summary');
    await insertDag(test.pool, { dagId: 'a_new_one', description: 'hello' });
    await page.waitForSelector('a:text-is("a_new_one")');
    expect(await page.getAttribute('.import-errors', 'open')).not.toBeNull();
  });

  it('filters while one types, keeps the focus, and has an address for it', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type('partner_07');
    await page.waitForSelector('.dag-list .dag-row:only-child >> text=ingest.partner_07');
    expect(page.url()).toContain('q=partner_07');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('q');
    await page.goBack();
    await page.waitForSelector('a:text-is("daily_sales")');
  });

  it('pauses with the switch, without leaving the page', async () => {
    const control = page.locator('[data-key="dag-hourly_metrics"] [role=switch]');
    expect(await control.getAttribute('aria-checked')).toBe('true');
    await control.click();
    await page.waitForSelector('[data-key="dag-hourly_metrics"] [role=switch][aria-checked=false]');
    await page.waitForSelector('.toast >> text=hourly_metrics is paused');
    expect(web.commands.calls.at(-1)).toMatchObject({ command: 'setPaused', request: { dagId: 'hourly_metrics', paused: true } });
  });

  it('makes a favorite with the star, by keyboard, and shows only those', async () => {
    await test.pool.query("INSERT INTO app_user (username, password_hash, role) VALUES ('admin', '', 'admin') ON CONFLICT DO NOTHING");
    const star = '[data-key="dag-hourly_metrics"] .star';
    await page.focus(star);
    await page.keyboard.press('Enter');
    await page.waitForSelector(`${star}[aria-pressed=true]`);
    await page.waitForSelector(`${star}:focus`);
    await page.click('nav[aria-label=Filter] >> text=Favorites');
    await page.waitForSelector('.dag-list .dag-row:only-child >> text=hourly_metrics');
  });

  it('triggers from a dialog with the form of the params', async () => {
    await page.click('[data-key="dag-daily_sales"] a[data-dialog]');
    await page.selectOption('dialog [name="param.region"]', { label: 'us' });
    await page.fill('dialog [name="param.limit"]', '250');
    await page.click('dialog >> text=Trigger run');
    await page.waitForSelector('.toast >> text=is queued');
    expect(web.commands.calls.at(-1)).toMatchObject({
      command: 'triggerRun',
      request: { dagId: 'daily_sales', conf: { region: 'us', limit: 250 } },
    });
    expect(await page.locator('dialog[open]').count()).toBe(0);
  });
});

describe('the grid', () => {
  it('has a cell for each task and run, and its groups close', async () => {
    await show('/dags/daily_sales');
    await page.waitForSelector('a.cell');
    expect(await page.locator('.grid-run').count()).toBe(25);
    expect(await page.locator('.grid-row.is-task').count()).toBe(9);
    // The page's own refresh leaves alone what the script has shown.
    await page.waitForResponse((response) => response.url().includes('fragment=1'));
    await page.click('.grid-row.is-group button >> nth=0');
    await eventually(async () => (await page.locator('.grid-row.is-task').count()) === 6);
    await page.click('text=Expand');
    await eventually(async () => (await page.locator('.grid-row.is-task').count()) === 9);
  });

  it('follows a state as it changes, and goes with the arrow keys', async () => {
    const { pk } = await insertDag(test.pool, { dagId: 'followed', tasks: ['one', 'two'], edges: [['one', 'two']] }).then(async () => {
      const run = await insertRun(test.pool, { dagId: 'followed', runId: 'r1', state: 'running' });
      await insertTaskInstance(test.pool, { run, taskId: 'two' });
      return insertTaskInstance(test.pool, { run, taskId: 'one', state: 'running' });
    });
    await show('/dags/followed');
    await page.waitForSelector('a.cell.s-running');
    await test.pool.query(`UPDATE task_instance SET state = 'success', end_date = clock_timestamp() WHERE pk = $1`, [pk]);
    await page.waitForSelector('a.cell.s-success');
    await page.focus('a.cell.s-success');
    await page.keyboard.press('ArrowDown');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('two: No status');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/dags/followed/runs/r1/tasks/two');
  });
});

describe('the graph', () => {
  it('draws tasks and open groups, colours them by state, and opens and closes groups in place', async () => {
    await show('/dags/daily_sales/graph');
    await page.waitForSelector('.graph .node.s-success');
    expect(await page.locator('.graph .box').count()).toBe(2);
    await page.click('.graph .box a >> nth=0');
    await page.waitForSelector('.graph .node:has-text("3 tasks"), .graph .node:has-text("2 tasks")');
    expect(await page.locator('.graph .box').count()).toBe(1);
    await page.click('.graph .node:has-text("tasks")');
    await eventually(async () => (await page.locator('.graph .box').count()) === 2);
  });

  it('zooms with its buttons', async () => {
    const box = (): Promise<string | null> => page.getAttribute('svg.graph', 'viewBox');
    const before = await box();
    await page.click('[data-graph=in]');
    expect(await box()).not.toBe(before);
    await page.click('[data-graph=fit]');
    expect(await box()).toBe(before);
  });
});

describe('a task', () => {
  it('is marked from the keyboard: the dialog lists what would change, takes the focus and gives it back', async () => {
    await show('/dags/daily_sales/runs?state=success');
    const run = await page.getAttribute('td a.cell-link >> nth=0', 'href');
    await page.goto(`${web.url}${run}`);
    await page.click('[data-key=tasks] a.cell-link >> nth=0');
    await page.waitForSelector('.actions a:has-text("Mark")');
    await page.focus('.actions a:has-text("Mark")');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open] >> text=Mark 1 task instance');
    expect(await page.evaluate(() => document.activeElement?.closest('dialog') !== null)).toBe(true);
    await page.keyboard.press('Escape');
    await eventually(async () => (await page.locator('dialog[open]').count()) === 0);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Mark');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open] >> text=Mark 1 task instance');
    await page.selectOption('dialog [name=state]', 'skipped');
    await page.click('dialog [data-plan-result]:not([inert]) >> text=Mark 1 task instance');
    await eventually(async () => web.commands.calls.at(-1)?.command === 'markTasks');
    expect(web.commands.calls.at(-1)).toMatchObject({ request: { state: 'skipped' } });
  });
});

describe('the log', () => {
  let path: string;
  let ref: { dagId: string; runId: string; taskId: string; mapIndex: number; tryNumber: number };
  beforeAll(async () => {
    const { rows } = await test.pool.query<{ run_id: string; task_id: string }>(
      `SELECT r.run_id, t.task_id FROM task_instance t JOIN dag_run r ON r.pk = t.run WHERE r.dag_id = 'daily_sales' AND t.state = 'running'`,
    );
    const { run_id: runId, task_id: taskId } = rows[0]!;
    ref = { dagId: 'daily_sales', runId, taskId, mapIndex: -1, tryNumber: 1 };
    path = `/dags/daily_sales/runs/${encodeURIComponent(runId)}/tasks/${encodeURIComponent(taskId)}`;
  });
  beforeEach(async () => {
    await show(path);
    await page.waitForSelector('.log-line');
  });

  it('follows what a running task prints, as text', async () => {
    await logs.append(ref, { time: new Date().toISOString(), level: 'error', source: 'stderr', message: 'this came <b>later</b>' });
    await page.waitForSelector('.log-line.is-error >> text=this came <b>later</b>');
    const atEnd = await page.evaluate(() => {
      const log = document.getElementById('log')!;
      return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    });
    expect(atEnd).toBe(true);
  });

  it('finds, wraps, and hides times', async () => {
    await page.fill('#log-search', 'answered slowly');
    await page.waitForSelector('mark.is-current');
    expect(await page.textContent('#log-hits')).toMatch(/^1 of \d+$/);
    await page.keyboard.press('Enter');
    expect(await page.textContent('#log-hits')).toMatch(/^2 of/);
    await page.click('[data-log=wrap]');
    await page.click('[data-log=time]');
    expect(await page.getAttribute('#log', 'class')).toMatch(/no-time.*is-wrapped|is-wrapped.*no-time/);
    expect(await page.isVisible('.log-line .at >> nth=0')).toBe(false);
  });
});

describe('a run', () => {
  it('changes in place while it goes on', async () => {
    const run = await insertRun(test.pool, { dagId: 'followed', runId: 'r2', state: 'running' });
    const { pk } = await insertTaskInstance(test.pool, { run, taskId: 'one', state: 'running' });
    await show('/dags/followed/runs/r2');
    await page.waitForSelector('td .badge.s-running');
    await test.pool.query(`UPDATE task_instance SET state = 'success', end_date = clock_timestamp() WHERE pk = $1`, [pk]);
    await test.pool.query(`UPDATE dag_run SET state = 'success', end_date = clock_timestamp() WHERE pk = $1`, [run]);
    await page.waitForSelector('td .badge.s-success');
    await page.waitForSelector('h1 + .badge.s-success');
  });
});

describe('what cannot be taken back', () => {
  const since = (before: number) => web.commands.calls.slice(before).filter(({ command }) => !command.startsWith('plan'));

  it('is asked about first', async () => {
    await insertRun(test.pool, { dagId: 'followed', runId: 'r3', state: 'running' });
    await show('/dags/followed/runs/r3');
    const before = web.commands.calls.length;
    await page.click('text=Mark failed');
    await page.click('#confirm >> text=Cancel');
    expect(since(before)).toEqual([]);
    await page.click('text=Mark failed');
    await page.click('#confirm >> text=Continue');
    await page.waitForSelector('.toast >> text=r3');
    expect(since(before)).toMatchObject([{ command: 'markRun', request: { dagId: 'followed', runId: 'r3', state: 'failed' } }]);
  });

  it('lists what a clear would do, anew with each choice, before it does it', async () => {
    await show('/dags/followed/runs/r2');
    const before = web.commands.calls.length;
    await page.click('.actions >> text=Clear');
    await page.waitForSelector('dialog .plan >> text=runs again');
    await page.check('dialog [name=only_failed]');
    await page.fill('dialog [name=note]', 'again');
    await eventually(() =>
      expect(web.commands.calls.at(-1)).toMatchObject({ command: 'planClearRun', request: { onlyFailed: true, note: 'again' } }),
    );
    await page.click('dialog [data-plan-result]:not([inert]) >> text=Clear 1 task instance');
    await page.waitForSelector('.toast >> text=r2 is cleared');
    expect(since(before)).toMatchObject([
      { command: 'clearRun', request: { dagId: 'followed', runId: 'r2', onlyFailed: true, note: 'again' } },
    ]);
  });
});

describe('everywhere', () => {
  it('shows dates in the chosen zone, and remembers it', async () => {
    await show('/dags/daily_sales/runs');
    const first = page.locator('td time[data-format=minute]').first();
    const utc = await first.textContent();
    await page.selectOption('#zone', 'dag');
    await eventually(async () => (await first.textContent()) !== utc);
    await page.reload();
    expect(await page.inputValue('#zone')).toBe('dag');
    await eventually(async () => (await first.textContent()) !== utc);
    await page.selectOption('#zone', 'utc');
    expect(await first.textContent()).toBe(utc);
  });

  it('changes its colours, and comes back in them', async () => {
    const background = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.click('#theme');
    const light = await background();
    await page.click('#theme');
    expect(await background()).not.toBe(light);
    await page.reload();
    expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
    await page.click('#theme');
  });

  it('fits a telephone: nothing sticks out', async () => {
    const { runId } = await fillMapped(test.pool, { logs });
    const run = `/dags/file_loads/runs/${encodeURIComponent(runId)}`;
    const phone = await context.newPage();
    await phone.setViewportSize({ width: 390, height: 844 });
    for (const path of [
      '/',
      '/dags',
      '/dags/daily_sales',
      '/dags/daily_sales/graph',
      '/dags/daily_sales/runs',
      '/dags/seattle_weather/backfills',
      '/dags/daily_sales/trigger',
      '/admin/pools',
      '/admin/jobs',
      '/admin/variables',
      '/admin/connections/new',
      '/admin/variables/import',
      run,
      `${run}?view=callbacks`,
      `${run}?view=details`,
      `${run}/clear`,
      `${run}/tasks/load`,
      `${run}/tasks/load/mark?map_index=3`,
      `${run}/tasks/wait_for_partner`,
      '/dags/file_loads/details',
    ]) {
      await phone.goto(web.url + path);
      expect({ path, over: await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth) }).toEqual({
        path,
        over: 0,
      });
    }
    await phone.close();
  });

  it('says so when the server is gone, and goes on when it is back', async () => {
    await show('/dags');
    await context.setOffline(true);
    await page.waitForSelector('#offline:not([hidden])', { timeout: 20_000 });
    await context.setOffline(false);
    await page.waitForSelector('#offline', { state: 'hidden', timeout: 20_000 });
    // The failed requests themselves are on the console; nothing else may be.
    for (let i = problems.length - 1; i >= 0; i--)
      if (/ERR_INTERNET_DISCONNECTED|Failed to fetch/.test(problems[i]!)) problems.splice(i, 1);
  });
});
