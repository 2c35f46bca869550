/**
 * The loop around the Ledger's hop: what ended goes in, what may start comes out.
 *
 * One hop is in flight at a time, and everything that happens meanwhile rides in the next one (group commit without an artificial
 * wait). An outcome is kept until the Ledger has answered for it: a database that is away delays it and loses nothing.
 */
import type { AttemptOutcome } from '../core/workload';
import { systemClock } from '../core/time';
import type { Clock } from '../core/time';
import type { Attention, ClaimedAttempt, HopResult, Ledger, RunPk, SessionId, StartedAttempt } from '../ledger/ledger';
import type { Logger } from '../telemetry/logger';
import { createDecide } from './decide';

export interface EngineOptions {
  readonly ledger: Ledger;
  /** Asked at each hop: it changes when a lost session had to be opened anew. */
  readonly session: () => SessionId;
  /** Free slots by lane at this moment. Exactly that much is claimed at most. */
  readonly capacity: () => ReadonlyMap<string, number>;
  /** Free slots of all lanes together. Left out: their sum. */
  readonly limit?: () => number;
  /** Starts claimed attempts; each must be answered by one `finished`. */
  readonly dispatch: (claimed: readonly ClaimedAttempt[]) => void;
  /** Asks a running attempt to stop. Called once per attempt. */
  readonly cancel: (attemptId: string, why: Attention['cancels'][number]['why']) => void;
  readonly logger: Logger;
  /** Tells other processes that work is left which this one has no room for. */
  readonly wakePeers?: () => void;
  /** New waits have been committed. */
  readonly onDeferred?: () => void;
  /** After each hop: for metrics, and to start queued runs when others ended. */
  readonly onHop?: (result: HopResult, tookMs: number) => void;
  /** Between two looks for wakes and due tasks that nobody announced. Default 1000. */
  readonly pollMs?: number;
  readonly clock?: Clock;
}

const DEFAULT_POLL_MS = 1000;
/** A start that no hop takes along waits this long before it gets one of its own. */
const STARTED_WAIT_MS = 50;
const MAX_BATCH = 1000;
const MAX_BACKOFF_MS = 5000;
const FINAL_TRIES = 5;

export class Engine {
  private readonly decide = createDecide();
  private outcomes: AttemptOutcome[] = [];
  private started: StartedAttempt[] = [];
  private runs = new Set<RunPk>();
  /** Stop was asked for; kept until the attempt has ended. */
  private readonly cancelled = new Set<string>();

  /** Look for wakes, due tasks and stops at the next turn. */
  private lookDue = true;
  private startedDue = false;
  private admissibleLeft = false;
  private draining = false;
  private stopping = false;
  /** After a failure one thing at a time, so that what cannot be done holds up nothing else. */
  private batch = MAX_BATCH;
  private failures = 0;

  private lookAt: { readonly at: number; readonly timer: NodeJS.Timeout } | null = null;
  private signal: () => void = () => undefined;
  private loop: Promise<void> | null = null;
  private readonly clock: Clock;

  constructor(private readonly options: EngineOptions) {
    this.clock = options.clock ?? systemClock;
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** User code of an attempt began. */
  attemptStarted(started: StartedAttempt): void {
    this.started.push(started);
    if (this.started.length > 1) return;
    setTimeout(() => {
      this.startedDue = this.started.length > 0;
      this.signal();
    }, STARTED_WAIT_MS);
  }

  /** What became of a dispatched attempt. Kept until it is recorded. */
  attemptFinished(outcome: AttemptOutcome): void {
    this.outcomes.push(outcome);
    this.signal();
  }

  /** Something changed: these runs, or (without them) anything at all, a free slot included. */
  wakeUp(runs: readonly RunPk[] = []): void {
    for (const run of runs) this.runs.add(run);
    if (runs.length === 0) this.lookDue = true;
    this.signal();
  }

  /** From now on nothing is claimed; outcomes are still recorded. */
  drain(): void {
    this.draining = true;
  }

  /** Records what has been reported so far, as far as the database lets it, and ends. Stop the executor first. */
  async stop(): Promise<void> {
    this.draining = this.stopping = true;
    this.signal();
    await this.loop;
    if (this.lookAt) clearTimeout(this.lookAt.timer);
    for (let failures = 0; this.hasReports() && failures < FINAL_TRIES;) if (!(await this.attempt(() => this.hop()))) failures++;
    if (this.hasReports()) this.options.logger.error(`stopped with ${this.outcomes.length} outcome(s) that the database did not take`);
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      await this.somethingToDo();
      // What arrives in the same turn of the event loop rides along.
      await new Promise(setImmediate);
      if (!this.stopping) await this.attempt(() => this.turn());
    }
  }

  private async turn(): Promise<void> {
    if (this.lookDue) await this.look();
    if (this.hasWork()) await this.hop();
  }

