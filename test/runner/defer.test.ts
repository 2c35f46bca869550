import type { BundleCode, Outcome, ResumeInfo, RunTask } from '../../src/core/workload';
import { openRegistry } from '../../src/dag/registry';
import { bundleFile } from '../../src/dag-processor/bundle-file';
import type { ExecutionApi } from '../../src/execution-api/execution-api';
import { AttemptLog } from '../../src/runner/attempt-log';
import { runTask } from '../../src/runner/run-task';
import { Stopper } from '../../src/runner/stop';
import { evaluateBundle, triggersOf } from '../../src/user-code/evaluate-bundle';
import { makeFolder } from '../dag-processor/make-folder';

async function bundleOf(dagsFolder: string, filePath: string): Promise<BundleCode> {
  const outcome = await bundleFile(dagsFolder, filePath);
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.built.bundle;
}

/** Runs the task "t" of the DAG "d" that the file makes. */
async function run(files: { readonly [name: string]: string }, resume: ResumeInfo | null = null, filePath = 'd.ts'): Promise<Outcome> {
  const dagsFolder = makeFolder(files);
  const bundle = await bundleOf(dagsFolder, filePath);
  const at = 1_700_000_000_000;
  const workload: RunTask = {
    kind: 'run-task',
    attemptId: '00000000-0000-4000-8000-000000000000',
    bundleHash: bundle.hash,
    filePath,
    dagsFolder,
    run: { dagId: 'd', runId: 'r', runType: 'manual', logicalDate: at, dataIntervalStart: at, dataIntervalEnd: at, runAfter: at, startDate: at, conf: {} }, // prettier-ignore
    taskId: 't',
    mapIndex: -1,
    tryNumber: 1,
    piece: 0,
    maxTries: 1,
    executionTimeoutMs: null,
    isolation: 'warm',
    memoryMb: null,
    inputs: {},
    mapLengths: null,
    resume,
    tryStartedAt: null,
    logPath: '',
    maxXcomBytes: 100_000,
  };
  return runTask(workload, {
    api: { setRendered: async () => undefined } as unknown as ExecutionApi,
    load: async () => {
      const dags = await evaluateBundle(bundle, { filePath, dagsFolder });
      return { dags, files: {}, triggers: triggersOf(dags) };
    },
    log: new AttemptLog({ write: () => undefined, close: () => undefined }),
    stopper: new Stopper(),
    host: { registerProcessGroup: () => () => undefined, writeLine: () => undefined },
  });
}

const file = (
  body: string,
  trigger = `class Arrived extends Trigger { static kind = 'arrived'; async *run() { yield new TriggerEvent(1); } }`,
) => ({
  'd.ts': `import { BaseOperator, DAG, DeferralTimeout, Trigger, TriggerEvent, TriggerFailed } from 'thence';
    ${trigger}
    class Wait extends BaseOperator<any> { ${body} }
    new Wait('t', { dag: new DAG('d') });`,
});
const messageOf = (outcome: Outcome) => (outcome.kind === 'failed' ? outcome.error.message : JSON.stringify(outcome));

afterEach(() => openRegistry());

it('a task that defers ends as deferred, with what its trigger was made of', async () => {
  const before = Date.now();
  const outcome = await run(
    file(`execute(context) { context.defer(new Arrived({ path: 'a', since: new Date(0) }), { resume: 'done', timeout: { minutes: 1 } }); }
      done() {}`),
  );
  expect(outcome).toEqual({
    kind: 'deferred',
    wait: {
      kind: 'custom',
      trigger: 'arrived',
      args: { path: 'a', since: '1970-01-01T00:00:00.000Z' },
      firstCheckAt: null,
      intervalMs: null,
      timeoutAt: expect.any(Number) as number,
      resume: 'done',
    },
  });
  const { timeoutAt } = (outcome as Extract<Outcome, { kind: 'deferred' }>).wait;
  expect(timeoutAt).toBeGreaterThanOrEqual(before + 60_000);
});

it('a wait that thence checks by itself has its first look and its interval', async () => {
  const body = (wait: string) => file(`execute(context) { context.defer(${wait}, { resume: 'done' }); } done() {}`);
  expect(await run(body(`{ kind: 'time', args: { at: 5 } }`))).toMatchObject({
    wait: { kind: 'time', trigger: null, args: { at: 5 }, firstCheckAt: 5, intervalMs: null, timeoutAt: null },
  });
  expect(await run(body(`{ kind: 'file', args: { path: '/x' }, intervalMs: 20 }`))).toMatchObject({
    wait: { kind: 'file', firstCheckAt: null, intervalMs: 20 },
  });
  expect(messageOf(await run(body(`{ kind: 'file', args: { pth: '/x' } }`)))).toBe(
    '`args.path` of the file wait of task "t" is undefined; allowed is an absolute path',
  );
  expect(messageOf(await run(body(`{ kind: 'file', args: { path: 'x' } }`)))).toContain('is "x"; allowed is an absolute path');
  expect(messageOf(await run(body(`{ kind: 'time' }`)))).toContain('`args.at` of the time wait of task "t" is undefined');
  expect(messageOf(await run(body(`{ kind: 'moon' }`)))).toContain('a wait of the kinds time, http, file, sql, external-task, dag-run');
});

const resumable = file(`execute() { return 'executed'; } done(context, event) { return [context.ti.taskId, event]; }`);
const handling = file(`execute() {} done() {} onDeferralError(context, error) {
  return [error instanceof DeferralTimeout, error instanceof TriggerFailed, error.message]; }`);

