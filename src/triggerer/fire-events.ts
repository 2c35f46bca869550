/** What waits came to, handed to the Ledger in batches: all that comes while one is being written goes with the next. */
import type { Ledger, WaitEvent } from '../ledger/ledger';
import { isOutage } from '../db/outage';
import type { Logger } from '../telemetry/logger';

export interface FireEventsOptions {
  readonly ledger: Pick<Ledger, 'fireWaits'>;
  readonly logger: Logger;
  /** Schedulers should look. */
  readonly onFired: () => void;
  /** For metrics. */
  readonly onCount?: (fired: number, refused: number) => void;
}

const MAX_BATCH = 200;
const MAX_BACKOFF_MS = 5_000;

export class FireEvents {
  private readonly waiting = new Map<string, WaitEvent>();
  private working: Promise<void> | null = null;
  private stopping = false;

  constructor(private readonly options: FireEventsOptions) {}

  /** Of several for one wait the last counts: its generation is the highest. Resolves when all that is known by then is written. */
  add(events: readonly WaitEvent[]): Promise<void> {
    for (const event of events) this.waiting.set(event.wait, event);
    return (this.working ??= this.work().finally(() => (this.working = null)));
  }

  /** Writes what is left; a database that is away is not waited for. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.working;
  }

  private async work(): Promise<void> {
    for (let failures = 0; this.waiting.size > 0;) {
      // What comes in the same turn goes along.
      await new Promise(setImmediate);
      const batch = [...this.waiting.values()].slice(0, MAX_BATCH);
      try {
        await this.fire(batch);
        failures = 0;
      } catch (error) {
        if (this.stopping) return;
        failures++;
        const pauseMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(failures, 10));
        if (failures === 1 || !isOutage(error))
          this.options.logger.warn(`the ends of ${batch.length} wait(s) could not be stored, trying again: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  private async fire(batch: readonly WaitEvent[]): Promise<void> {
    const { ledger, onFired, onCount } = this.options;
    const fired = await this.fireOrDivide(batch, ledger);
    for (const event of batch) if (this.waiting.get(event.wait) === event) this.waiting.delete(event.wait);
    onCount?.(fired, batch.length - fired);
    if (fired > 0) onFired();
  }

  /** A batch that Postgres refuses is written one by one; what it refuses alone fails its wait. */
  private async fireOrDivide(batch: readonly WaitEvent[], ledger: FireEventsOptions['ledger']): Promise<number> {
    try {
      return await ledger.fireWaits(batch);
    } catch (error) {
      if (!isDataError(error)) throw error;
      if (batch.length === 1) {
        const [{ wait, generation }] = batch as [WaitEvent];
        const message = `the database could not store the event: ${error.message}`;
        return ledger.fireWaits([{ wait, generation, event: { kind: 'failed', message } }]);
      }
      let fired = 0;
      for (const event of batch) fired += await this.fireOrDivide([event], ledger);
      return fired;
    }
  }
}

/** SQLSTATE classes 22 (data exception), 23 (constraint) and 54 (too large). */
function isDataError(error: unknown): error is Error {
  return error instanceof Error && /^(22|23|54)/.test((error as { code?: string }).code ?? '');
}
