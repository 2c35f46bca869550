import type { Ledger, RunPk } from '../ledger/ledger';
import type { Service } from '../service/service';

const BATCH = 100;

/** Starts the queued runs that may start. Which those are is the Ledger's to say; the engine takes them from there. */
export class StartQueuedRuns implements Service {
  readonly name = 'start-queued-runs';
  readonly intervalMs = 1_000;

  constructor(private readonly deps: { readonly ledger: Ledger; readonly onStarted: (runs: readonly RunPk[]) => void }) {}

  async runOnce(): Promise<boolean> {
    const started = await this.deps.ledger.startQueuedRuns(BATCH);
    if (started.length > 0) this.deps.onStarted(started);
    return started.length >= BATCH;
  }
}
