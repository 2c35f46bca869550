import type { EndedRun, Ledger } from '../ledger/ledger';
import type { Service } from '../service/service';

const BATCH = 50;

/** Ends runs whose dagrunTimeout is over. */
export class TimeOutRuns implements Service {
  readonly name = 'time-out-runs';
  readonly intervalMs = 1_000;

  constructor(private readonly deps: { readonly ledger: Ledger; readonly onTimedOut: (runs: readonly EndedRun[]) => void }) {}

  async runOnce(): Promise<boolean> {
    const ended = await this.deps.ledger.timeOutRuns(BATCH);
    if (ended.length > 0) this.deps.onTimedOut(ended);
    return ended.length >= BATCH;
  }
}
