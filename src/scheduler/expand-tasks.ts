import type { Ledger, RunPk } from '../ledger/ledger';
import type { Service } from '../service/service';

const BATCH = 20;

/** Makes the instances of mapped tasks and groups, chunk after chunk; between two chunks the engine starts what is there already. */
export class ExpandTasks implements Service {
  readonly name = 'expand-tasks';
  readonly intervalMs = 1_000;

  constructor(private readonly deps: { readonly ledger: Ledger; readonly onExpanded: (runs: readonly RunPk[]) => void }) {}

  async runOnce(): Promise<boolean> {
    const runs = await this.deps.ledger.expandTasks(BATCH);
    if (runs.length > 0) this.deps.onExpanded(runs);
    return runs.length > 0;
  }
}
