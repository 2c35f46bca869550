/**
 * A trigger host, seen from the triggerer: starting → loading → open → gone. It is asked from time to time whether its event loop still
 * comes round; when it has not for too long, it is killed. Whatever ends it, what it was running is handed back in one piece, with whose fault it was
 * where that can be told.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { compiledEntry } from '../config/package-root';
import type { BundleCode } from '../core/workload';
import { answerApiRequest } from '../execution-api/ipc';
import type { ExecutionApi } from '../execution-api/execution-api';
import type { Logger } from '../telemetry/logger';
import { LAST_WORDS_FD } from '../user-code/load-messages';
import { killGroup } from '../user-code/process-groups';
import type { BlockedWords, EndedTrigger, FromTriggerHost, StartTrigger, ToTriggerHost } from '../user-code/trigger-host-protocol';
import { userEnvironment } from '../user-code/user-environment';

export interface TriggerHostOptions {
  readonly bundle: () => Promise<BundleCode>;
  readonly filePath: string;
  readonly dagsFolder: string | null;
  readonly api: ExecutionApi;
  readonly logger: Logger;
  /** How long its event loop may stand still. */
  readonly patienceMs: number;
  readonly onEnded: (ended: EndedTrigger) => void;
  /** Nothing comes from it any more. `left`: what it was running. Not called after `stop`. */
  readonly onGone: (end: HostEnd, left: readonly StartTrigger[]) => void;
}

export type HostEnd =
  /** The file could not be loaded. */
  | { readonly why: 'load-failed'; readonly message: string }
  /** Its code could not be fetched: the database is away. */
  | { readonly why: 'unavailable' }
  | { readonly why: 'blocked'; /** The wait in whose trigger. */ readonly culprit: string | null }
  /** Its process ended by itself. */
  | { readonly why: 'ended'; readonly how: string; readonly culprit: null };

/** Of the patience: between two questions, and after which the host says whose code it is. */
const PING_SHARE = 0.2;
const QUIET_SHARE = 0.6;
const START_MS = 30_000;
const STOP_GRACE_MS = 1_000;

export class TriggerHost {
  private readonly child: ChildProcess;
  private readonly running = new Map<string, StartTrigger>();
  /** By slot: what the host's own count of starts gives, too. */
  private readonly slots = new Map<number, string>();
  private lastSlot = 0;
  private readonly attempts = new Set<string>();
  private opened = false;
  private gone = false;
  private end: HostEnd | null = null;
  private blockedIn: string | null = null;
  private lastPong = performance.now();
  private lastTick = performance.now();
  private readonly pinging: NodeJS.Timeout;
  private readonly exited: Promise<void>;
  emptySince: number | null = performance.now();

