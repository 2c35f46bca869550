/** What every executor has to do, whatever the code that it runs does (executors/executor.ts). */
import { existsSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Executor } from '../../executors/executor';
import type { Outcome } from '../../src/core/workload';
import { eventually } from '../support/eventually';
import { isRunning, startHarness } from './harness';
import type { Harness } from './harness';

/** Where `make`'s executor runs an attempt that asks for nothing special; crashes of threads take the neighbours along. */
export interface ExecutorTraits {
  readonly runsIn: 'process' | 'thread';
}

export function describeExecutor(name: string, make: (home: string) => Executor, traits: ExecutorTraits): void {
  describe(`executor ${name}`, () => {
    let run: Harness;
    beforeAll(async () => {
      process.env.THENCE_SECRET_KEY = 'not for tasks';
      process.env.PGPASSWORD = 'not for tasks either';
      run = await startHarness(make);
    });
    afterAll(async () => {
      delete process.env.THENCE_SECRET_KEY;
      delete process.env.PGPASSWORD;
      await run.stop();
    });
    afterEach(() => expect(new Set(run.outcomes.map((outcome) => outcome.attemptId)).size).toBe(run.outcomes.length));

    const valueOf = (outcome: Outcome) => {
      expect(outcome).toMatchObject({ kind: 'success' });
      return JSON.parse((outcome as { returnValue: string }).returnValue) as unknown;
    };
    const messageOf = (outcome: Outcome) =>
      outcome.kind === 'failed' ? outcome.error.message : outcome.kind === 'lost' ? outcome.message : outcome.kind;
    const pidFile = () => path.join(mkdtempSync(path.join(os.tmpdir(), 'thence-pid-')), 'pid');
    const pidIn = async (file: string) => {
      await eventually(() => expect(readFileSync(file, 'utf8')).not.toBe(''));
      return Number(readFileSync(file, 'utf8'));
    };
    const isDead = async (pid: number) => eventually(() => expect(isRunning(pid)).toBe(false));

    describe('callbacks', () => {
      const callback = (event: 'success' | 'failure' | 'retry' | 'skipped') => {
        const { run: dagRun, attemptId, bundleHash, filePath, dagsFolder, logPath } = run.task('called');
        const task = { taskId: 'called', mapIndex: -1, tryNumber: 1, maxTries: 1 };
        const error = event === 'failure' ? { name: 'Error', message: 'the load', stack: null } : null;
        return {
          kind: 'run-callback' as const,
          ...{ attemptId, bundleHash, filePath, dagsFolder, logPath, run: dagRun, event, task, error },
          ...{ reason: null, executionTimeoutMs: 10_000, isolation: 'warm' as const, memoryMb: null },
        };
      };

      test('a callback runs as a task does, with a log of its own', async () => {
        const work = callback('success');
        expect((await run.outcomeOf(work)).outcome).toEqual({ kind: 'success', returnValue: null, branch: null });
        expect(run.text(work)).toBe('called is done');
      });

      test('a callback that throws has failed', async () => {
        const work = callback('failure');
        expect(messageOf((await run.outcomeOf(work)).outcome)).toBe('nobody hears of the load');
        expect(run.text(work)).toMatch(/onFailure failed: Error: nobody hears of the load/);
      });

      test.each(['retry', 'skipped'] as const)(
        'a callback that never ends (on%s) is stopped, and its place is free again',
        async (event) => {
          const work = { ...callback(event), executionTimeoutMs: 200 };
          expect((await run.outcomeOf(work)).outcome).toMatchObject({ kind: 'failed', reason: 'timeout' });
          expect(run.text(work)).toMatch(
            /The callback was stopped: it, or those of the same event together, ran longer than the limit of 0\.2 s\./,
          );
          expect((await run.outcomeOf(callback('success'))).outcome.kind).toBe('success');
        },
      );
    });

    describe('outcomes', () => {
      test('a task that returns nothing and prints nothing succeeds, without a log file and without a question to the engine', async () => {
        const task = run.task('silent');
        await run.outcomeOf(task);
        run.api.calls.length = 0;
        const again = run.task('silent', { bundleHash: task.bundleHash });
        expect((await run.outcomeOf(again)).outcome).toEqual({ kind: 'success', returnValue: null, branch: null });
        expect(existsSync(again.logPath)).toBe(false);
        expect(run.api.calls.filter((call) => call !== 'getBundle')).toEqual([]);
        expect(run.started.has(again.attemptId)).toBe(true);
      });

      test('a return value travels as JSON, made from the run and its params', async () => {
        const { outcome } = await run.outcomeOf(run.task('value', { conf: { region: 'us' } }));
        expect(valueOf(outcome)).toMatchObject({ ds: '2026-01-31', region: 'us' });
      });

      test('inputs are pulled in one question', async () => {
        run.api.calls.length = 0;
        const { outcome } = await run.outcomeOf(run.task('adds', { inputs: { a: 'one', b: 'two' } }));
        expect(valueOf(outcome)).toBe(3);
        expect(run.api.calls.filter((call) => call === 'pullXComs')).toHaveLength(1);
      });

      test('SkipError skips, an error fails and may be retried, FailError and retryWhen fail for good', async () => {
        const outcome = async (id: string) => (await run.outcomeOf(run.task(id))).outcome;
        expect(await outcome('skips')).toEqual({ kind: 'skipped', message: 'not today' });
        expect(await outcome('fails')).toMatchObject({
          kind: 'failed',
          retryable: true,
          reason: 'executed',
          error: { name: 'TypeError', message: 'it broke' },
        });
        expect(await outcome('fails_for_good')).toMatchObject({ kind: 'failed', retryable: false });
        expect(await outcome('retry_when')).toMatchObject({ kind: 'failed', retryable: false });
      });

      test('a task that its file no longer makes, params that do not fit and values that are no JSON say so', async () => {
        const message = async (id: string, more = {}) => messageOf((await run.outcomeOf(run.task(id, more))).outcome);
        expect(await message('vanished')).toMatch(/manners\.cjs no longer makes task "vanished" of DAG "manners"/);
        expect(await message('value', { conf: { count: 11 } })).toMatch(/params of DAG "manners" are not valid: count: /);
        expect(await message('bigint')).toMatch(/`rows\[0\]\.id` is a BigInt/);
        expect(await message('large')).toMatch(/too large: 3002 bytes as JSON, the limit is 2000 \(THENCE_MAX_XCOM_BYTES\)/);
      });

      test('a task with an executionTimeout is told to stop and fails by timeout, also one that is too busy to hear it', async () => {
        const waiting = await run.outcomeOf(run.task('waits', { executionTimeoutMs: 200 }));
        expect(waiting.outcome).toMatchObject({
          kind: 'failed',
          reason: 'timeout',
          error: { message: 'The task was stopped: it ran longer than its executionTimeout of 0.2 s.' },
        });
        const busy = await run.outcomeOf(run.task('chatters_and_hangs', { executionTimeoutMs: 200 }));
        expect(busy.outcome).toMatchObject({ kind: 'failed', reason: 'timeout' });
      });
    });

    describe('logs', () => {
      test('log, console, streams and the output of child processes stand in the log, each stream in order', async () => {
        const task = run.task('speaks');
        await run.outcomeOf(task);
        const lines = run.log(task);
        expect(lines.map(({ level, source, message }) => [level, source, message.split('\n')[0]])).toEqual([
          ['info', 'task', 'one { two: 2 }'],
          ['warn', 'task', 'three'],
          ['info', 'stdout', 'four'],
          ['error', 'task', 'Error: six'],
          ['info', 'stdout', 'five'],
        ]);
        for (const { time } of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

        const child = run.task('child_speaks');
        await run.outcomeOf(child);
        await eventually(() =>
          expect(run.log(child).map((line) => [line.source, line.message])).toEqual(
            expect.arrayContaining([
              ['stdout', 'from the child'],
              ['stderr', 'warned'],
            ]),
          ),
        );
      });

      test('a failure ends the log with its error and stack', async () => {
        const task = run.task('fails');
        await run.outcomeOf(task);
        expect(run.text(task)).toMatch(/TypeError: it broke\n\s+at /);
        expect(run.text(task)).not.toMatch(/run-task|node:internal/); // our own frames say nothing
      });

      test("a connection's password is masked, in every form", async () => {
        const task = run.task('connects');
        expect(valueOf((await run.outcomeOf(task)).outcome)).toBe('blue');
        expect(run.text(task)).toBe('password ***, uri postgres://u:***@h:5432/d');
      });

      test('templates are rendered over the context, shown without passwords, and a command speaks in the log', async () => {
        const task = run.task('templated');
        expect(valueOf((await run.outcomeOf(task)).outcome)).toBe('2026-01-31 1 s3cret/word');
        expect(run.log(task).map((line) => [line.source, line.message])).toEqual([['stdout', '2026-01-31 1 ***']]);
        expect(run.api.rendered).toEqual([{ command: 'echo 2026-01-31 1 ***' }]);
        expect(readdirSync(path.join(run.folder, 'run')).filter((name) => !name.startsWith('host-'))).toEqual([]);
      });

      test('what a task printed before it was killed in an endless loop is in its log', async () => {
        const task = run.task('chatters_and_hangs', { executionTimeoutMs: 500 });
        await run.outcomeOf(task);
        const messages = run.log(task).map((line) => line.message);
        expect(messages.slice(0, 500)).toEqual(Array.from({ length: 500 }, (_, line) => `line ${line}`));
        expect(messages.at(-1)).toMatch(/executionTimeout of 0\.5 s/);
      });
    });

    describe('leftovers', () => {
      test('a leftover promise fails nobody else, and what it prints stands in its own log, marked', async () => {
        const task = run.task('leaves_promise');
        expect((await run.outcomeOf(task)).outcome.kind).toBe('success');
        const next = await Promise.all(['silent', 'speaks', 'value', 'silent'].map(async (id) => run.outcomeOf(run.task(id))));
        expect(next.map(({ outcome }) => outcome.kind)).toEqual(['success', 'success', 'success', 'success']);
        await eventually(() => expect(run.text(task)).toMatch(/\[after the end\] late words/));
        await eventually(() => expect(run.text(task)).toMatch(/\[after the end\] Uncaught: Error: late failure/));
      });

      test('a leftover timer is reported, and what comes next runs elsewhere', async () => {
        const task = run.task('leaves_timer');
        expect((await run.outcomeOf(task)).outcome.kind).toBe('success');
        await eventually(() => expect(run.text(task)).toMatch(/left something running \(1 timer\)/));
        expect((await run.outcomeOf(run.task('silent'))).outcome.kind).toBe('success');
      });

      test('a changed environment and working directory do not reach the next attempt', async () => {
        for (let round = 0; round < 4; round += 1) await run.outcomeOf(run.task('changes_place'));
        for (let round = 0; round < 4; round += 1) {
          const seen = valueOf((await run.outcomeOf(run.task('where', { maxXcomBytes: 100_000 }))).outcome) as {
            cwd: string;
            env: Record<string, string>;
          };
          expect(seen.cwd).toBe(process.cwd());
          expect(seen.env.LEFT_BEHIND).toBeUndefined();
          expect(seen.env.HOME).toBe(process.env.HOME);
        }
      });

      test('a child process that is left running is killed, and the log says so', async () => {
        const conf = { pidFile: pidFile() };
        const task = run.task('leaves_child', { conf });
        expect((await run.outcomeOf(task)).outcome.kind).toBe('success');
        await isDead(await pidIn(conf.pidFile));
        expect(run.text(task)).toMatch(/left 1 child process running; killed/);
      });
    });

    describe('stops and crashes', () => {
      test('a cancelled attempt hears the signal and ends as killed; one that is cancelled for a shutdown is lost', async () => {
        for (const [why, expected] of [
          ['cleared', { kind: 'failed', reason: 'killed' }],
          ['shutdown', { kind: 'lost' }],
        ] as const) {
          const conf = { startedFile: pidFile() };
          const task = run.task('waits', { conf });
          run.begin(task);
          await pidInText(conf.startedFile);
          run.cancel(task, why);
          expect((await run.ended(task)).outcome).toMatchObject(expected);
        }
      });

      test.each([true, false])(
        'the child process (detached: %s) of an attempt that is killed in an endless loop dies with it',
        async (detached) => {
          const conf = { pidFile: pidFile(), detached };
          const task = run.task('child_and_hang', { conf });
          run.begin(task);
          const pid = await pidIn(conf.pidFile);
          run.cancel(task, 'marked');
          expect((await run.ended(task)).outcome).toMatchObject({ kind: 'failed', reason: 'killed' });
          await isDead(pid);
          expect(run.text(task)).toMatch(/spinning/);
        },
      );

      test('an attempt that waits in execSync can be killed, with its child', async () => {
        const conf = { pidFile: pidFile() };
        const task = run.task('sync_child', { conf });
        run.begin(task);
        const pid = await pidIn(conf.pidFile);
        run.cancel(task, 'cleared');
        expect((await run.ended(task)).outcome).toMatchObject({ kind: 'failed', reason: 'killed' });
        await isDead(pid);
      });

      test('process.exit fails the attempt with a sentence', async () => {
        const task = run.task('exits');
        expect(messageOf((await run.outcomeOf(task)).outcome)).toMatch(/exit code 3: something called process\.exit\(\)/);
        expect(run.text(task)).toMatch(/exit code 3/);
      });

      test('an exception in a timer and a rejection that nobody awaits fail their attempt', async () => {
        expect(messageOf((await run.outcomeOf(run.task('uncaught'))).outcome)).toBe('from a timer');
        expect(messageOf((await run.outcomeOf(run.task('unhandled'))).outcome)).toBe('nobody awaits me');
      });

      test('a native abort harms this process not; afterwards attempts run as before', async () => {
        const { outcome } = await run.outcomeOf(run.task('aborts'));
        if (traits.runsIn === 'process') expect(outcome).toMatchObject({ kind: 'failed', reason: 'killed' });
        else
          expect(messageOf(outcome)).toMatch(
            /executor host, in whose threads this and other attempts ran, was ended by SIGABRT.*all are lost/,
          );
        expect((await run.outcomeOf(run.task('silent'))).outcome.kind).toBe('success');
      });

      test('4 GB of Buffers end at the memory limit of the task, as oom', async () => {
        const { outcome } = await run.outcomeOf(run.task('buffers', { memoryMb: 400 }));
        expect(outcome).toMatchObject({ kind: 'failed', reason: 'oom' });
        expect(messageOf(outcome)).toMatch(/used too much memory, \d+ of 400 MB/);
      });

      test('a heap that grows without end is oom, and not more', async () => {
        const { outcome } = await run.outcomeOf(run.task('heap', traits.runsIn === 'process' ? { memoryMb: 100 } : {}));
        expect(outcome).toMatchObject({ kind: 'failed', reason: 'oom' });
        expect((await run.outcomeOf(run.task('silent'))).outcome.kind).toBe('success');
      });

      test("isolation 'fresh' gives each try a process that nobody used before", async () => {
        const pids = [];
        for (let round = 0; round < 2; round += 1) {
          const { outcome } = await run.outcomeOf(run.task('value', { isolation: 'fresh' }));
          pids.push((valueOf(outcome) as { pid: number }).pid);
        }
        expect(new Set(pids).size).toBe(2);
        expect(pids).not.toContain(process.pid);
      });
    });

    test('task code runs outside this process and sees none of its secrets', async () => {
      const { env, pid } = valueOf((await run.outcomeOf(run.task('where', { maxXcomBytes: 100_000 }))).outcome) as {
        env: Record<string, string>;
        pid: number;
      };
      expect(pid).not.toBe(process.pid);
      expect(Object.keys(env).filter((key) => /^(THENCE_|PG)/.test(key))).toEqual([]);
      expect(JSON.stringify(env)).not.toContain('not for tasks');
    });

    test('many attempts at once end once each', async () => {
      const tasks = Array.from({ length: 60 }, (_, index) => run.task(index % 7 === 0 ? 'fails' : 'silent'));
      const outcomes = await Promise.all(tasks.map(async (task) => run.outcomeOf(task)));
      expect(outcomes.filter(({ outcome }) => outcome.kind === 'success')).toHaveLength(51);
    });

    test('stop waits for what ends in time, loses the rest, and leaves no process', async () => {
      const own = await startHarness(make);
      const short = own.task('waits', { conf: { ms: 600, startedFile: pidFile() } });
      const long = own.task('waits', { conf: { startedFile: pidFile() } });
      const where = await own.outcomeOf(own.task('where', { maxXcomBytes: 100_000 }));
      own.begin(short);
      own.begin(long);
      for (const task of [short, long]) await pidInText((task.run.conf as { startedFile: string }).startedFile);
      await own.stop(1_500);
      const outcome = (task: { attemptId: string }) =>
        own.outcomes.filter((one) => one.attemptId === task.attemptId).map((one) => one.outcome.kind);
      expect(outcome(short)).toEqual(['success']);
      expect(outcome(long)).toEqual(['lost']);
      await isDead((valueOf(where.outcome) as { pid: number }).pid);
    });

    const pidInText = async (file: string) => eventually(() => expect(existsSync(file)).toBe(true));
  });
}
