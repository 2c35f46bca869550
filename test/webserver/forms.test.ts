import { useTestDatabase } from '../support/database';
import { insertDag, insertRun } from '../support/factories';
import { startTestWebserver } from '../support/web-server';
import type { TestWebserver, Visitor } from '../support/web-server';

const test = useTestDatabase();
let web: TestWebserver;
let visitor: Visitor;
let token: string;
beforeAll(async () => {
  web = await startTestWebserver(test);
  const params = {
    type: 'object',
    properties: {
      region: { type: 'string', enum: ['eu', 'us'], default: 'eu' },
      limit: { type: 'integer', default: 5 },
      ratio: { type: 'number' },
      dry: { type: 'boolean', default: true },
      columns: { type: 'array', default: ['id'] },
      note: { type: ['string', 'null'], default: 'x' },
      day: { type: 'string', format: 'date' },
    },
  };
  await insertDag(test.pool, { dagId: 'shop', params, isPaused: true });
  await insertRun(test.pool, { dagId: 'shop', runId: 'r1', state: 'failed' });
  visitor = await web.visitor();
  token = await visitor.token();
});
afterAll(() => web.close());
beforeEach(() => void web.commands.calls.splice(0));

const actor = { user: 'admin', via: 'ui' };

describe('a form without its token', () => {
  it.each([
    ['/dags/shop/paused', { paused: 'false' }],
    ['/dags/shop/favorite', { favorite: 'true' }],
    ['/dags/shop/trigger', {}],
    ['/dags/shop/backfills', { from_date: '2026-01-01', to_date: '2026-01-02' }],
    ['/dags/shop/backfills/1/cancel', {}],
    ['/dags/shop/runs/r1/mark', { state: 'success' }],
    ['/dags/shop/runs/r1/clear', {}],
    ['/dags/shop/runs/r1/note', { note: 'x' }],
    ['/dags/shop/runs/r1/delete', {}],
    ['/dags/shop/runs/r1/tasks/a/mark', { state: 'success' }],
    ['/dags/shop/runs/r1/tasks/a/rerun', {}],
    ['/logout', {}],
  ])('is refused at %s', async (address, form) => {
    for (const given of [form, { ...form, _csrf: 'guessed' }]) {
      const response = await visitor.post(address, given);
      expect(response.status).toBe(403);
    }
    expect(web.commands.calls).toEqual([]);
    expect((await visitor.get('/dags')).status).toBe(200);
  });
});

describe('the pause switch', () => {
  it('switches, says so, and goes back to where it was used', async () => {
    const response = await visitor.post('/dags/shop/paused', { _csrf: token, paused: 'false', back: '/dags?q=sh' });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/dags?q=sh');
    expect(web.commands.calls).toEqual([{ command: 'setPaused', request: { dagId: 'shop', paused: false }, actor }]);
    expect(await (await visitor.get('/dags')).text()).toContain('shop is active');
  });

  it('answers scripts in JSON', async () => {
    const response = await visitor.post('/dags/shop/paused', { _csrf: token, paused: 'true' }, { accept: 'application/json' });
    expect(await response.json()).toMatchObject({ text: expect.stringContaining('paused') });
    const unknown = await visitor.post('/dags/nope/paused', { _csrf: token, paused: 'true' }, { accept: 'application/json' });
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toEqual({ error: expect.stringContaining('nope') });
  });
});

describe('the star', () => {
  const star = (favorite: boolean, back = '/dags') =>
    visitor.post('/dags/shop/favorite', { _csrf: token, favorite: String(favorite), back });
  /** What the stars of a page say. */
  const stars = async (address: string) => {
    const html = await (await visitor.get(address)).text();
    return [...html.matchAll(/aria-pressed="(\w+)" aria-label="(\w+) is a favorite of mine"/g)].map(([, is, dagId]) => `${dagId} ${is}`);
  };
  beforeAll(async () => {
    await insertDag(test.pool, { dagId: 'of_others' });
    await test.pool.query("INSERT INTO app_user (username, password_hash, role) SELECT unnest('{admin,other}'::text[]), '', 'admin'");
    await test.pool.query("INSERT INTO dag_favorite (username, dag_id) VALUES ('other', 'of_others')");
  });
  afterAll(() => test.pool.query("DELETE FROM app_user; DELETE FROM dag WHERE dag_id = 'of_others'"));

  it('makes a DAG a favorite of mine, goes back to where it was used, and the list can be filtered by it', async () => {
    expect(await stars('/dags')).toEqual(['of_others false', 'shop false']);
    expect(await (await visitor.get('/dags?state=favorites')).text()).toContain('The star beside a DAG makes it a favorite of yours');
    const response = await star(true, '/dags/shop/runs');
    expect([response.status, response.headers.get('location')]).toEqual([303, '/dags/shop/runs']);
    expect(await stars('/dags')).toEqual(['of_others false', 'shop true']);
    expect(await stars('/dags?state=favorites')).toEqual(['shop true']);
    expect([await stars('/dags/shop'), await stars('/dags/of_others/runs')]).toEqual([['shop true'], ['of_others false']]);
  });

  it('takes it off again, also when another window has done so already', async () => {
    expect([(await star(false)).status, (await star(false)).status]).toEqual([303, 303]);
    expect(await stars('/dags/shop')).toEqual(['shop false']);
    expect((await visitor.post('/dags/nope/favorite', { _csrf: token, favorite: 'true' })).status).toBe(404);
  });
});

