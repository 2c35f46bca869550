/**
 * Runs LoadDagFile and EvaluateTimetable workloads in child processes (load-host-main.ts). A file that does not come to an end, exits, or eats
 * memory costs its process and nothing else; processes are kept warm between files and replaced after a number of them.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Config } from '../config/config';
import { compiledEntry } from '../config/package-root';
import type { EvaluateTimetable, LoadDagFile } from '../core/workload';
import { LAST_WORDS_FD } from './load-messages';
import type { EvaluateResult, LastWords, LoadReply, LoadRequest, LoadResult } from './load-messages';
import { userEnvironment } from './user-environment';

export interface HostOutcome<Result> {
  /** null: the host died of this file; `death` says how. */
  readonly result: Result | null;
  readonly death: { readonly message: string; readonly stack: string | null } | null;
  /** What the file printed while it loaded, the newest 64 kB. */
  readonly output: string;
  readonly durationMs: number;
}
export type LoadOutcome = HostOutcome<LoadResult>;

export type LoadLimits = Pick<Config, 'dagFileTimeoutMs' | 'dagFileMemoryMb'>;

export class LoadHostsStopped extends Error {
  override readonly name = 'LoadHostsStopped';
  constructor() {
    super('stopped while a DAG file was loading');
  }
}

/** A process that has loaded so many files is replaced by a fresh one: packages leak, and node_modules change. */
export const LOADS_PER_HOST = 100;
const KEPT_OUTPUT = 64 * 1024;
/** A file that takes longer than this no longer stands in the way of others: another process takes its place in the count. */
const SLOW_MS = 2_000;
const MOST_SLOW = 4;
/** What an empty host takes; the limit of a file comes on top. */
const HOST_ITSELF_MB = 128;

/** A few load hosts. They may be called at any time; more than `size` at once wait for their turn. */
export class LoadHosts {
  private readonly idle: LoadHost[] = [];
  private readonly all = new Set<LoadHost>();
  private readonly waiting: { readonly resolve: (host: LoadHost) => void; readonly reject: (error: Error) => void }[] = [];
  private readonly size: number;
  private readonly keepWarm: boolean;
  /** Loads that have been going on for long; each allows one process more. */
  private slow = 0;
  private stopped = false;
  /** Processes started so far, for tests and figures. */
  started = 0;
  /** The most that any of them took after a load. */
  largestRssMb = 0;

  /** @param options.keepWarm a process stands ready from now on, so that the next file need not wait for one to start (0.2 s) */
  constructor(
    private readonly limits: LoadLimits,
    { size = 2, keepWarm = false }: { readonly size?: number; readonly keepWarm?: boolean } = {},
  ) {
    this.size = size;
    this.keepWarm = keepWarm;
    this.serve();
  }

  /** @throws LoadHostsStopped when `stop` comes before the end */
  load(workload: LoadDagFile): Promise<LoadOutcome> {
    return this.run(workload) as Promise<LoadOutcome>;
  }

  /** `death` says how it went on: 'did not answer within 30 s …'. @throws LoadHostsStopped */
  evaluate(workload: EvaluateTimetable): Promise<HostOutcome<EvaluateResult>> {
    return this.run(workload) as Promise<HostOutcome<EvaluateResult>>;
  }

  private async run(workload: LoadDagFile | EvaluateTimetable): Promise<HostOutcome<LoadReply['result']>> {
    const host = await new Promise<LoadHost>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.serve();
    });
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = this.slow < MOST_SLOW;
      if (isSlow) this.slow += 1;
      this.serve();
    }, SLOW_MS);
    try {
      const outcome = await host.run(workload);
      this.largestRssMb = Math.max(this.largestRssMb, host.rssMb);
      if (this.stopped) throw new LoadHostsStopped();
      return outcome;
    } finally {
      clearTimeout(timer);
      if (isSlow) this.slow -= 1;
      if (host.isUsedUp) this.drop(host);
      else this.idle.push(host);
      this.serve();
    }
  }

  /** Replaces all idle processes, so that the next files see what node_modules hold now. */
  refresh(): void {
    for (const host of this.idle.splice(0)) this.drop(host);
    this.serve();
  }

  /** Kills everything. */
  stop(): void {
    this.stopped = true;
    for (const host of this.all) this.drop(host);
    this.serve();
  }

  /** Gives processes to those who wait, and keeps as many as there should be. */
  private serve(): void {
    if (this.stopped) {
      for (const { reject } of this.waiting.splice(0)) reject(new LoadHostsStopped());
      return;
    }
    while (this.waiting.length > 0) {
      const host = this.takeIdle() ?? (this.all.size < this.size + this.slow ? this.fresh() : null);
      if (host === null) return;
      this.waiting.shift()!.resolve(host);
    }
    while (this.idle.length > 0 && this.all.size > this.size + this.slow) this.drop(this.idle.pop()!);
    if (this.keepWarm && this.all.size === 0) this.idle.push(this.fresh());
  }

  private takeIdle(): LoadHost | null {
    for (let host = this.idle.pop(); host !== undefined; host = this.idle.pop()) {
      if (!host.isUsedUp) return host;
      this.drop(host);
    }
    return null;
  }

  private fresh(): LoadHost {
    this.started += 1;
    const host = new LoadHost(this.limits);
    this.all.add(host);
    return host;
  }

  private drop(host: LoadHost): void {
    host.kill();
    this.all.delete(host);
  }
}

