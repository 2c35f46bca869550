/**
 * What a task process and a task thread have in common: runs one attempt at a time, keeps what it does apart from the next one,
 * and says whether it left the place as it was.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { nounOf } from '../core/workload';
import type { AttemptOutcome, BundleCode, Outcome, UserWork } from '../core/workload';
import type { OperatorHost } from '../dag/context';
import type { ExecutionApi } from '../execution-api/execution-api';
import { AttemptLog, fileSink } from '../runner/attempt-log';
import type { LineSink } from '../runner/attempt-log';
import { attemptScope } from '../runner/attempt-scope';
import type { AttemptScope } from '../runner/attempt-scope';
import { installCapture } from '../runner/capture';
import { errorInfo, errorText } from '../runner/error-info';
import type { LoadedFile } from '../runner/find-task';
import { runCallback } from '../runner/run-callback';
import { failedOutcome, runTask, stoppedOutcome } from '../runner/run-task';
import { Stopper, TaskStopped } from '../runner/stop';
import { BundleCache, triggersOf } from './evaluate-bundle';
import { GuardedEnv } from './guarded-env';
import { forgetChild, killChildren, registerChild, trackChildren } from './task-host-children';
import { attemptVariable, killGroup } from './process-groups';
import { startMeter } from './task-host-meter';
import type { StopReason } from './task-host-protocol';

export interface TaskHostOptions {
  readonly api: ExecutionApi;
  readonly runDir: string;
  /** Processes only: threads share the process's figures, and cannot change the working directory. */
  readonly ownProcess: boolean;
  /** Takes what no attempt can be found for as the running or last attempt's: right in a host, wrong beside code of our own. @default true */
  readonly takesStrays?: boolean;
  /** Where an attempt's lines go. @default its log file */
  readonly sink?: (task: UserWork) => LineSink;
  /** The attempt's living children changed. */
  readonly onChildren?: (scope: AttemptScope) => void;
}

const bundlesKept = 64;
const settleDelaysMs = [0, 0, 0, 2, 10, 40];

export class TaskHost {
  private scope: AttemptScope | null = null;
  private stopper = new Stopper();
  private task: UserWork | null = null;
  private fail: (error: unknown) => void = () => {};
  /** Something of an ended attempt was seen: this host must not be used again. */
  private haunted = false;
  private readonly bundles = new BundleCache(bundlesKept);
  /** Of the bundles above, by what their evaluation gave. */
  private readonly files = new WeakMap<readonly unknown[], BundleCode['files']>();
  private readonly uninstall: readonly (() => void)[];
  private readonly cwd = process.cwd();
  private readonly env = new GuardedEnv();
  private resources: ReadonlyMap<string, number> | null = null;

  constructor(private readonly options: TaskHostOptions) {
    const current = () => (options.takesStrays === false ? null : this.scope);
    this.uninstall = [installCapture(current), trackChildren(options.runDir, current, options.onChildren)];
  }

  /** Never rejects. When it resolves the log is complete; `settle` says whether anything is left over. */
  async run(task: UserWork): Promise<AttemptOutcome> {
    this.resources ??= countResources();
    const scope = this.begin(task);
    const meter = this.options.ownProcess ? startMeter() : null;
    const outcome = await attemptScope.run(scope, () => this.perform(task, scope));
    const figures = meter?.() ?? { cpuMs: null, peakKb: null };
    const left = killChildren(this.options.runDir, scope);
    if (left > 0)
      scope.log.write('warn', 'thence', `The ${nounOf(task)} left ${left} child process${left === 1 ? '' : 'es'} running; killed.`);
    scope.ended = true;
    scope.log.end();
    return { attemptId: task.attemptId, outcome, ...figures };
  }

  /** True at once in the usual case: nothing is left over. Restores what the attempt changed. */
  isSettled(): boolean {
    this.restore();
    return !this.haunted && this.leftovers().length === 0;
  }

  /** Gives what is just closing a moment. False: something stays, do not use this host again. */
  async settle(): Promise<boolean> {
    for (const delay of settleDelaysMs) {
      await (delay === 0 ? nextTurn() : sleep(delay));
      if (this.isSettled()) return true;
    }
    const what = this.leftovers();
    if (what.length > 0)
      this.scope?.log.write(
        'warn',
        'thence',
        `The ${this.task ? nounOf(this.task) : 'task'} left something running (${what.join(', ')}): await it, clear it or close it. Its host is not used again.`,
      );
    return false;
  }

