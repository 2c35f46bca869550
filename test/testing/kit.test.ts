import {
  BaseOperator,
  BranchOperator,
  DAG,
  DateTimeSensor,
  EmptyOperator,
  FunctionSensor,
  ShortCircuitOperator,
  TaskGroup,
  Trigger,
  TriggerEvent,
  type TaskContext,
} from 'thence';
import path from 'node:path';
import { fails, loadDag, returns, runDag, takes } from 'thence/testing';
import { makeFolder } from '../dag-processor/make-folder';

const MORNING = '2026-03-10T06:00:00Z';
const minutes = (from: Date | null, to: Date | null) => (to!.getTime() - from!.getTime()) / 60_000;

describe('runDag', () => {
  it('runs the code of the tasks and hands their outputs on', async () => {
    const dag = new DAG('sum');
    const numbers = dag.task('numbers', () => [1, 2, 3]);
    dag.task('sum', { inputs: { numbers } }, ({ inputs }) => inputs.numbers.reduce((a, b) => a + b, 0));
    const run = await runDag(dag);
    expect(run.state).toBe('success');
    expect(run.output('sum')).toBe(6);
    expect(run.order).toEqual(['numbers', 'sum']);
  });

  it('takes mocks in the place of tasks: values, functions, and what fails', async () => {
    const dag = new DAG('mocks', { params: { type: 'object', properties: { n: { type: 'integer', default: 2 } } } });
    const fetch = dag.task('fetch', (): number[] => {
      throw new Error('no network in tests');
    });
    const post = dag.task('post', { inputs: { fetch }, retries: 2, retryDelay: { minutes: 5 } }, () => 'posted');
    const after = new EmptyOperator('after', { dag });
    post.then(after);
    const run = await runDag(dag, {
      now: MORNING,
      mocks: { fetch: ({ params }) => [(params as { n: number }).n], post: fails('down', { times: 2, then: 'late' }) },
    });
    run.expectStates({ fetch: 'success', post: 'success', after: 'success' }).expectOrder('fetch', 'post');
    expect(run.output('fetch')).toEqual([2]);
    expect([run.output('post'), run.task('post').tryNumber]).toEqual(['late', 3]);
    expect(run.order).toEqual(['fetch', 'post', 'post#2', 'post#3']);
    expect(minutes(run.startDate, run.endDate)).toBe(10);
  });

  it('says what was there instead when an expectation fails', async () => {
    const dag = new DAG('wrong');
    dag.task('a', () => 1).then(dag.task('b', () => 2));
    const run = await runDag(dag, { mocks: { a: fails(new TypeError('bad')) } });
    expect(() => run.expectStates({ a: 'success', b: 'skipped' })).toThrow(
      /\(failed\)[^]*a: expected success, was failed \(TypeError: bad\)[^]*b: expected skipped, was upstream_failed/,
    );
    expect(() => run.expectOrder('b', 'a')).toThrow('task "b" never began; these did: a');
    expect(() => run.task('c')).toThrow('the run has no task "c"; it has a, b');
    await expect(runDag(dag, { mocks: { aa: 1 } })).rejects.toThrow('`mocks` names the task "aa", which the DAG does not have');
  });

  it('maps tasks and groups, and keeps the order of their outputs', async () => {
    const dag = new DAG('maps');
    const list = dag.task('list', () => ['a', 'b', 'c']);
    const up = dag.task('up', { expand: { one: list } }, ({ inputs }) => inputs.one.toUpperCase());
    dag.task('join', { inputs: { up } }, ({ inputs }) => inputs.up.join(''));
    const group = new TaskGroup('g', { dag, expand: { n: [1, 2] } });
    group.task('double', ({ inputs }) => inputs.n * 2);
    const run = await runDag(dag, { mocks: { list: ['x', 'y'] } });
    expect(run.states).toEqual({ list: 'success', up: ['success', 'success'], join: 'success', 'g.double': ['success', 'success'] });
    expect([run.output('join'), run.outputs('g.double')]).toEqual(['XY', [2, 4]]);
  });

  it('lets tasks overlap on its clock only, within parallelism and pools', async () => {
    const dag = new DAG('overlap');
    for (const id of ['a', 'b', 'c']) dag.task(id, { pool: 'narrow' }, () => id);
    const hour = takes({ hours: 1 });
    const mocks = { a: hour, b: hour, c: hour };
    const wide = await runDag(dag, { mocks, now: MORNING });
    expect(minutes(wide.startDate, wide.endDate)).toBe(60);
    const narrow = await runDag(dag, { mocks, now: MORNING, pools: { narrow: 1 } });
    expect(minutes(narrow.startDate, narrow.endDate)).toBe(180);
    const one = await runDag(dag, { mocks, now: MORNING, parallelism: 2 });
    expect(minutes(one.startDate, one.endDate)).toBe(120);
  });

  it('stops what takes longer than its timeout, and a run that does', async () => {
    const slow = new DAG('slow');
    slow.task('a', { executionTimeout: { minutes: 1 } }, () => 1);
    const late = await runDag(slow, { mocks: { a: takes({ hours: 1 }) }, now: MORNING });
    expect([late.task('a').state, late.task('a').reason, minutes(late.startDate, late.endDate)]).toEqual(['failed', 'timeout', 1]);

    const dag = new DAG('whole', { dagrunTimeout: { minutes: 30 } });
    dag.task('a', () => 1).then(dag.task('b', () => 2));
    const run = await runDag(dag, { mocks: { a: takes({ hours: 1 }) }, now: MORNING });
    expect([run.state, run.task('b').state]).toEqual(['failed', 'skipped']);
  });

  it('nobody waits for a sensor: the clock jumps', async () => {
    const dag = new DAG('sensors');
    let looks = 0;
    const ready = new FunctionSensor('ready', { dag, pokeInterval: { hours: 1 }, run: () => ++looks >= 3 });
    const noon = new DateTimeSensor('noon', { dag, targetTime: '2026-03-10T12:00:00Z', deferrable: true });
    ready.then(noon);
    const run = await runDag(dag, { now: MORNING });
    run.expectStates({ ready: 'success', noon: 'success' });
    expect(run.endDate!.toISOString()).toBe('2026-03-10T12:00:00.000Z');
  });

  it('goes on with what the test says that a trigger yields', async () => {
    class Arrival extends Trigger {
      static readonly kind = 'arrival';
      async *run() {
        yield new TriggerEvent(0);
      }
    }
    class Wait extends BaseOperator<unknown> {
      execute(context: TaskContext): never {
        return context.defer(new Arrival({}), { resume: 'arrived', timeout: { hours: 1 } });
      }
      async arrived(_context: TaskContext, event: unknown) {
        return event;
      }
    }
    const dag = new DAG('deferred');
    new Wait('wait', { dag });
    const run = await runDag(dag, { triggers: [Arrival], events: { wait: { file: 'x' } }, now: MORNING });
    expect(run.output('wait')).toEqual({ file: 'x' });
    const late = await runDag(dag, { triggers: [Arrival], now: MORNING });
    expect([late.state, late.task('wait').error?.name, minutes(late.startDate, late.endDate)]).toEqual(['failed', 'DeferralTimeout', 60]);
  });

  it('follows branches, short circuits and callbacks', async () => {
    const told: string[] = [];
    const dag = new DAG('paths', { onFailure: ({ reason }) => void told.push(`run ${reason}`) });
    const choose = new BranchOperator('choose', { dag, run: () => 'left' });
    const left = dag.task('left', { onFailure: ({ ti, exception }) => void told.push(`${ti?.taskId} ${exception?.message}`) }, () => 1);
    const right = dag.task('right', () => 2);
    choose.then([left, right]);
    new ShortCircuitOperator('closed', { dag, run: () => false }).then(dag.task('never', () => 3));
    (await runDag(dag)).expectStates({ left: 'success', right: 'skipped', never: 'skipped' });
    const other = await runDag(dag, { mocks: { choose: ['right'], closed: returns(true) } });
    other.expectStates({ left: 'skipped', right: 'success', never: 'success' });
    expect(told).toEqual([]);
    const failed = await runDag(dag, { mocks: { left: fails('boom') } });
    expect(told).toEqual(['left boom', 'run null']);
    expect(failed.callbacks).toEqual([
      { event: 'failure', task: 'left', error: null },
      { event: 'failure', task: null, error: null },
    ]);
  });

  it('gives tasks the connections and variables of the test, and hides their secrets in the log', async () => {
    const dag = new DAG('secrets');
    dag.task('use', async ({ connections, variables, log }) => {
      const { password } = await connections.get('db');
      log.info(`the password is ${password}`);
      return variables.get('region');
    });
    const run = await runDag(dag, { connections: { db: 'postgres://u:s3cr3t-pw@h/d' }, variables: { region: 'eu' } });
    expect(run.output('use')).toBe('eu');
    expect(run.task('use').log.map(({ message }) => message)).toEqual(['the password is ***']);
  });

  it('a scheduled run has the interval of its date', async () => {
    const dag = new DAG('daily', { schedule: '@daily', startDate: '2026-01-01' });
    dag.task('when', ({ ds, dataIntervalEnd }) => [ds, dataIntervalEnd.toISO()]);
    const run = await runDag(dag, { logicalDate: '2026-03-09', runType: 'scheduled' });
    expect(run.output('when')).toEqual(['2026-03-09', '2026-03-10T00:00:00.000Z']);
  });
});

