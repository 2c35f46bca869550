import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { FileLogStore } from '../../src/logs/file-log-store';
import { eventually } from '../support/eventually';
import { Standalone } from '../support/standalone';
import { expectedRuns } from './expected';

/** Examples that are run once more by the real processes: other files may join. */
const files = ['dynamic-mapping.ts', 'mapped-group.ts', 'setup-teardown.ts', 'short-circuit.ts', 'callbacks.ts'];
const runs = expectedRuns.filter(({ file }) => files.includes(file));

const standalone = new Standalone({
  THENCE_DAGS_FOLDER: path.join(packageRoot, 'dags'),
  THENCE_LOAD_EXAMPLES: 'true',
  THENCE_EXECUTOR: 'thread',
});
afterAll(() => standalone.dispose());

interface Instance {
  readonly dag_id: string;
  readonly day: string;
  readonly name: string;
  readonly state: string;
  readonly output: unknown;
  readonly label: string | null;
}
const nameOf = `CASE WHEN t.map_index < 0 THEN t.task_id ELSE t.task_id || '[' || t.map_index || ']' END`;
let instances: readonly Instance[] = [];

beforeAll(async () => {
  await standalone.start();
  for (const dagId of new Set(runs.map((run) => run.dagId))) {
    await standalone.waitForDag(dagId);
    await standalone.api('PATCH', `/dags/${dagId}`, { is_paused: false });
  }
  for (const { dagId, logicalDate, conf = {} } of runs) {
    const { status } = await standalone.api('POST', `/dags/${dagId}/dagRuns`, { logical_date: `${logicalDate}T00:00:00Z`, conf });
    expect(status).toBe(200);
  }
  await eventually(async () => {
    const left = await standalone.query(`SELECT 1 FROM dag_run WHERE run_type = 'manual' AND state NOT IN ('success', 'failed')`);
    expect(left).toEqual([]);
  }, 60_000);
  instances = await standalone.query<Instance>(
    `SELECT r.dag_id, to_char(r.logical_date AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, ${nameOf} AS name, t.state,
            x.value::json AS output, d.map_label AS label
     FROM dag_run r JOIN task_instance t ON t.run = r.pk LEFT JOIN ti_detail d ON d.ti = t.pk
       LEFT JOIN xcom x ON x.run = t.run AND x.task_id = t.task_id AND x.map_index = t.map_index AND x.key = 'return_value'
     WHERE r.run_type = 'manual' AND t.state <> 'removed'`,
  );
}, 120_000);

test.each(runs)('$dagId of $logicalDate comes to the same in the real processes', async ({ dagId, logicalDate, state, tasks, outputs }) => {
  const own = instances.filter((one) => one.dag_id === dagId && one.day === logicalDate);
  expect(Object.fromEntries(own.map((one) => [one.name, one.state]))).toEqual(tasks);
  expect(Object.fromEntries(own.map((one) => [one.name, one.output ?? undefined]))).toMatchObject(outputs ?? {});
  const [run] = await standalone.query(`SELECT state FROM dag_run WHERE dag_id = $1 AND run_type = 'manual' AND logical_date = $2`, [
    dagId,
    `${logicalDate}T00:00:00Z`,
  ]);
  expect(run).toEqual({ state });
});

test('instances have the labels that their templates make', () => {
  const labels = (task: string, day: string) =>
    instances.filter((one) => one.name.startsWith(`${task}[`) && one.day === day).map(({ name, label }) => `${name} ${label}`);
  expect(labels('total', '2026-01-05').toSorted()).toEqual(['total[0] north', 'total[1] south', 'total[2] station']);
  expect(labels('region.orders', '2026-01-01').toSorted()).toEqual(['region.orders[0] eu', 'region.orders[1] us', 'region.orders[2] asia']);
});

test('the callbacks of callbacks.ts tell of the failed try, the skipped task, the missed deadline and the end', async () => {
  const [{ run_id: runId } = { run_id: '' }] = await standalone.query<{ run_id: string }>(
    `SELECT run_id FROM dag_run WHERE dag_id = 'callbacks' AND run_type = 'manual'`,
  );
  const told = () =>
    standalone.query<{ event: string; task_id: string | null; outcome: string | null; id: string }>(
      `SELECT c.event, t.task_id, c.outcome, c.id FROM callback c JOIN dag_run r ON r.pk = c.run LEFT JOIN task_instance t ON t.pk = c.ti
       WHERE r.run_id = $1 ORDER BY c.created_at`,
      [runId],
    );
  const messages = {
    retry: 'try 1 of load went wrong: the cash desk does not answer',
    deadline: `the run ${runId} has missed "two seconds"`,
    skipped: 'refunds had nothing to do: no refunds today',
    success: 'the sales of 2026-01-05 are there',
  };
  await eventually(async () => expect((await told()).filter(({ outcome }) => outcome === 'success')).toHaveLength(4));
  const logs = new FileLogStore(standalone.home);
  const said = await Promise.all(
    (await told()).map(async ({ event, task_id: taskId, id: callback }) => {
      const { lines } = await logs.read({ dagId: 'callbacks', runId, taskId, mapIndex: -1, event, callback });
      return [event, lines.map(({ message }) => message).join()];
    }),
  );
  expect(Object.fromEntries(said)).toEqual(messages);
});
