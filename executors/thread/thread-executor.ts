/**
 * Executor `thread`: attempts in the threads of one executor host process. When the host dies, all attempts in it are lost: which of
 * them ended it cannot be told. Attempts that want a process of their own (`isolation: 'fresh'`, `resources.memoryMb`) get one.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { compiledEntry } from '../../src/config/package-root';
import type { UserWork } from '../../src/core/workload';
import { answerApiRequest } from '../../src/execution-api/ipc';
import { AttemptLog, fileSink } from '../../src/runner/attempt-log';
import { userEnvironment } from '../../src/user-code/user-environment';
import { forgetHost, killGroup, killMarked, nameHost, sweepGroups } from '../../src/user-code/process-groups';
import type { FromHost, StopReason, ToHost } from '../../src/user-code/task-host-protocol';
import { fenceMarker, memoryMarker } from '../../src/user-code/task-host-protocol';
import type { CancelReason, Executor, ExecutorContext } from '../executor';
import { startHeartbeat } from '../heartbeat-file';
import { fenceSentence } from '../local/describe-end';
import { ProcessPool } from '../local/process-pool';
import type { ThreadHostSettings } from './host-main';

export interface ThreadExecutorOptions {
  /** thence's home: `run/` in it names process groups that must not outlive us. */
  readonly home: string;
  /** Between asking an attempt to stop and terminating its thread. */
  readonly killGraceMs: number;
  /** Of the scheduler's session. When the scheduler freezes, attempts end before it does. Without it they go on. */
  readonly leaseMs?: number;
  /** @default 4 per core, at most THENCE_PARALLELISM */
  readonly maxThreads?: number;
  /** V8 heap of one thread. @default 1024 */
  readonly threadHeapMb?: number;
  /** Resident memory of the executor host, all threads together. @default 60 % of the machine */
  readonly hostMemoryMb?: number;
  /** An idle thread goes after that time. @default 30 s */
  readonly idleMs?: number;
}

const stderrTailLength = 4_000;
const closeWaitMs = 200;

export class ThreadExecutor implements Executor {
  readonly name = 'thread';
  private context!: ExecutorContext;
  private settings!: ThreadHostSettings;
  private host: ChildProcess | null = null;
  /** Resolves when the host has ended and its attempts have been spoken for. */
  private hostEnded: Promise<void> = Promise.resolve();
  private alone: ProcessPool | null = null;
  private readonly inThreads = new Map<string, UserWork>();
  private readonly inProcesses = new Set<string>();
  private outbox: ToHost[] = [];
  private stderrTail = '';
  private failures = 0;
  private retryStart: NodeJS.Timeout | null = null;
  private stopping = false;
  private beating: ReturnType<typeof startHeartbeat> | null = null;
  private onIdle: () => void = () => {};

  constructor(private readonly options: ThreadExecutorOptions) {}

  async start(context: ExecutorContext): Promise<void> {
    const { home, killGraceMs, maxThreads, threadHeapMb = 1024, hostMemoryMb, idleMs = 30_000 } = this.options;
    const runDir = path.join(home, 'run');
    sweepGroups(runDir);
    if (this.options.leaseMs !== undefined) this.beating = startHeartbeat(runDir, this.options.leaseMs);
    this.context = context;
    this.settings = {
      runDir,
      heartbeat: this.beating?.heartbeat ?? null,
      killGraceMs,
      maxThreads: Math.min(context.parallelism, maxThreads ?? 4 * os.availableParallelism()),
      heapMb: threadHeapMb,
      idleMs,
      memoryMb: hostMemoryMb ?? Math.round((0.6 * os.totalmem()) / 1024 / 1024),
    };
    this.startHost();
  }

  capacity(): number {
    if (!this.host) return 0;
    return Math.max(0, this.settings.maxThreads - this.inThreads.size - this.inProcesses.size);
  }

  run(tasks: readonly UserWork[]): void {
    for (const task of tasks) {
      if (task.isolation === 'fresh' || task.memoryMb !== null) this.runAlone(task);
      else if (!this.host) this.say(task.attemptId, { kind: 'not-started', message: 'the executor host is not there' });
      else {
        this.inThreads.set(task.attemptId, task);
        this.send({ kind: 'run', task });
        this.context.onStarted(task.attemptId, { host: hostName, pid: this.host.pid ?? null });
      }
    }
  }

