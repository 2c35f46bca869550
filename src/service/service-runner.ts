import { isOutage } from '../db/outage';
import type { Logger } from '../telemetry/logger';
import type { Service } from './service';

export interface ServiceRunnerOptions {
  readonly logger: Logger;
  /** Part of the interval by which a pause is longer or shorter at random, so that many processes do not march in step. Default 0.1. */
  readonly jitter?: number;
  /** After each pass, for metrics. */
  readonly onPass?: (service: string, tookMs: number, error: unknown) => void;
}

/** After a failed pass the pause doubles from the first of these (or the interval, if that is shorter) to the second. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 5_000;

/**
 * Runs one service in a loop: a pass, a pause, a pass … Never two passes at once. A wake-up ends the pause; one that comes during a pass
 * brings another pass after it, so that nothing that happened meanwhile is missed. What a pass throws is logged and ends only that pass.
 *
 * `start` and `stop` may be called any number of times, in any order; `stop` resolves when no pass is running any more.
 */
export class ServiceRunner {
  private running: { readonly abort: AbortController; readonly done: Promise<void> } | null = null;
  private woken = false;
  private endPause: (() => void) | null = null;

  constructor(
    private readonly service: Service,
    private readonly options: ServiceRunnerOptions,
  ) {}

  /** The first pass begins at once. */
  start(): void {
    if (this.running) return;
    const abort = new AbortController();
    // A loop that is still ending goes first: never two passes at once.
    this.running = { abort, done: this.ending.then(() => this.loop(abort.signal)) };
  }

  /** As soon as possible; a burst of wake-ups is one. */
  wake(): void {
    this.woken = true;
    this.endPause?.();
  }

  /** Aborts the signal of a pass that is running and waits for it. */
  async stop(): Promise<void> {
    if (this.running) {
      const { abort, done } = this.running;
      this.running = null;
      this.ending = done;
      abort.abort();
      this.endPause?.();
    }
    await this.ending;
  }
  private ending: Promise<void> = Promise.resolve();

  private async loop(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      this.woken = false;
      const begin = performance.now();
      let more = false;
      let error: unknown = null;
      try {
        more = (await this.service.runOnce(signal)) === true;
        failures = 0;
      } catch (thrown) {
        // What a stop interrupted is no failure.
        if (signal.aborted) return;
        error = thrown;
        failures++;
        this.report(thrown, failures);
      }
      this.options.onPass?.(this.service.name, performance.now() - begin, error);
      if (more) await new Promise(setImmediate);
      else await this.pause(signal, failures);
    }
  }

  /** An outage of the database is told once, in one sentence; anything else is our mistake and told with its stack. */
  private report(error: unknown, failures: number): void {
    const { logger } = this.options;
    const message = error instanceof Error ? error.message : String(error);
    if (!isOutage(error)) logger.warn(`${this.service.name}: a pass failed, the next one comes as usual: ${message}`, { error });
    else if (failures === 1) logger.warn(`${this.service.name}: the database does not answer, trying again until it does: ${message}`);
  }

  private async pause(signal: AbortSignal, failures: number): Promise<void> {
    // A wake-up does not shorten the pause after a failure: a database that is away would be asked in a tight loop.
    if (signal.aborted || (this.woken && failures === 0)) return;
    const { intervalMs } = this.service;
    const { jitter = 0.1 } = this.options;
    const backoffMs = Math.min(MAX_BACKOFF_MS, Math.min(intervalMs, FIRST_BACKOFF_MS) * 2 ** Math.max(0, failures - 1));
    const pauseMs = (failures > 0 ? backoffMs : intervalMs) * (1 + jitter * (2 * Math.random() - 1));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.endPause = () => {
        if (failures > 0 && !signal.aborted) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.endPause = null;
  }
}
