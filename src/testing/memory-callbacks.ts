/** Callbacks of a run in memory: begun in the order of their causes, each as work of its own, when the task that owes it has ended. */
import type { AttemptOutcome, RunCallback } from '../core/workload';
import type { MemoryLedger } from '../ledger/memory/memory-ledger';
import { toCallbackWork } from './callback-work';
import type { FoundDag } from './find-dag-file';

export interface MemoryCallbacksOptions {
  readonly ledger: Pick<MemoryLedger, 'callbacks'>;
  readonly found: FoundDag;
  readonly run: (work: readonly RunCallback[]) => void;
}

/** As in the scheduler. */
const TIMEOUT_MS = 300_000;

export class MemoryCallbacks {
  private begun = 0;
  private readonly running = new Set<string>();
  private onSettled: () => void = () => undefined;

  constructor(private readonly options: MemoryCallbacksOptions) {}

  /** Begins those that came since. */
  look(): void {
    const owed = this.options.ledger.callbacks();
    const { filePath, dagsFolder, bundle } = this.options.found;
    const code = { bundleHash: bundle.hash, filePath, dagsFolder, executionTimeoutMs: TIMEOUT_MS };
    for (; this.begun < owed.length; this.begun++) {
      const work = toCallbackWork(owed[this.begun]!, code);
      this.running.add(work.attemptId);
      this.options.run([work]);
    }
  }

  /** False: it is no callback that has ended. What a callback throws is in its log and changes nothing. */
  ended({ attemptId }: AttemptOutcome): boolean {
    if (!this.running.delete(attemptId)) return false;
    if (this.running.size === 0) this.onSettled();
    return true;
  }

  async settled(): Promise<void> {
    if (this.running.size > 0) await new Promise<void>((resolve) => (this.onSettled = resolve));
  }
}
