import type { Ledger } from '../ledger/ledger';
import type { Service } from '../service/service';

const BATCH = 50;

/** Queues failed runs that have `runRetries` left when their delay is over. */
export class RetryRuns implements Service {
  readonly name = 'retry-runs';
  readonly intervalMs = 1_000;

  constructor(private readonly deps: { readonly ledger: Ledger; readonly onQueued: () => void }) {}

  async runOnce(): Promise<boolean> {
    const queued = await this.deps.ledger.retryRuns(BATCH);
    if (queued.length > 0) this.deps.onQueued();
    return queued.length >= BATCH;
  }
}