  stop(attemptId: string, why: StopReason): void {
    if (this.task?.attemptId !== attemptId || this.scope?.ended) return;
    this.stopper.stop(new TaskStopped(why, this.task.executionTimeoutMs, nounOf(this.task)));
  }

  /** Puts the process back as it was (the foreground executor's process goes on). */
  close(): void {
    this.uninstall.forEach((undo) => undo());
    this.env.close(attemptVariable);
  }

  private begin(task: UserWork): AttemptScope {
    const sink = this.options.sink?.(task) ?? fileSink(task.logPath);
    const log = new AttemptLog(sink, Date.now, () => (this.haunted = true));
    const scope: AttemptScope = {
      attemptId: task.attemptId,
      log,
      ended: false,
      children: new Map(),
      onUncaught: (error) => {
        if (!scope.ended) return this.fail(error);
        log.write('error', 'thence', `Uncaught: ${errorText(errorInfo(error))}`);
      },
    };
    this.scope = scope;
    this.task = task;
    this.env.setOwn(attemptVariable, task.attemptId);
    this.stopper = new Stopper();
    return scope;
  }

  private async perform(task: UserWork, scope: AttemptScope): Promise<Outcome> {
    const { stopper } = this;
    const { log } = scope;
    const uncaught = new Promise<Outcome>((resolve) => {
      this.fail = (error) => {
        this.haunted = true;
        log.write(
          'error',
          'thence',
          `An exception that nobody caught, or a rejected promise that nobody awaited, ended the ${nounOf(task)}:`,
        );
        resolve(stopper.reason ? stoppedOutcome(stopper.reason, null, log) : failedOutcome(error, log, true));
      };
    });
    const deps = { api: this.options.api, load: (work: UserWork) => this.load(work), log, stopper };
    const ran = task.kind === 'run-task' ? runTask(task, { ...deps, host: this.operatorHost(scope) }) : runCallback(task, deps);
    return Promise.race([ran, uncaught]);
  }

  /** Outside the attempt's scope: what the module starts while it loads belongs to no attempt. */
  private load(task: UserWork): Promise<LoadedFile> {
    return attemptScope.exit(async () => {
      let bundle: BundleCode | null = null;
      const fetch = async () => (bundle = await this.options.api.getBundle(task.bundleHash));
      const dags = await this.bundles.get(task.bundleHash, task, fetch);
      if (bundle) this.files.set(dags, (bundle as BundleCode).files);
      return { dags, files: this.files.get(dags) ?? {}, triggers: triggersOf(dags) };
    });
  }

  private operatorHost(scope: AttemptScope): OperatorHost {
    return {
      registerProcessGroup: (pgid) => {
        const { runDir } = this.options;
        if (scope.ended) killGroup(pgid);
        else registerChild(runDir, scope, pgid, true);
        return () => forgetChild(runDir, scope, pgid);
      },
      writeLine: (source, line) => scope.log.writeRaw(source, `${line}\n`),
    };
  }

  private restore(): void {
    if (this.options.ownProcess && process.cwd() !== this.cwd) process.chdir(this.cwd);
    this.env.restore(attemptVariable);
  }

  private leftovers(): string[] {
    const found: string[] = [];
    for (const [name, count] of countResources()) {
      const extra = count - (this.resources?.get(name) ?? 0);
      if (extra > 0) found.push(`${extra} ${readable[name] ?? name}${extra > 1 ? 's' : ''}`);
    }
    return found;
  }
}

const readable: Readonly<Record<string, string>> = {
  Timeout: 'timer',
  Immediate: 'immediate',
  TCPSocketWrap: 'socket',
  TCPServerWrap: 'server',
  ProcessWrap: 'child process',
  PipeWrap: 'pipe',
  FSReqCallback: 'file operation',
  FSReqPromise: 'file operation',
};

/** What keeps the event loop alive, by kind. Timers and sockets that are unref'd do not count: they keep nothing waiting. */
function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
