import { useTestDatabase } from '../support/database';
import { fillMapped } from '../support/ui-mapped-fixtures';
import { startTestWebserver } from '../support/web-server';
import type { TestWebserver, Visitor } from '../support/web-server';

const test = useTestDatabase();
let web: TestWebserver;
let visitor: Visitor;
beforeAll(async () => {
  await fillMapped(test.pool);
  web = await startTestWebserver(test);
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
