/** Callbacks, deadlines, notifiers and listeners through the real processes: one standalone, in which everything happens at once. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FileLogStore } from '../../src/logs/file-log-store';
import { eventually } from '../support/eventually';
import { useHttpServer } from '../support/http-server';
import { Standalone } from '../support/standalone';

const hook = useHttpServer({ keep: true });
const standalone = new Standalone({
  THENCE_EXECUTOR: 'local',
  THENCE_PARALLELISM: '4',
  THENCE_MAX_LOST_TRIES: '0',
  THENCE_LISTENERS: './broken.ts,./listener.ts',
  THENCE_VAR_DB_PASSWORD: 'hunter2-hunter2',
});
const journal = path.join(standalone.folder, 'journal');
const events = path.join(standalone.folder, 'events');

const source = (hookUrl: string) => `
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DAG, SkipError, WebhookNotifier } from 'thence';

const note = ({ event, dag, ti, reason, exception, deadline, log }) => {
  log.info('noting ' + event);
  const seen = { event, dag: dag.id, task: ti?.taskId ?? null, try: ti?.tryNumber ?? null, reason, error: exception?.message ?? null, deadline: deadline?.name ?? null };
  appendFileSync(${JSON.stringify(journal)}, JSON.stringify(seen) + '\\n');
};
const all = { onExecute: note, onSuccess: note, onFailure: note, onRetry: note, onSkipped: note };
const hook = new WebhookNotifier({ url: '${hookUrl}/{{ dag.id }}', secret: 'shared' });

const fine = new DAG('fine', { schedule: null, onSuccess: [note, hook], onFailure: note });
fine.task('works', { ...all, inlets: ['raw.csv'], outlets: [{ table: 'clean' }] }, () => 1);
fine.task('skips', all, () => { throw new SkipError('nothing there'); });

const bad = new DAG('bad', { schedule: null, onSuccess: note, onFailure: [note, hook] });
bad.task('flaky', { ...all, retries: 1, retryDelay: 50 }, ({ tryNumber }) => { throw new Error('try ' + tryNumber + ' went wrong'); });
bad.task('dies', { ...all, isolation: 'fresh' }, async () => { process.kill(process.pid, 'SIGKILL'); await sleep(60_000); });

const late = new DAG('late', { schedule: null, onFailure: note, deadline: { after: 500, name: 'soon', onMissed: [note, hook] } });
late.task('endless', () => sleep(300_000));

const broken = new DAG('broken', { schedule: null, onSuccess: note });
const after = (id, onSuccess) => broken.task(id, { onSuccess }, () => 1);
after('throws', [async ({ variables, log }) => {
  const password = await variables.get('db_password');
  log.info('it is ' + password);
  throw new Error('it was ' + password);
}, note]);
after('exits', () => process.exit(3));
after('leaves', async () => { void Promise.reject(new Error('nobody waits')); await sleep(60_000); });
after('killed', async (context) => {
  const again = existsSync(${JSON.stringify(`${journal}.killed`)});
  appendFileSync(${JSON.stringify(`${journal}.killed`)}, '');
  if (again) return note(context);
  process.kill(process.pid, 'SIGKILL');
  await sleep(60_000);
});
`;
const listener = `
import { appendFileSync } from 'node:fs';
import type { Listener } from 'thence';
const note = (event: object) => appendFileSync(${JSON.stringify(events)}, JSON.stringify(event) + '\\n');
console.log('listening');
export const listener: Listener = { onTaskState: note, onRunState: note };
`;

interface Seen {
  readonly event: string;
  readonly dag: string;
  readonly task: string | null;
  readonly [key: string]: unknown;
}
const read = <T>(file: string): T[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as T) : []; // prettier-ignore
const called = (dag: string, task: string | null) => read<Seen>(journal).filter((seen) => seen.dag === dag && seen.task === task);
/** In the order of tries: what runs beside the tasks has none. */
const ORDER = ['execute', 'retry', 'success', 'skipped', 'deadline', 'failure'];
const inOrder = (seen: readonly Seen[]) =>
  seen.toSorted((a, b) => Number(a['try']) - Number(b['try']) || ORDER.indexOf(a.event) - ORDER.indexOf(b.event));
