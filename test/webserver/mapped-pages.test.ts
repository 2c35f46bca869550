import { useTestDatabase } from '../support/database';
import { insertDag } from '../support/factories';
import { MemoryLogs } from '../support/ui-fixtures';
import { fillMapped } from '../support/ui-mapped-fixtures';
import { startTestWebserver } from '../support/web-server';
import type { TestWebserver, Visitor } from '../support/web-server';

const test = useTestDatabase();
let web: TestWebserver;
let visitor: Visitor;
beforeAll(async () => {
  const logs = new MemoryLogs();
  await fillMapped(test.pool, { logs });
  web = await startTestWebserver(test, { logStore: logs });
  visitor = await web.visitor();
});
afterAll(() => web.close());

const runOf = (dagId: string) => `/dags/${dagId}/runs/${encodeURIComponent('manual__2026-03-01T00:00:00.000Z_mapped')}`;
const page = async (address: string) => {
  const response = await visitor.get(address);
  const html = await response.text();
  expect({ address, status: response.status, html: response.status === 200 ? '' : html }).toEqual({ address, status: 200, html: '' });
  expect(html).not.toMatch(/undefined|\[object Object\]|NaN/);
  return html;
};

describe('a mapped task', () => {
  it('is one cell of the grid: what most needs a look, with its counts', async () => {
    const grid = JSON.parse(await page('/dags/file_loads/grid.json')) as { cells: object; mapped: object; attention: string[] };
    expect(grid.cells).toMatchObject({ load: 'f', 'check.count': '.', wait_for_partner: 'd' });
    expect(grid.mapped).toEqual({ load: { 0: { success: 7, failed: 2, scheduled: 3 } } });
    expect(grid.attention[0]).toBe('failed');
  });

  it('is one row of its run, and one box of the graph, with the number of its instances', async () => {
    const run = await page(runOf('file_loads'));
    expect(run).toContain('load [12]');
    expect(run).toContain('7 success, 2 failed, 3 scheduled');
    expect(run.match(/data-key="task-load/g)).toHaveLength(1);
    const graph = await page(`${runOf('file_loads')}?view=graph&closed=-`);
    expect(graph).toContain('load [12]');
    expect(graph).toMatch(/check \[ \]/);
  });

  it('has a list of its instances, by label, state and page', async () => {
    const address = `${runOf('file_loads')}/tasks/load`;
    const rows = (html: string) => [...html.matchAll(/data-key="instance-(\d+)"/g)].map((match) => Number(match[1]));
    expect(rows(await page(address))).toHaveLength(12);
    expect(rows(await page(`${address}?state=failed`))).toEqual([3, 7]);
    expect(rows(await page(`${address}?q=00011`))).toEqual([11]);
    expect(rows(await page(`${address}?q=7`))).toEqual([7]);
  });

  it('has a page for each instance', async () => {
    const html = await page(`${runOf('file_loads')}/tasks/load?map_index=3`);
    expect(html).toContain('load [3]');
    expect(html).toContain('orders-000003.csv');
    expect(html).toMatch(/rel="next"[^>]+map_index=4/);
  });
});

describe('a run with 100,000 instances', () => {
  it('has pages that stay small', async () => {
    await fillMapped(test.pool, { dagId: 'huge', instances: 100_000 });
    for (const address of [runOf('huge'), `${runOf('huge')}/tasks/load?page=990`, '/dags/huge/grid.json', '/dags/huge/runs', '/']) {
      expect({ address, small: (await page(address)).length < 150_000 }).toEqual({ address, small: true });
    }
    expect(await page(`${runOf('huge')}/tasks/load?page=990`)).toContain('data-key="instance-98999"');
  });
});

describe('what a run waits for and misses', () => {
  const run = runOf('file_loads');

  it('is said of deferred and of rescheduled tasks, with until when', async () => {
    const list = await page(run);
    expect(list).toMatch(/waits for an answer of https:\/\/partner.example\/ready, at most until <time/);
    expect(list).toMatch(/looks again <time/);
    expect(await page(`${run}/tasks/wait_for_partner`)).toMatch(
      /The next look is <time[^>]+>[^<]+<\/time>. It waits until <time[^>]+>[^<]+<\/time> at most/,
    );
    expect(await page(`${run}/tasks/wait_for_desk`)).toMatch(/until it looks again <time[^>]+>[^<]+<\/time>. It waits until <time/);
  });

  it('is shown as a missed deadline on the run, in the list of runs and on the DAG', async () => {
    expect(await page(run)).toMatch(/Missed a deadline:<\/strong> finance reads it \(1 m 00 s after it was due\)/);
    expect(await page(`${run}?view=details`)).toContain('<span class="badge s-failed">missed</span>');
    const runs = await page('/dags/file_loads/runs');
    expect(runs).toContain('It missed a deadline');
    expect(runs).toContain('A run has missed its deadline.');
    await insertDag(test.pool, { dagId: 'in_time' });
    expect(await page('/dags/in_time/runs')).not.toMatch(/missed (a|its) deadline/);
  });
});

describe('callbacks', () => {
  it('are listed with their logs for the run, and those of a task on its own page', async () => {
    const run = runOf('file_loads');
    const keys = (html: string) => html.match(/data-key="callback-/g)?.length ?? 0;
    const ofRun = await page(`${run}?view=callbacks`);
    expect(keys(ofRun)).toBe(2);
    expect(ofRun).toContain('550 no such user');
    const ofTask = await page(`${run}/tasks/load?map_index=3&view=callbacks`);
    expect(keys(ofTask)).toBe(1);
    expect(await page(/href="([^"]+log.txt)"/.exec(ofTask)![1]!)).toContain('telling the finance desk');
    expect(await page(`${run}/tasks/load?map_index=4`)).toContain('view=callbacks');
    expect(await page(`${run}/tasks/list_files`)).not.toContain('view=callbacks');
  });
});

describe('options', () => {
  it('of the DAG and of a task are listed in their details', async () => {
    const dag = await page('/dags/file_loads/details');
    for (const text of ['3 failed runs in a row', '1 h 00 m', 'onFailure', 'finance reads it: 1 m 00 s after it was due'])
      expect(dag).toContain(text);
    const task = await page(`${runOf('file_loads')}/tasks/load?map_index=3&view=details`);
    expect(task).toContain('file: list_files');
    expect(task).toContain('{{ inputs.file }}');
  });

  it('setup and teardown are marked in the graph', async () => {
    const graph = await page('/dags/file_loads/graph?closed=-');
    expect(graph).toContain('aria-label="Setup task make_schema, Success"');
    expect(graph).toContain('aria-label="Teardown task drop_schema');
    expect(graph).toContain('setup · Success');
  });
});
