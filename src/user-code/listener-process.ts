/**
 * A listener, seen from its scheduler: a queue, and a process that is told from it, batch by batch. Delivery is at most once: what has been handed over
 * when the process dies is lost, and so is what does not fit into the queue. Both are counted and logged. A process that ends, or that is silent for too
 * long, is replaced after a pause that doubles each time.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { compiledEntry } from '../config/package-root';
import { ThenceError } from '../core/errors';
import type { ListenerEvent } from '../core/listener';
import type { Logger } from '../telemetry/logger';
import type { FromListenerHost, ToListenerHost } from './listener-host-protocol';
import { killGroup } from './process-groups';
import { userEnvironment } from './user-environment';

export interface ListenerProcessOptions {
  /** Absolute path of the module. */
  readonly file: string;
  readonly logger: Logger;
  /** An event, or loading, that takes longer ends the process. Default 30 s. */
  readonly patienceMs?: number;
  /** Events that wait. Default 10,000. */
  readonly mostQueued?: number;
  /** The first pause before a restart. Default 1 s. */
  readonly pauseMs?: number;
}

const BATCH = 100;
const LONGEST_PAUSE_MS = 60_000;
const REPORT_MS = 10_000;

export class ListenerProcess {
  private readonly file: string;
  private readonly logger: Logger;
  private readonly patienceMs: number;
  private readonly mostQueued: number;
  private readonly pauseMs: number;

  private readonly queue: ListenerEvent[] = [];
  private child: ChildProcess | null = null;
  private isLoaded = false;
  /** Of the batch that was handed over last: how many there were, and how many have not been told yet. */
  private batch = 0;
  private underWay = 0;
  private failures = 0;
  /** Why we ended the process. */
  private problem: string | null = null;
  private timer: NodeJS.Timeout | null = null;
  private restarting: NodeJS.Timeout | null = null;
  private stopping = false;
  private onQuiet: () => void = () => undefined;
  private reporting: NodeJS.Timeout | null = null;
  /** Events that it was not, or perhaps not, told. */
  lost = 0;

  /** @throws CONFIG when there is no such file */
  constructor({ file, logger, patienceMs = 30_000, mostQueued = 10_000, pauseMs = 1_000 }: ListenerProcessOptions) {
    if (!existsSync(file)) throw new ThenceError('CONFIG', `there is no file ${file} (THENCE_LISTENERS)`);
    this.file = file;
    this.logger = logger;
    this.patienceMs = patienceMs;
    this.mostQueued = mostQueued;
    this.pauseMs = pauseMs;
    this.start();
  }

  get isReady(): boolean {
    return this.isLoaded;
  }

  tell(events: readonly ListenerEvent[]): void {
    if (this.stopping) return;
    const room = Math.max(0, this.mostQueued - this.queue.length);
    this.queue.push(...events.slice(0, room));
    if (events.length > room) this.lose(events.length - room);
    this.next();
  }

  /** Tells what waits, for `graceMs` at most, and ends the process. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    if (this.restarting) clearTimeout(this.restarting);
    const { child } = this;
    if (child !== null) {
      await new Promise<void>((resolve) => {
        const grace = setTimeout(resolve, graceMs);
        this.onQuiet = () => {
          clearTimeout(grace);
          resolve();
        };
        if (this.isQuiet()) this.onQuiet();
      });
      if (this.child === child) {
        const exited = new Promise((resolve) => child.once('exit', resolve));
        // Its 'exit' takes it off; 'disconnect' lets it end by itself.
        if (child.connected) child.disconnect();
        const kill = setTimeout(() => this.kill(), 1_000);
        await exited;
        clearTimeout(kill);
      }
    }
    if (this.queue.length > 0) this.lose(this.queue.splice(0).length);
    this.report();
  }

  private isQuiet(): boolean {
    return this.child === null || (this.queue.length === 0 && this.underWay === 0);
  }

  private start(): void {
    const child = fork(compiledEntry('src/user-code/listener-host-main'), [String(process.pid)], {
      // A group of its own, so that what it started ends with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: userEnvironment(),
      execArgv: [],
    });
    this.child = child;
    this.isLoaded = false;
    createInterface({ input: child.stdout! }).on('line', (line) => this.logger.info(`${this.file}: ${line}`));
    createInterface({ input: child.stderr! }).on('line', (line) => this.logger.warn(`${this.file}: ${line}`));
    child.on('message', (message: FromListenerHost) => this.receive(message));
    let hasEnded = false;
    const ended = (how: string) => {
      if (!hasEnded) this.ended(child, how);
      hasEnded = true;
    };
    child.once('exit', (code, signal) => ended(signal === null ? `with exit code ${code}` : `by ${signal}`));
    child.once('error', (error) => child.pid === undefined && ended(`before it began: ${error.message}`));
    this.send({ kind: 'load', file: this.file });
    this.waitFor('has not loaded');
  }

  private receive(message: FromListenerHost): void {
    switch (message.kind) {
      case 'loaded':
        this.isLoaded = true;
        break;
      case 'load-failed':
        this.problem = `a listener could not be loaded: ${message.message}`;
        return this.kill();
      case 'told':
        this.failures = 0;
        this.underWay = this.batch - message.count;
        if (this.underWay > 0) return this.waitFor('has not got on with an event');
        break;
    }
    this.wait(null);
    this.next();
    if (this.isQuiet()) this.onQuiet();
  }

  private next(): void {
    if (!this.isLoaded || this.underWay > 0 || this.queue.length === 0) return;
    const events = this.queue.splice(0, BATCH);
    this.batch = this.underWay = events.length;
    this.send({ kind: 'events', events });
    this.waitFor('has not got on with an event');
  }

  private send(message: ToListenerHost): void {
    if (this.child?.connected) this.child.send(message, () => undefined);
  }

  private waitFor(what: string): void {
    this.wait(() => {
      this.problem = `the listener ${this.file} ${what} for ${this.patienceMs / 1000} s and was ended`;
      this.kill();
    });
  }

  private wait(late: (() => void) | null): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = late && setTimeout(late, this.patienceMs);
  }

  private kill(): void {
    if (this.child?.pid !== undefined) killGroup(this.child.pid);
  }

  private ended(child: ChildProcess, how: string): void {
    if (child.pid !== undefined) killGroup(child.pid); // what is left of the group
    this.wait(null);
    const { problem } = this;
    this.problem = null;
    this.child = null;
    this.isLoaded = false;
    if (this.underWay > 0) this.lose(this.underWay);
    this.underWay = 0;
    this.onQuiet();
    if (this.stopping) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, this.pauseMs * 2 ** this.failures++);
    const what = problem ?? `the process of the listener ${this.file} ended ${how}`;
    this.logger.error(`${what}; it is started again in ${pauseMs / 1000} s`);
    this.restarting = setTimeout(() => this.start(), pauseMs);
  }

  /** Said once for all that are lost within a while. */
  private lose(count: number): void {
    this.lost += count;
    this.reporting ??= setTimeout(() => this.report(), REPORT_MS).unref();
  }

  private report(): void {
    if (this.reporting === null) return;
    clearTimeout(this.reporting);
    this.reporting = null;
    this.logger.warn(`the listener ${this.file} was not told ${this.lost} event(s) since this process began`);
  }
}