  cancel(attemptId: string, why: CancelReason): void {
    if (this.inThreads.has(attemptId)) this.send({ kind: 'cancel', attemptId, why });
    else this.alone?.cancel(attemptId, why);
  }

  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    clearTimeout(this.retryStart ?? undefined);
    await Promise.all([this.stopHost(graceMs), this.alone?.stop(graceMs)]);
    this.beating?.stop();
  }

  sweep(): void {
    sweepGroups(this.settings.runDir);
  }

  stats() {
    const running = this.inThreads.size + this.inProcesses.size;
    return {
      running,
      capacity: this.settings.maxThreads,
      workers: (this.host ? this.settings.maxThreads : 0) + (this.alone?.processCount ?? 0),
    };
  }

  private startHost(): void {
    this.stderrTail = '';
    const host = fork(compiledEntry('executors/thread/host-main'), [JSON.stringify(this.settings)], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: userEnvironment(),
      execArgv: [],
    });
    this.host = host;
    if (host.pid !== undefined) nameHost(this.settings.runDir, host.pid);
    host.on('message', (batch: readonly FromHost[]) => batch.forEach((message) => this.receive(message)));
    host.on('error', () => {}); // a message that could not be sent: 'close' follows
    // Threads take care of their own output; this is native code's, which belongs to no attempt in particular.
    host.stdout!.setEncoding('utf8').on('data', (text: string) => this.context.logger.info(`executor host printed: ${text.trimEnd()}`));
    host.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderrTail = (this.stderrTail + text).slice(-stderrTailLength)));
    this.hostEnded = new Promise((resolve) => {
      // Its last messages and words may still be on their way.
      const closed = new Promise((done) => host.once('close', done));
      host.once('exit', (code, signal) => {
        void Promise.race([closed, new Promise((done) => setTimeout(done, closeWaitMs))]).then(() => {
          this.onHostEnd(host, code, signal);
          resolve();
        });
      });
    });
  }

  private receive(message: FromHost): void {
    switch (message.kind) {
      case 'ready':
        this.failures = 0;
        return this.context.onCapacity();
      case 'outcome':
        return this.say(message.outcome.attemptId, message.outcome.outcome);
      case 'api':
        void answerApiRequest(this.context.api, message.request, (id) => this.inThreads.has(id)).then((reply) =>
          this.send({ kind: 'api', reply }),
        );
        return;
      case 'left':
        return;
    }
  }

  private onHostEnd(host: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    this.host = null;
    this.outbox = [];
    if (host.pid !== undefined) {
      sweepGroups(this.settings.runDir, (owner) => owner.pid === host.pid);
      killGroup(host.pid);
      forgetHost(this.settings.runDir, host.pid);
    }
    killMarked(...this.inThreads.keys());
    const reason = this.describeHostEnd(code, signal);
    if (!this.stopping) this.context.logger.error(`${reason} Attempts lost: ${this.inThreads.size}. ${this.stderrTail.trim()}`);
    for (const [attemptId, { logPath }] of [...this.inThreads]) {
      const log = new AttemptLog(fileSink(logPath));
      log.write('error', 'thence', reason);
      log.end();
      this.say(attemptId, { kind: 'lost', message: reason });
    }
    if (this.stopping) return;
    this.failures += 1;
    this.retryStart = setTimeout(() => this.startHost(), this.failures === 1 ? 0 : Math.min(30_000, 250 * 2 ** this.failures));
  }

  private describeHostEnd(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.stopping) return 'thence is shutting down, and the attempt did not end in time.';
    if (this.stderrTail.includes(fenceMarker)) return fenceSentence;
    const memory = new RegExp(`${memoryMarker}(.*)`).exec(this.stderrTail)?.[1];
    const how =
      memory !== undefined
        ? `used too much memory, ${memory}`
        : signal !== null
          ? `was ended by ${signal}`
          : `ended with exit code ${code}`;
    return (
      `The executor host, in whose threads this and other attempts ran, ${how}. Which attempt did it cannot be told, so all are lost. ` +
      "A task that crashes natively, or needs much memory, is better off in a process of its own: `isolation: 'fresh'` or `resources: { memoryMb }`."
    );
  }

  private runAlone(task: UserWork): void {
    this.alone ??= new ProcessPool({
      api: this.context.api,
      logger: this.context.logger,
      runDir: this.settings.runDir,
      heartbeat: this.settings.heartbeat,
      killGraceMs: this.settings.killGraceMs,
      maxProcesses: 0,
      minProcesses: 0,
      attemptsPerProcess: 1,
      idleMs: 60_000,
      onStarted: (attemptId, pid) => this.context.onStarted(attemptId, { host: hostName, pid }),
      onOutcome: (outcome) => {
        this.inProcesses.delete(outcome.attemptId);
        this.context.onOutcome(outcome);
      },
    });
    this.inProcesses.add(task.attemptId);
    this.alone.run(task);
  }

  private say(attemptId: string, outcome: Parameters<ExecutorContext['onOutcome']>[0]['outcome']): void {
    this.inThreads.delete(attemptId);
    this.context.onOutcome({ attemptId, outcome, cpuMs: null, peakKb: null });
    if (this.inThreads.size === 0) this.onIdle();
  }

  private send(message: ToHost): void {
    this.outbox.push(message);
    if (this.outbox.length === 1) setImmediate(() => this.flush());
  }

  private flush(): void {
    const batch = this.outbox;
    this.outbox = [];
    if (batch.length > 0 && this.host?.connected) this.host.send(batch, () => {});
  }

  private async stopHost(graceMs: number): Promise<void> {
    const { host } = this;
    if (!host) return;
    await this.untilIdle(graceMs);
    const why: StopReason = 'shutdown';
    for (const attemptId of this.inThreads.keys()) this.send({ kind: 'cancel', attemptId, why });
    await this.untilIdle(Math.min(this.settings.killGraceMs, 1_000));
    if (host.pid !== undefined && host.exitCode === null && host.signalCode === null) killGroup(host.pid);
    await this.hostEnded;
  }

  private async untilIdle(timeoutMs: number): Promise<void> {
    if (this.inThreads.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.onIdle = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }
}

const hostName = os.hostname();