describe('the trigger form', () => {
  it('has a control for each param, filled with its default', async () => {
    const html = await (await visitor.get('/dags/shop/trigger')).text();
    expect(html).toMatch(/<select[^>]+name="param.region"[\s\S]*?<option value="&#34;eu&#34;" selected>eu/);
    expect(html).toMatch(/name="param.limit" type="number" value="5" step="1"/);
    expect(html).toMatch(/name="param.dry" value="true" checked/);
    expect(html).toMatch(/name="param.day" type="date"/);
    expect(html).toMatch(/<textarea[^>]+name="param.columns"/);
  });

  it('gives typed values, leaves empty ones to their defaults, and puts the free JSON over them', async () => {
    const form = {
      _csrf: token,
      'param.region': '"us"',
      'param.limit': '7',
      'param.ratio': '',
      'param.columns': '["a","b"]',
      'param.note': '',
      'param.day': '2026-03-01',
      conf: '{"limit": 9, "extra": {"x": 1}}',
      logical_date: '2026-01-01',
      run_id: 'mine',
    };
    const response = await visitor.post('/dags/shop/trigger', form);
    expect(response.headers.get('location')).toBe('/dags/shop/runs/mine');
    expect(web.commands.calls[0]).toEqual({
      command: 'triggerRun',
      actor,
      request: {
        dagId: 'shop', runId: 'mine', logicalDate: '2026-01-01', note: null,
        conf: { region: 'us', limit: 9, dry: false, columns: ['a', 'b'], note: null, day: '2026-03-01', extra: { x: 1 } },
      }, // prettier-ignore
    });
  });

  it.each([
    ['{"a": 1', 'is not valid JSON'],
    ['[1]', 'has to be a JSON object'],
  ])('keeps what was typed when the configuration is %s', async (conf, message) => {
    const response = await visitor.post('/dags/shop/trigger', { _csrf: token, conf, run_id: 'typed' });
    expect(response.status).toBe(422);
    const html = await response.text();
    expect(html).toContain(message);
    expect(html).toContain('value="typed"');
    expect(web.commands.calls).toEqual([]);
  });
});

describe('a run', () => {
  it('is marked, and is deleted after a question', async () => {
    await visitor.post('/dags/shop/runs/r1/mark', { _csrf: token, state: 'success' });
    expect(await (await visitor.get('/dags/shop/runs/r1/delete')).text()).toContain('This cannot be undone');
    const response = await visitor.post('/dags/shop/runs/r1/delete', { _csrf: token });
    expect(response.headers.get('location')).toBe('/dags/shop/runs');
    expect(web.commands.calls.map(({ command, request }) => [command, request])).toEqual([
      ['markRun', { dagId: 'shop', runId: 'r1', state: 'success' }],
      ['deleteRun', { dagId: 'shop', runId: 'r1' }],
    ]);
  });

  it('is not marked anything else', async () => {
    const response = await visitor.post('/dags/shop/runs/r1/mark', { _csrf: token, state: 'running' });
    expect(response.status).toBe(422);
    expect(web.commands.calls).toEqual([]);
  });
});