/** One child process. */
class LoadHost {
  private readonly child: ChildProcess;
  private readonly ended: Promise<string>;
  private readonly rssLimitMb: number;
  private loads = 0;
  private output = '';
  private lastWords: LastWords | null = null;
  private settle: ((reply: LoadReply | null) => void) | null = null;
  isUsedUp = false;
  rssMb = 0;

  constructor(private readonly limits: LoadLimits) {
    this.rssLimitMb = HOST_ITSELF_MB + limits.dagFileMemoryMb;
    this.child = fork(compiledEntry('src/user-code/load-host-main'), [String(this.rssLimitMb), String(process.pid)], {
      env: userEnvironment(),
      execArgv: [`--max-old-space-size=${limits.dagFileMemoryMb}`, '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      // A group of its own, so that what the file started ends with it.
      detached: true,
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output = (this.output + text).slice(-KEPT_OUTPUT)));
    }
    createInterface({ input: this.child.stdio[LAST_WORDS_FD] as Readable }).on('line', (line) => {
      this.lastWords = JSON.parse(line) as LastWords;
    });
    this.child.on('message', (reply) => this.settle?.(reply as LoadReply));
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      // 'close', not 'exit': what it said last has been read by then.
      this.child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.ended.then(() => {
      this.isUsedUp = true;
      this.settle?.(null);
    });
  }

  async run(workload: LoadDagFile | EvaluateTimetable): Promise<HostOutcome<LoadReply['result']>> {
    this.loads += 1;
    this.output = '';
    const startedAt = performance.now();
    let timedOut = false;
    const reply = await new Promise<LoadReply | null>((resolve) => {
      const timer = setTimeout(() => {
        timedOut = true;
        this.kill();
      }, this.limits.dagFileTimeoutMs);
      this.settle = (answer) => {
        clearTimeout(timer);
        this.settle = null;
        resolve(answer);
      };
      if (this.isUsedUp) this.settle(null);
      else this.child.send({ id: this.loads, workload } satisfies LoadRequest, (error) => error && this.kill());
    });
    this.rssMb = reply?.rssMb ?? this.rssMb;
    if (reply === null || reply.dirty || this.loads >= LOADS_PER_HOST || reply.rssMb > this.rssLimitMb / 2) this.isUsedUp = true;
    // What the file printed comes through pipes of its own and may be one turn behind the answer.
    await new Promise((resolve) => setImmediate(resolve));
    const death = reply === null ? this.describeDeath(workload.kind, await this.ended, timedOut) : null;
    return { result: reply?.result ?? null, death, output: this.output, durationMs: performance.now() - startedAt };
  }

  /** With everything that its files started. */
  kill(): void {
    this.isUsedUp = true;
    const { pid } = this.child;
    if (pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.child.kill('SIGKILL');
    }
  }

  private describeDeath(kind: LoadRequest['workload']['kind'], how: string, timedOut: boolean): { message: string; stack: string | null } {
    const { dagFileMemoryMb, dagFileTimeoutMs } = this.limits;
    const [meanwhile, inTime, advice] =
      kind === 'load-dag-file'
        ? ['while it loaded', 'finish loading', 'work that belongs inside a task']
        : ['while it was asked', 'answer', 'a schedule that never gets on'];
    const said = this.lastWords;
    if (timedOut) {
      return {
        message: `did not ${inTime} within ${dagFileTimeoutMs / 1000} s (THENCE_DAG_FILE_TIMEOUT): an endless loop, or ${advice}`,
        stack: null,
      };
    }
    if (said?.kind === 'exit') {
      return { message: `called process.exit(${said.code ?? ''}) ${meanwhile}: a DAG file may not end its process`, stack: said.stack };
    }
    if (said?.kind === 'memory' || /heap out of memory|Array buffer allocation failed/.test(this.output)) {
      return {
        message: `used more than ${dagFileMemoryMb} MB ${meanwhile} (THENCE_DAG_FILE_MEMORY_MB): load data inside tasks, not at the top level of the file`,
        stack: null,
      };
    }
    return { message: `ended its process ${meanwhile} (${how})`, stack: null };
  }
}