it('the task goes on in the method that was named, with the payload', async () => {
  const outcome = await run(resumable, { method: 'done', event: { kind: 'event', payload: { rows: 3 } } });
  expect(outcome).toMatchObject({ kind: 'success', returnValue: '["t",{"rows":3}]' });
});

it('a timeout and a failed trigger are thrown in place of the method, or given to onDeferralError', async () => {
  const failed = { method: 'done', event: { kind: 'failed', message: 'no such queue' } } as const;
  expect(await run(resumable, { method: 'done', event: { kind: 'timeout' } })).toMatchObject({ error: { name: 'DeferralTimeout' } });
  expect(await run(resumable, failed)).toMatchObject({ error: { name: 'TriggerFailed' } });
  expect(messageOf(await run(resumable, failed))).toContain('no such queue');
  expect(await run(handling, failed)).toMatchObject({ kind: 'success', returnValue: expect.stringMatching(/^\[false,true,.*no such queue/) as string }); // prettier-ignore
});

it('a deferral that the task itself caught fails the task with how to mend it', async () => {
  const outcome = await run(file(`execute(context) { try { context.defer(new Arrived(), { resume: 'done' }); } catch {} } done() {}`));
  expect(messageOf(outcome)).toContain('something in the task caught it');
});

it.each([
  ['a method that is not there', `context.defer(new Arrived(), { resume: 'dome' })`, /has no such method.*did you mean.*done/],
  ['no method', `context.defer(new Arrived(), {})`, /needs `resume`/],
  ['an unknown option', `context.defer(new Arrived(), { resume: 'done', timout: 1 })`, /unknown option `timout`.*timeout/],
  ['a timeout that is none', `context.defer(new Arrived(), { resume: 'done', timeout: 'soon' })`, /timeout.*is not a duration/],
  [
    'arguments that are not JSON',
    `context.defer(new Arrived({ on: () => 1 }), { resume: 'done' })`,
    /Arrived is made with cannot be stored as JSON: `on` is a function/,
  ],
  ['arguments that are no object', `context.defer(new Arrived(3), { resume: 'done' })`, /takes its arguments as one object/],
  ['something else', `context.defer(3, { resume: 'done' })`, /takes a Trigger or a wait/],
  [
    'a class inside a function',
    `class Late extends Trigger { static kind = 'late'; async *run() {} } context.defer(new Late(), { resume: 'done' })`,
    /no Trigger class of the kind "late".*top level/,
  ],
])('deferring with %s fails with a sentence', async (_what, call, message) => {
  expect(messageOf(await run(file(`execute(context) { ${call}; } done() {}`)))).toMatch(message);
});

it('a Trigger class needs a kind of its own, and no two of a file have the same', async () => {
  const defer = `execute(context) { context.defer(new B(), { resume: 'done' }); } done() {}`;
  const run_ = 'async *run() {}';
  const none = await run(file(defer, `class B extends Trigger { ${run_} }`));
  expect(messageOf(none)).toMatch(/Trigger class B has no `static kind`/);
  const inherited = await run(file(defer, `class A extends Trigger { static kind = 'a'; ${run_} } class B extends A {}`));
  expect(messageOf(inherited)).toMatch(/Trigger class B has no `static kind`/);
  const two = await run(
    file(defer, `class A extends Trigger { static kind = 'k'; ${run_} } class B extends Trigger { static kind = 'k'; ${run_} }`),
  );
  expect(messageOf(two)).toMatch(/two Trigger classes of the kind "k" \(A and B\)/);
});

it('two Trigger classes with one kind are found when the file is stored, whether they are used or not', async () => {
  const dagsFolder = makeFolder({
    'd.ts': `import { DAG, Trigger } from 'thence';
      abstract class Base extends Trigger {}
      class A extends Base { static kind = 'k'; async *run() {} } class B extends Trigger { static kind = 'k'; async *run() {} }
      new DAG('d').task('t', () => [A, B]);`,
  });
  const dags = await evaluateBundle(await bundleOf(dagsFolder, 'd.ts'), { filePath: 'd.ts', dagsFolder });
  expect(() => triggersOf(dags).check()).toThrow(/Trigger classes A and B both have the kind "k"/);
});

it('triggers are found wherever the file has them from: a base, an import, a file with top-level await', async () => {
  const operator = `class Wait extends BaseOperator<any> { execute(context) { context.defer(new X({ n: 1 }), { resume: 'done' }); } done() {} }
    new Wait('t', { dag: new DAG('d') });`;
  const local = {
    'd.ts': `import { BaseOperator, DAG } from 'thence';\nimport { X } from './lib/x';\n${operator}`,
    'lib/x.ts': `import { Trigger, TriggerEvent } from 'thence';
      abstract class Base extends Trigger {}
      export const X = class extends Base { static kind = 'x'; async *run() { yield new TriggerEvent(1); } };`,
  };
  expect(await run(local)).toMatchObject({ wait: { trigger: 'x' } });
  const awaiting = {
    'd.mts': `import { BaseOperator, DAG, Trigger } from 'thence';\nawait null;\nclass X extends Trigger { static kind = 'x'; async *run() {} }\n${operator}`,
  };
  expect(await run(awaiting, null, 'd.mts')).toMatchObject({ wait: { trigger: 'x' } });
});
