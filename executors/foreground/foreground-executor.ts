/**
 * Executor of `dags test` and `tasks test`: one attempt at a time in this very process, so that a debugger stops in task code. Nothing
 * can be killed here: an attempt that does not stop in time is given up and left behind.
 */
import os from 'node:os';
import path from 'node:path';
import { nounOf } from '../../src/core/workload';
import type { Outcome, UserWork } from '../../src/core/workload';
import type { LogLine } from '../../src/logs/log-store';
import { attemptScope } from '../../src/runner/attempt-scope';
import type { StopReason } from '../../src/user-code/task-host-protocol';
import { TaskHost } from '../../src/user-code/task-host';
import type { CancelReason, Executor, ExecutorContext } from '../executor';
import { exitSentence, stoppedEnd } from '../local/describe-end';

export interface ForegroundExecutorOptions {
  readonly home: string;
  readonly killGraceMs: number;
  /** Each line of a task's log, as it comes. No log file is written. */
  onLine(line: LogLine, task: UserWork): void;
}

interface Running {
  readonly task: UserWork;
  readonly giveUp: (outcome: Outcome) => void;
  timeout: NodeJS.Timeout | null;
  grace: NodeJS.Timeout | null;
}

export class ForegroundExecutor implements Executor {
  readonly name = 'foreground';
  private context!: ExecutorContext;
  private host!: TaskHost;
  private readonly waiting: UserWork[] = [];
  private running: Running | null = null;
  private onIdle: () => void = () => {};
  private readonly exit = process.exit.bind(process);

  constructor(private readonly options: ForegroundExecutorOptions) {}

  async start(context: ExecutorContext): Promise<void> {
    this.context = context;
    process.exit = (code) => this.exitUnlessTask(code);
    this.host = new TaskHost({
      api: context.api,
      runDir: path.join(this.options.home, 'run'),
      ownProcess: true,
      takesStrays: false,
      // What shows a line may print itself: that is not the task's output.
      sink: (task) => ({ write: (line) => attemptScope.run('outside', () => this.options.onLine(line, task)), close: () => undefined }),
    });
  }

  capacity(): number {
    return this.running ? 0 : 1 - this.waiting.length;
  }

  run(tasks: readonly UserWork[]): void {
    this.waiting.push(...tasks);
    void this.next();
  }

  cancel(attemptId: string, why: CancelReason): void {
    const at = this.waiting.findIndex((task) => task.attemptId === attemptId);
    if (at >= 0) {
      this.waiting.splice(at, 1);
      this.say(attemptId, stoppedEnd(why, null, 'It had not begun.'));
    } else if (this.running?.task.attemptId === attemptId) this.stopRunning(why, this.options.killGraceMs);
  }

  async stop(graceMs: number): Promise<void> {
    for (const task of this.waiting.splice(0)) this.say(task.attemptId, { kind: 'not-started', message: 'thence is shutting down' });
    if (this.running) {
      const idle = new Promise<void>((resolve) => (this.onIdle = resolve));
      const timer = setTimeout(() => this.stopRunning('shutdown', Math.min(1_000, this.options.killGraceMs)), graceMs);
      await idle;
      clearTimeout(timer);
    }
    this.host.close();
    process.exit = this.exit;
  }

  stats() {
    return { running: this.running ? 1 : 0, capacity: 1, workers: 1 };
  }

  private async next(): Promise<void> {
    if (this.running) return;
    const task = this.waiting.shift();
    if (!task) return this.onIdle();
    const givenUp = new Promise<Outcome>((resolve) => {
      this.running = { task, giveUp: resolve, timeout: null, grace: null };
    });
    const running = this.running as unknown as Running;
    if (task.executionTimeoutMs !== null)
      running.timeout = setTimeout(() => this.stopRunning('timeout', this.options.killGraceMs), task.executionTimeoutMs);
    this.context.onStarted(task.attemptId, { host: os.hostname(), pid: process.pid });
    const abandoned = givenUp.then((outcome) => ({ attemptId: task.attemptId, outcome, cpuMs: null, peakKb: null }));
    const outcome = await Promise.race([this.host.run(task), abandoned]);
    clearTimeout(running.timeout ?? undefined);
    clearTimeout(running.grace ?? undefined);
    this.host.isSettled(); // puts environment and working directory back
    this.running = null;
    this.context.onOutcome(outcome);
    void this.next();
  }

  /** In a task it would end the run, even as a success, before anybody heard of it. */
  private exitUnlessTask(code: number | string | null | undefined): never {
    const scope = attemptScope.getStore();
    if (scope === undefined || scope === 'outside') return this.exit(code);
    throw new Error(exitSentence(Number(code ?? process.exitCode ?? 0), this.running ? nounOf(this.running.task) : 'task'));
  }

  private stopRunning(why: StopReason, graceMs: number): void {
    const { running } = this;
    if (!running || running.grace) return;
    this.host.stop(running.task.attemptId, why);
    const end = stoppedEnd(why, running.task, `It did not end within ${graceMs / 1000} s and was left behind.`);
    running.grace = setTimeout(() => running.giveUp(end), graceMs);
  }

  private say(attemptId: string, outcome: Outcome): void {
    this.context.onOutcome({ attemptId, outcome, cpuMs: null, peakKb: null });
  }
}