const calledWith = (dag: string, task: string | null, expected: readonly object[]) =>
  eventually(() => expect(inOrder(called(dag, task))).toMatchObject(expected));

const runs: Record<string, string> = {};
beforeAll(async () => {
  standalone.writeDag('told.ts', source(hook.url));
  writeFileSync(path.join(standalone.folder, 'listener.ts'), listener);
  writeFileSync(path.join(standalone.folder, 'broken.ts'), 'export const listener = {\n  onRunState( { }\n};');
  await standalone.start();
  for (const dagId of ['fine', 'bad', 'late', 'broken']) {
    await standalone.waitForDag(dagId);
    runs[dagId] = await standalone.trigger(dagId);
  }
  expect(await standalone.waitForRun('fine', runs['fine']!)).toBe('success');
  expect(await standalone.waitForRun('bad', runs['bad']!)).toBe('failed');
}, 90_000);
afterAll(() => standalone.dispose());

it('a task that succeeds calls onExecute and onSuccess', () =>
  calledWith('fine', 'works', [
    { event: 'execute', try: 1 },
    { event: 'success', try: 1, error: null },
  ]));

it('a task that skips itself calls onSkipped', () => calledWith('fine', 'skips', [{ event: 'execute' }, { event: 'skipped', try: 1 }]));

it('a task that fails calls onRetry for each try but the last, and then onFailure', () =>
  calledWith('bad', 'flaky', [
    { event: 'execute', try: 1 },
    { event: 'retry', try: 1, error: 'try 1 went wrong' },
    { event: 'execute', try: 2 },
    { event: 'failure', try: 2, error: 'try 2 went wrong', reason: 'executed' },
  ]));

it('a task whose process was killed with -9 calls onFailure all the same', () =>
  calledWith('bad', 'dies', [{ event: 'execute' }, { event: 'failure', try: 1 }]));

it('runs call onSuccess and onFailure when they end', async () => {
  await calledWith('fine', null, [{ event: 'success' }]);
  await calledWith('bad', null, [{ event: 'failure' }]);
});

it('a run that misses its deadline calls onMissed once, and one that a person marks failed calls onFailure', async () => {
  await calledWith('late', null, [{ event: 'deadline', deadline: 'soon' }]);
  const { status } = await standalone.api('PATCH', `/dags/late/dagRuns/${runs['late']}`, { state: 'failed' });
  expect(status).toBe(200);
  await calledWith('late', null, [{ event: 'deadline' }, { event: 'failure', reason: 'marked' }]);
});

it('a WebhookNotifier posts what happened, signed', async () => {
  await eventually(() => expect(hook.asked).toHaveLength(3));
  const bodies = hook.asked.map(({ url, body }) => ({ url, ...(JSON.parse(body) as object) }));
  expect(bodies).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ url: '/fine', event: 'success', dag_id: 'fine', dag_run_id: runs['fine'], task_id: null }),
      expect.objectContaining({ url: '/bad', event: 'failure', dag_id: 'bad' }),
      expect.objectContaining({ url: '/late', event: 'deadline', deadline: expect.objectContaining({ name: 'soon' }) }),
    ]),
  );
  for (const { headers } of hook.asked) expect(headers['x-thence-signature']).toMatch(/^sha256=[0-9a-f]{64}$/);
});