  constructor(private readonly options: TriggerHostOptions) {
    this.child = fork(compiledEntry('src/user-code/trigger-host-main'), [String(process.pid), String(options.patienceMs * QUIET_SHARE)], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      env: userEnvironment(),
      execArgv: [],
    });
    const { logger } = options;
    this.child.on('message', (message: FromTriggerHost) => this.receive(message));
    this.child.on('error', () => undefined); // 'exit' follows, or it never began
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => logger.info(`${options.filePath}: ${text.trimEnd()}`));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => logger.warn(`${options.filePath}: ${text.trimEnd()}`));
    const words = this.child.stdio[LAST_WORDS_FD] as NodeJS.ReadableStream;
    words.setEncoding('utf8').on('data', (text: string) => this.hear(text));
    this.pinging = setInterval(() => this.tick(), options.patienceMs * PING_SHARE);
    this.exited = this.watchEnd();
    void this.load();
  }

  get size(): number {
    return this.running.size;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  start(triggers: readonly StartTrigger[]): void {
    for (const trigger of triggers) {
      this.running.set(trigger.wait, trigger);
      this.attempts.add(trigger.attemptId);
    }
    this.emptySince = null;
    if (this.opened) this.sendStart(triggers);
  }

  /** Nobody waits for these any more. */
  stopWaits(waits: readonly string[]): void {
    for (const wait of waits) this.forget(wait);
    this.send({ kind: 'stop', waits });
  }

  /** All of them are told to stop, and the process goes. */
  async stop(): Promise<void> {
    this.gone = true;
    clearInterval(this.pinging);
    this.send({ kind: 'stop', waits: [...this.running.keys()] });
    this.running.clear();
    if (this.child.connected) this.child.disconnect();
    const kill = setTimeout(() => this.kill(), STOP_GRACE_MS);
    await this.exited;
    clearTimeout(kill);
  }

  private async load(): Promise<void> {
    const { bundle, filePath, dagsFolder } = this.options;
    try {
      this.send({ kind: 'load', bundle: await bundle(), filePath, dagsFolder });
    } catch {
      this.end = { why: 'unavailable' };
      this.kill();
    }
  }

  private sendStart(triggers: readonly StartTrigger[]): void {
    for (const { wait } of triggers) this.slots.set(++this.lastSlot, wait);
    this.send({ kind: 'start', triggers });
  }

  private receive(message: FromTriggerHost): void {
    this.lastPong = performance.now();
    switch (message.kind) {
      case 'loaded':
        this.opened = true;
        return this.sendStart([...this.running.values()]);
      case 'load-failed':
        this.end = { why: 'load-failed', message: message.message };
        return this.kill();
      case 'ended':
        // One that was stopped meanwhile, or started again for a later generation, is nobody's business.
        if (this.running.get(message.ended.wait)?.generation !== message.ended.generation || this.gone) return;
        this.forget(message.ended.wait);
        return this.options.onEnded(message.ended);
      case 'pong':
        return;
      case 'api':
        void answerApiRequest(this.options.api, message.request, (attemptId) => this.attempts.has(attemptId)).then((reply) =>
          this.send({ kind: 'api', reply }),
        );
        return;
    }
  }

  private forget(wait: string): void {
    const trigger = this.running.get(wait);
    if (!trigger) return;
    this.running.delete(wait);
    this.attempts.delete(trigger.attemptId);
    if (this.running.size === 0) this.emptySince = performance.now();
  }

  private hear(text: string): void {
    for (const line of text.split('\n').filter((each) => each !== '')) {
      const words = JSON.parse(line) as BlockedWords;
      if (words.kind === 'blocked') this.blockedIn = this.slots.get(words.slot) ?? null;
    }
  }

  private tick(): void {
    const { patienceMs } = this.options;
    const now = performance.now();
    // When this process itself stood still (a suspended laptop), nothing can be said of the other.
    if (now - this.lastTick > 2 * PING_SHARE * patienceMs) this.lastPong = now;
    this.lastTick = now;
    // To start a process and to load a file takes what it takes.
    const mostMs = this.opened ? patienceMs : Math.max(START_MS, patienceMs);
    if (now - this.lastPong > mostMs && this.end === null) {
      this.end = { why: 'blocked', culprit: this.blockedIn };
      this.kill();
    } else this.send({ kind: 'ping' });
  }

  private send(message: ToTriggerHost): void {
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  /** With the processes that its triggers have started. */
  private kill(): void {
    if (this.child.pid !== undefined) killGroup(this.child.pid);
  }

  private async watchEnd(): Promise<void> {
    const how = await new Promise<string>((resolve) => {
      this.child.once('exit', (code, signal) => resolve(signal === null ? `with exit code ${code}` : `by ${signal}`));
      this.child.once('error', (error) => this.child.pid === undefined && resolve(`before it began: ${error.message}`));
    });
    this.kill(); // what is left of the group
    clearInterval(this.pinging);
    if (this.gone) return;
    this.gone = true;
    const left = [...this.running.values()];
    this.running.clear();
    this.options.onGone(this.end ?? { why: 'ended', how, culprit: null }, left);
  }
}
