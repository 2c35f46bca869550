import { FileLogStore } from '../../src/logs/file-log-store';
import { testConfig } from '../support/config';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { startTestWebserver } from '../support/web-server';
import type { TestWebserver, Visitor } from '../support/web-server';

const test = useTestDatabase();
const logs = new FileLogStore(testConfig().home);
let web: TestWebserver;
let visitor: Visitor;
let run: number;
beforeAll(async () => {
  web = await startTestWebserver(test, { logStore: logs });
  visitor = await web.visitor();
  await insertDag(test.pool, { dagId: 'etl', tasks: [{ id: 'load' }] });
  run = await insertRun(test.pool, { dagId: 'etl', runId: 'r1', state: 'failed' });
  await insertTaskInstance(test.pool, { run, taskId: 'load', mapIndex: 2, state: 'failed', tryNumber: 1 });
});
afterAll(() => web.close());

async function insertCallback(event: string, outcome: string | null, tries: number): Promise<string> {
  const { rows } = await test.pool.query<{ id: string }>(
    `INSERT INTO callback (run, ti, event, version, tries, outcome, done_at)
     SELECT r.pk, CASE WHEN $2 = 'failure' THEN t.pk END, $2, r.version, $3, $4, CASE WHEN $4::text IS NOT NULL THEN clock_timestamp() END
     FROM dag_run r JOIN task_instance t ON t.run = r.pk WHERE r.pk = $1 RETURNING id`,
    [run, event, tries, outcome],
  );
  return rows[0]!.id;
}
const page = async () => (await visitor.get('/dags/etl/runs/r1?view=callbacks')).text();

it("a run's page lists its callbacks, and what went wrong in them, from their logs", async () => {
  expect(await page()).toContain('No callbacks');
  const failed = await insertCallback('failure', 'failed', 1);
  const ref = { dagId: 'etl', runId: 'r1', taskId: 'load', mapIndex: 2, event: 'failure', callback: failed };
  const line = { time: '2026-01-01T00:00:00.000Z', level: 'error', source: 'thence' } as const;
  await logs.append(ref, { ...line, level: 'info', source: 'task', message: 'calling <the> pager' });
  await logs.append(ref, { ...line, message: 'onFailure failed: Error: <nobody> answers' });
  const lost = await insertCallback('success', 'lost', 5);
  const waiting = await insertCallback('success', null, 0);

  const html = await page();
  const row = (id: string) => new RegExp(`data-key="callback-${id}".*?</tr>`, 's').exec(html)![0];
  expect(row(failed)).toMatch(/onFailure.*href="\/dags\/etl\/runs\/r1\/tasks\/load\?map_index=2">load\[2\].*>failed</s);
  expect(html).toContain('<pre class="value">onFailure failed: Error: &lt;nobody&gt; answers</pre>');
  expect(row(lost)).toMatch(/onSuccess.*the run.*>lost<.*try 5/s);
  expect(row(waiting)).toMatch(/>waiting</);
  expect(row(waiting)).not.toContain('log.txt');

  const log = await visitor.get(/href="([^"]+log\.txt)"/.exec(row(failed))![1]!);
  expect(log.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await log.text()).toBe(
    '2026-01-01T00:00:00.000Z INFO  calling <the> pager\n2026-01-01T00:00:00.000Z ERROR onFailure failed: Error: <nobody> answers\n',
  );
  expect((await visitor.get('/dags/etl/runs/r1/callbacks/..%2f..%2fx/log.txt')).status).toBe(404);
});