it('callbacks that throw, exit or are killed harm nobody; each log says what happened and where, without secrets, and the killed one is called again', async () => {
  expect(await standalone.waitForRun('broken', runs['broken']!)).toBe('success');
  interface Row {
    id: string;
    task: string;
    outcome: string;
    tries: number;
  }
  const rows = await eventually(async () => {
    const found = await standalone.query<Row>(
      `SELECT c.id, t.task_id AS task, c.outcome, c.tries FROM callback c JOIN task_instance t ON t.pk = c.ti JOIN dag_run r ON r.pk = c.run
       WHERE r.dag_id = 'broken' AND c.done_at IS NOT NULL ORDER BY t.task_id`,
    );
    expect(found).toHaveLength(4);
    return found;
  });
  expect(rows.map(({ task, outcome, tries }) => `${task} ${outcome} ${tries}`)).toEqual([
    'exits failed 1',
    'killed success 2',
    'leaves failed 1',
    'throws failed 1',
  ]);
  const logs = new FileLogStore(standalone.home);
  const said: Record<string, string> = {};
  for (const { id, task } of rows) {
    const ref = { dagId: 'broken', runId: runs['broken']!, taskId: task, mapIndex: -1, event: 'success', callback: id };
    said[task] = (await logs.read(ref)).lines.map(({ message }) => message).join('\n');
    const warning = `success callback of task "${task}" of DAG "broken" in run ${runs['broken']} ${task === 'killed' ? 'was lost and is run again' : 'failed'}; see ${logs.pathOf(ref)}`;
    expect(standalone.output).toContain(warning);
  }
  expect(said['throws']).toMatch(/^it is \*\*\*\nonSuccess failed: Error: it was \*\*\*\n +at .*told\.ts:\d+:\d+\)?\nnoting success$/);
  expect(said['exits']).toBe(
    'The callback ended its process with exit code 3: something called process.exit(). Return from the callback, or throw, instead.',
  );
  expect(said['leaves']).toMatch(/nobody awaited, ended the callback:\nError: nobody waits\n +at .*told\.ts:\d+/);
  expect(said['killed']).toMatch(/^The callback's process was killed with SIGKILL from outside.*\nnoting success$/);
  expect(called('broken', 'throws')).toHaveLength(1);
  expect(called('broken', 'killed')).toHaveLength(1);
  expect(standalone.output).not.toContain('hunter2');
});

it('a listener that cannot be loaded says where, and keeps no other from being told', () => {
  expect(standalone.output).toMatch(
    /error listener: a listener could not be loaded: \S+broken\.ts could not be loaded: [^]*broken\.ts:3:\d+: ERROR: /,
  );
});

it('a listener is told of runs and tasks as they start, are retried and end, with what they read and write', async () => {
  type Told = { dagId: string; taskId?: string; state: string } & Record<string, unknown>;
  const of = (dagId: string, taskId?: string) => read<Told>(events).filter((told) => told.dagId === dagId && told.taskId === taskId);
  const states = (dagId: string, taskId?: string) => of(dagId, taskId).map(({ state }) => state);
  await eventually(() => expect(states('bad')).toEqual(['running', 'failed']));
  await eventually(() => expect(states('fine')).toEqual(['running', 'success']));
  expect(states('fine', 'works')).toEqual(['running', 'success']);
  expect(states('fine', 'skips')).toEqual(['running', 'skipped']);
  expect(states('bad', 'flaky')).toEqual(['running', 'up_for_retry', 'running', 'failed']);
  expect(states('bad', 'dies')).toEqual(['running', 'failed']);
  const date = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
  expect(of('fine')[1]).toEqual({
    dagId: 'fine',
    runId: runs['fine'],
    runType: 'manual',
    logicalDate: null,
    state: 'success',
    reason: null,
    startDate: date,
    endDate: date,
  });
  expect(of('fine', 'works')[1]).toEqual({
    dagId: 'fine',
    runId: runs['fine'],
    runType: 'manual',
    logicalDate: null,
    taskId: 'works',
    mapIndex: -1,
    tryNumber: 1,
    operator: 'FunctionOperator',
    state: 'success',
    reason: 'executed',
    startDate: date,
    endDate: date,
    inlets: ['raw.csv'],
    outlets: [{ table: 'clean' }],
  });
  const [start] = await standalone.query<{ start_date: Date }>(`SELECT start_date FROM dag_run WHERE dag_id = 'fine'`);
  expect(of('fine')[0]!['startDate']).toBe(start!.start_date.toISOString());
  expect(standalone.output).toContain('listener.ts: listening');
});
