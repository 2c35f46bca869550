/**
 * The task threads of an executor host: Piscina, one attempt per thread, grown on demand, shrunk when idle.
 *
 * A stop goes: AbortSignal and onKill inside the thread → grace time → the thread is terminated (which runs no `finally`) → child
 * processes of the attempt are killed. The outcome is said when the thread has ended, so that its slot is free when it looks free.
 */
import { EventEmitter } from 'node:events';
import os from 'node:os';
import { Piscina } from 'piscina';
import type { Worker } from 'node:worker_threads';
import { compiledEntry } from '../../src/config/package-root';
import { nounOf } from '../../src/core/workload';
import type { AttemptOutcome, Outcome, UserWork } from '../../src/core/workload';
import { answerApiRequest } from '../../src/execution-api/ipc';
import type { ExecutionApi } from '../../src/execution-api/execution-api';
import { AttemptLog, fileSink } from '../../src/runner/attempt-log';
import { errorInfo } from '../../src/runner/error-info';
import { killGroup, killMarked, killOne } from '../../src/user-code/process-groups';
import type { StopReason } from '../../src/user-code/task-host-protocol';
import { lingerMs } from '../../src/user-code/task-host-protocol';
import type { FromThread, LivingChild, ThreadHello, ToThread } from '../../src/user-code/task-thread-protocol';
import { exitSentence, failed, stoppedEnd } from '../local/describe-end';

export interface ThreadPoolOptions {
  readonly api: ExecutionApi;
  readonly runDir: string;
  readonly killGraceMs: number;
  readonly maxThreads: number;
  /** V8 heap of one thread. */
  readonly heapMb: number;
  readonly idleMs: number;
  onOutcome(outcome: AttemptOutcome): void;
}

interface Running {
  readonly task: UserWork;
  /** Piscina takes an emitter of 'abort' for a signal; making one is far cheaper than an AbortController. */
  readonly abort: EventEmitter;
  /** It is in a thread. */
  inThread: boolean;
  aborted: boolean;
  children: readonly LivingChild[];
  stopped: StopReason | null;
  timeout: NodeJS.Timeout | null;
  grace: NodeJS.Timeout | null;
  /** Its outcome has been said; only leftovers keep the thread. */
  said: boolean;
}

interface Thread {
  readonly port: ThreadHello['port'];
  readonly ended: Promise<void>;
}

/** A thread that sits in a system call (execSync) ends only with it: then its child processes are killed first. */
const stuckMs = 500;

/**
 * Short attempts are quickest in few threads, which then are warm and do not compete for the cores; long ones want one each. So an
 * attempt waits a moment for one of as many threads as there are cores, before it gets another.
 */
const hotThreads = os.availableParallelism();
const patienceMs = 5;

export class ThreadPool {
  private readonly piscina: Piscina<UserWork, AttemptOutcome | null>;
  private readonly threads = new Map<number, Thread>();
  private readonly running = new Map<string, Running>();
  /** Attempts in threads, without those of which only leftovers are there. */
  private busy = 0;
  private readonly waiting: { readonly running: Running; readonly since: number }[] = [];
  private patience: NodeJS.Timeout | null = null;

  constructor(private readonly options: ThreadPoolOptions) {
    this.piscina = new Piscina<UserWork, AttemptOutcome | null>({
      filename: compiledEntry('src/user-code/task-host-thread'),
      name: 'run',
      argv: [options.runDir],
      minThreads: Math.min(2, options.maxThreads),
      // Threads that only wait for leftovers to go hold no slot.
      maxThreads: options.maxThreads * 2,
      idleTimeout: options.idleMs,
      resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
      recordTiming: false,
    });
    this.piscina.on('message', (hello: ThreadHello) => this.welcome(hello));
    this.piscina.on('error', () => {}); // an idle thread failed: it is replaced
  }

  run(task: UserWork): void {
    const running: Running = {
      task,
      abort: new EventEmitter(),
      inThread: false,
      aborted: false,
      children: [],
      stopped: null,
      timeout: null,
      grace: null,
      said: false,
    };
    this.running.set(task.attemptId, running);
    if (this.busy < hotThreads) return this.begin(running);
    this.waiting.push({ running, since: performance.now() });
    this.patience ??= setTimeout(() => this.spread(), patienceMs);
  }

  cancel(attemptId: string, why: StopReason): void {
    const running = this.running.get(attemptId);
    if (!running || running.said || running.stopped) return;
    running.stopped = why;
    const at = this.waiting.findIndex((one) => one.running === running);
    if (at >= 0) {
      this.waiting.splice(at, 1);
      return this.end(running, stoppedEnd(why, null, 'It had not begun.'));
    }
    // Which thread it is in only the thread knows; the others ignore it.
    for (const { port } of this.threads.values()) port.postMessage({ kind: 'cancel', attemptId, why } satisfies ToThread);
    running.grace = setTimeout(() => void this.terminate(running), this.options.killGraceMs);
  }

  private begin(running: Running): void {
    const { task } = running;
    this.busy += 1;
    running.inThread = true;
    const limitMs = task.executionTimeoutMs;
    if (limitMs !== null) running.timeout = setTimeout(() => this.cancel(task.attemptId, 'timeout'), limitMs);
    this.piscina.run(task, { signal: running.abort }).then(
      (outcome) => this.onReturn(running, outcome),
      (error: unknown) => this.onThreadError(running, error),
    );
  }