describe('clear, mark and re-run', () => {
  const seenIn = (html: string) => /name="seen" value="([0-9a-f]+)"/.exec(html)?.[1] ?? '';
  const asked = () => web.commands.calls.map(({ command, request }) => [command, request]);

  it('list what they would do before they do it', async () => {
    const html = await (await visitor.get('/dags/shop/runs/r1/clear')).text();
    expect(html).toContain('Clear 1 task instance');
    const response = await visitor.post('/dags/shop/runs/r1/clear', { _csrf: token, seen: seenIn(html), instances: 'all' });
    expect(response.status).toBe(303);
    const request = { dagId: 'shop', runId: 'r1', onlyFailed: false };
    expect(asked()).toEqual([
      ['planClearRun', request],
      ['clearRun', request],
    ]);
  });

  it('show the list again when something else was chosen than what it was for', async () => {
    const seen = seenIn(await (await visitor.get('/dags/shop/runs/r1/tasks/a/clear')).text());
    const form = { _csrf: token, instances: 'all', upstream: 'true', only_failed: 'true', version: 'own', past: 'true', note: 'again' };
    web.commands.calls.splice(0);
    const first = await visitor.post('/dags/shop/runs/r1/tasks/a/clear', { ...form, seen });
    expect(first.status).toBe(200);
    const second = await visitor.post('/dags/shop/runs/r1/tasks/a/clear', { ...form, seen: seenIn(await first.text()) });
    expect(second.headers.get('location')).toBe('/dags/shop/runs/r1/tasks/a');
    const request = {
      dagId: 'shop', runId: 'r1', tasks: ['a'], upstream: true, downstream: false, past: true, future: false, onlyFailed: true, onlyRunning: false,
      version: 'own', note: 'again',
    }; // prettier-ignore
    expect(asked()).toEqual([
      ['planClear', request],
      ['clearTasks', request],
    ]);
  });

  it('mark one instance of a mapped task, or all', async () => {
    const address = '/dags/shop/runs/r1/tasks/a/mark?map_index=4';
    for (const instances of ['one', 'all']) {
      const form = { _csrf: token, instances, state: 'skipped' };
      const seen = seenIn(await (await visitor.post(address, { ...form, intent: 'preview' })).text());
      await visitor.post(address, { ...form, seen });
    }
    const marks = web.commands.calls.filter(({ command }) => command === 'markTasks').map(({ request }) => request);
    expect(marks).toMatchObject([
      { tasks: [['a', 4]], state: 'skipped' },
      { tasks: ['a'], state: 'skipped' },
    ]);
  });

  it('run again from a task with the params of its run, edited', async () => {
    const address = '/dags/shop/runs/r1/tasks/a/rerun';
    expect(await (await visitor.get(address)).text()).toMatch(/name="param.limit" type="number" value="5"/);
    const form = { _csrf: token, instances: 'all', 'param.region': '"us"', 'param.limit': '8' };
    const seen = seenIn(await (await visitor.post(address, { ...form, intent: 'preview' })).text());
    await visitor.post(address, { ...form, seen });
    expect(web.commands.calls.at(-1)).toMatchObject({
      command: 'rerunFrom',
      request: { task: 'a', conf: { region: 'us', limit: 8, dry: false } },
    });
  });

  it('keep a note on a task', async () => {
    await visitor.post('/dags/shop/runs/r1/tasks/a/note?map_index=2', { _csrf: token, note: 'known' });
    expect(asked()).toEqual([['setTaskNote', { dagId: 'shop', runId: 'r1', taskId: 'a', mapIndex: 2, note: 'known' }]]);
  });
});

describe('a backfill', () => {
  const form = {
    from_date: '2026-01-01',
    to_date: '2026-01-31',
    max_active_runs: '3',
    reprocess_behavior: 'failed',
    run_backwards: 'true',
    conf: '{"a":1}',
  };

  it('is previewed without being created, with what was typed kept', async () => {
    const response = await visitor.post('/dags/shop/backfills', { _csrf: token, intent: 'preview', ...form });
    expect(response.status).toBe(200);
    const html = await response.text();
    expect(html).toContain('Europe/Zurich');
    expect(html).toContain('value="2026-01-31"');
    expect(web.commands.calls.map((call) => call.command)).toEqual(['dryRunBackfill']);
  });

  it('is created as typed', async () => {
    const response = await visitor.post('/dags/shop/backfills', { _csrf: token, intent: 'create', ...form });
    expect(response.status).toBe(303);
    expect(web.commands.calls[0]).toEqual({
      command: 'createBackfill',
      actor,
      request: {
        dagId: 'shop',
        from: '2026-01-01',
        to: '2026-01-31',
        reprocessBehavior: 'failed',
        maxActiveRuns: 3,
        runBackwards: true,
        conf: { a: 1 },
      },
    });
  });

  it.each([
    [{ from_date: '' }, 'needs a date'],
    [{ max_active_runs: 'many' }, 'whole number'],
    [{ conf: '{' }, 'not valid JSON'],
  ])('says what is wrong with %j', async (wrong, message) => {
    const response = await visitor.post('/dags/shop/backfills', { _csrf: token, intent: 'create', ...form, ...wrong });
    expect(response.status).toBe(422);
    expect(await response.text()).toContain(message);
    expect(web.commands.calls).toEqual([]);
  });

  it.each([
    ['a, b', { tasks: ['a', 'b'] }],
    ['/^load_/', { taskPattern: '^load_' }],
  ])('of some tasks, given as %s, lists which in its preview', async (tasks, wanted) => {
    const more = { tasks, upstream: 'true', own_version: 'true' };
    const response = await visitor.post('/dags/shop/backfills', { _csrf: token, intent: 'preview', ...form, ...more });
    const html = await response.text();
    expect(html).toMatch(/Only <span class="chip mono">a<\/span>/);
    expect(html).toMatch(/name="upstream" value="true" checked/);
    expect(web.commands.calls[0]!.request).toMatchObject({ ...wanted, upstream: true, downstream: false, runOnLatestVersion: false });
  });

  it.each([
    ['cancel', 'cancelBackfill'],
    ['pause', 'pauseBackfill'],
    ['unpause', 'unpauseBackfill'],
  ])('has a button to %s it', async (action, command) => {
    await visitor.post(`/dags/shop/backfills/3/${action}`, { _csrf: token });
    expect(web.commands.calls[0]).toEqual({ command, request: 3, actor });
  });
});