describe('loadDag', () => {
  const folder = makeFolder({
    'dags/one.ts': `
      import { BaseOperator, DAG, Trigger, type TaskContext } from 'thence';
      import { twice } from '../lib/twice';
      class Message extends Trigger<{ queue: string }> {
        static override kind = 'message';
        async *run() {}
      }
      class Receive extends BaseOperator<unknown> {
        execute(context: TaskContext) { context.defer(new Message({ queue: 'q' }), { resume: 'received' }); }
        received(_context: TaskContext, event: unknown) { return event; }
      }
      const dag = new DAG('one', { params: { type: 'object', properties: { n: { type: 'integer', default: 2 } } } });
      dag.task('double', ({ params }) => twice(Number(params.n))).then(new Receive('receive', { dag }));
    `,
    'lib/twice.ts': 'export const twice = (n: number): number => 2 * n;',
    'dags/two.ts': `import { DAG } from 'thence'; new DAG('first'); new DAG('second');`,
    'dags/broken.ts': 'const dag = ;',
    'dags/none.ts': 'export const none = 1;',
  });
  const file = (name: string) => path.join(folder, 'dags', name);

  it('loads a TypeScript file with its imports, in which the Trigger classes are found', async () => {
    const run = await runDag(await loadDag(file('one.ts')), { conf: { n: 4 }, events: { receive: { text: 'hello' } } });
    expect(run.states).toEqual({ double: 'success', receive: 'success' });
    expect([run.output('double'), run.output('receive')]).toEqual([8, { text: 'hello' }]);
  });

  it('takes the id of one of several DAGs', async () => {
    expect((await loadDag(file('two.ts'), 'second')).id).toBe('second');
    await expect(loadDag(file('two.ts'))).rejects.toThrow("say which, as in loadDag('" + file('two.ts') + "', 'first')");
    await expect(loadDag(file('two.ts'), 'secnd')).rejects.toThrow('did you mean "second"');
  });

  it.each([
    ['broken.ts', 'broken.ts:1:13'],
    ['none.ts', 'makes no DAG'],
    ['gone.ts', 'there is no file or folder'],
    ['.', 'is a folder'],
  ])('says what is wrong with %s', (name, message) => expect(loadDag(file(name))).rejects.toThrow(message));

  it('is what runDag asks for when it is given a path', () =>
    expect(runDag('dags/one.ts' as unknown as DAG)).rejects.toThrow("a file is loaded with `await loadDag('dags/hello.ts')`"));
});