  private hasReports(): boolean {
    return this.outcomes.length + this.started.length > 0;
  }

  private hasWork(): boolean {
    return this.outcomes.length > 0 || this.runs.size > 0 || this.startedDue || (this.admissibleLeft && this.freeSlots().size > 0);
  }

  private async somethingToDo(): Promise<void> {
    while (!this.stopping && !this.lookDue && !this.hasWork()) {
      await new Promise<void>((resolve) => (this.signal = resolve));
    }
    this.signal = () => undefined;
  }

  private async look(): Promise<void> {
    const { ledger, session, capacity, cancel, pollMs = DEFAULT_POLL_MS } = this.options;
    this.lookDue = false;
    const attention = await ledger.attention(session(), [...capacity().keys()], MAX_BATCH);
    for (const run of attention.runs) this.runs.add(run);
    this.admissibleLeft = attention.work;
    if (attention.runs.length >= MAX_BATCH) this.lookDue = true;
    this.lookWithin(Math.min(pollMs, attention.nextDueInMs ?? pollMs));

    for (const { attemptId, why } of attention.cancels) {
      if (this.cancelled.has(attemptId)) continue;
      this.cancelled.add(attemptId);
      cancel(attemptId, why);
    }
  }

  private async hop(): Promise<void> {
    const { ledger, session, limit, dispatch, wakePeers, onDeferred, onHop } = this.options;
    const { outcomes, runs } = this.nextBatch();
    const started = this.started.splice(0);
    for (const run of runs) this.runs.delete(run);
    this.startedDue = this.admissibleLeft = false;

    const owner = session();
    const begin = performance.now();
    let result: HopResult;
    try {
      result = await ledger.hop({ session: owner, outcomes, started, runs, capacity: this.freeSlots(), limit: limit?.() }, this.decide);
    } catch (error) {
      // Behind the others, so that one that can never be recorded is not always the first.
      this.outcomes.push(...outcomes);
      this.started.push(...started);
      for (const run of runs) this.runs.add(run);
      throw error;
    }
    for (const { attemptId } of outcomes) this.cancelled.delete(attemptId);
    // Claimed for a session that was declared lost meanwhile: others are about to start them.
    if (session() !== owner) this.outcomes.push(...result.claimed.map(handBack));
    else if (result.claimed.length > 0) dispatch(result.claimed);
    if (result.starving) wakePeers?.();
    if (outcomes.some(({ outcome }) => outcome.kind === 'deferred')) onDeferred?.();
    if (result.nextDueInMs !== null) this.lookWithin(result.nextDueInMs);
    onHop?.(result, performance.now() - begin);
  }

  /** After a failure a single outcome or a single run, in turns. */
  private nextBatch(): { outcomes: AttemptOutcome[]; runs: RunPk[] } {
    const runFirst = this.batch === 1 && this.runs.size > 0 && this.failures % 2 === 1;
    const outcomes = runFirst ? [] : this.outcomes.splice(0, this.batch);
    return { outcomes, runs: [...this.runs].slice(0, this.batch - outcomes.length) };
  }

  /** Lanes with free slots; none while draining. */
  private freeSlots(): ReadonlyMap<string, number> {
    if (this.draining) return new Map();
    return new Map([...this.options.capacity()].filter(([, slots]) => slots > 0));
  }

  /** Sets the timer unless an earlier one stands. */
  private lookWithin(ms: number): void {
    const at = this.clock.now() + ms;
    if (this.lookAt && this.lookAt.at <= at) return;
    if (this.lookAt) clearTimeout(this.lookAt.timer);
    const timer = setTimeout(
      () => {
        this.lookAt = null;
        this.lookDue = true;
        this.signal();
      },
      Math.max(0, Math.ceil(ms)),
    );
    this.lookAt = { at, timer };
  }

  private async attempt(work: () => Promise<void>): Promise<boolean> {
    const { logger } = this.options;
    try {
      await work();
      if (this.failures > 0) logger.info(`the ledger answers again after ${this.failures} failure(s)`);
      this.failures = 0;
      this.batch = Math.min(MAX_BATCH, this.batch * 2);
      return true;
    } catch (error) {
      this.failures++;
      this.batch = 1;
      this.lookDue = true;
      const backoffMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(this.failures, 10));
      logger.warn(`hop failed, trying again in ${backoffMs} ms: ${error instanceof Error ? error.message : String(error)}`);
      await new Promise((resolve) => setTimeout(resolve, backoffMs));
      return false;
    }
  }
}

function handBack({ attemptId }: ClaimedAttempt): AttemptOutcome {
  const message = 'the scheduler that had claimed it was taken for dead before it began';
  return { attemptId, outcome: { kind: 'not-started', message }, cpuMs: null, peakKb: null };
}