  /** Those that have waited long enough for a hot thread get another one: what is before them takes its time. */
  private spread(): void {
    this.patience = null;
    const before = performance.now() - patienceMs + 1;
    while (this.waiting.length > 0 && this.waiting[0]!.since <= before) this.begin(this.waiting.shift()!.running);
    if (this.waiting.length > 0) this.patience = setTimeout(() => this.spread(), patienceMs);
  }

  /** Its thread is free, or as good as gone. */
  private release(running: Running): void {
    if (!running.inThread) return;
    running.inThread = false;
    this.busy -= 1;
    if (this.busy < hotThreads && this.waiting.length > 0) this.begin(this.waiting.shift()!.running);
  }

  private welcome({ kind, threadId, port }: ThreadHello): void {
    if (kind !== 'thence-thread') return;
    const worker = this.piscina.threads.find((thread: Worker) => thread.threadId === threadId);
    const ended = new Promise<void>((resolve) => {
      if (!worker) return resolve();
      worker.once('exit', () => {
        this.threads.delete(threadId);
        resolve();
      });
    });
    this.threads.set(threadId, { port, ended });
    port.on('message', (message: FromThread) => this.receive(port, message));
  }

  private receive(port: ThreadHello['port'], message: FromThread): void {
    switch (message.kind) {
      case 'api':
        void answerApiRequest(this.options.api, message.request, (id) => this.running.get(id)?.said === false).then((reply) =>
          port.postMessage({ kind: 'api', reply } satisfies ToThread),
        );
        return;
      case 'children': {
        const running = this.running.get(message.attemptId);
        if (running) running.children = message.children;
        return;
      }
      case 'outcome':
        return this.onUnsettled(message.outcome);
    }
  }

  private onReturn(running: Running, outcome: AttemptOutcome | null): void {
    if (outcome) this.say(running, outcome);
    clearTimeout(running.grace ?? undefined);
    this.release(running);
    // null: said already, or its message is still on the way through the port.
    if (running.said) this.running.delete(running.task.attemptId);
  }

  /** The outcome is known, and something is left over: the thread has a moment to get clean, or to write its last words. */
  private onUnsettled(outcome: AttemptOutcome): void {
    const running = this.running.get(outcome.attemptId);
    if (!running) return;
    this.say(running, outcome);
    running.grace = setTimeout(() => {
      this.running.delete(outcome.attemptId);
      this.abort(running);
    }, lingerMs);
    this.release(running);
  }

  private onThreadError(running: Running, error: unknown): void {
    this.release(running);
    if (running.said) return void this.running.delete(running.task.attemptId);
    if (running.aborted) return; // our own doing: see terminate
    this.end(running, describeThreadEnd(error, nounOf(running.task)));
  }

  private async terminate(running: Running): Promise<void> {
    if (running.said) return;
    let threadId = 0;
    const note = (destroyed: { id: number }) => (threadId = destroyed.id);
    this.piscina.once('workerDestroy', note);
    this.abort(running);
    this.piscina.off('workerDestroy', note);

    const ended = this.threads.get(threadId)?.ended ?? Promise.resolve();
    this.killChildren(running);
    const isStuck = await Promise.race([ended, new Promise<true>((resolve) => setTimeout(() => resolve(true), stuckMs))]);
    if (isStuck) killMarked(running.task.attemptId);
    await ended;
    this.killChildren(running); // those whose message came last
    const how = `It did not end within ${this.options.killGraceMs / 1000} s, so its thread was terminated.`;
    this.end(running, stoppedEnd(running.stopped!, running.task, how));
  }

  private abort(running: Running): void {
    running.aborted = true;
    running.abort.emit('abort');
  }

  private killChildren(running: Running): void {
    for (const { pid, ownGroup } of running.children) {
      if (ownGroup) killGroup(pid);
      else killOne(pid);
    }
    running.children = [];
  }

  /** The end of an attempt whose thread could not say it. */
  private end(running: Running, outcome: Outcome): void {
    this.killChildren(running);
    const message = outcome.kind === 'failed' ? outcome.error.message : outcome.kind === 'lost' ? outcome.message : null;
    if (message !== null) {
      const log = new AttemptLog(fileSink(running.task.logPath));
      log.write('error', 'thence', message);
      log.end();
    }
    this.say(running, { attemptId: running.task.attemptId, outcome, cpuMs: null, peakKb: null });
    this.running.delete(running.task.attemptId);
  }

  private say(running: Running, outcome: AttemptOutcome): void {
    if (running.said) return;
    running.said = true;
    clearTimeout(running.timeout ?? undefined);
    clearTimeout(running.grace ?? undefined);
    this.options.onOutcome(outcome);
  }
}

function describeThreadEnd(error: unknown, what: 'task' | 'callback'): Outcome {
  const { name, message, stack } = errorInfo(error);
  const exit = /^worker exited with code: (\d+)$/.exec(message);
  if (exit) return failed('killed', exitSentence(Number(exit[1]), what));
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return failed(
      'oom',
      `The ${what} ran out of JavaScript heap memory, which ended its thread. Give it more with \`resources: { memoryMb }\`, or hold less at once.`,
    );
  }
  return { kind: 'failed', error: { name, message, stack }, retryable: true, reason: 'executed' };
}
