/** Callbacks of a run in memory: begun in the order of their causes, each as work of its own, when the task that owes it has ended. */
import { randomUUID } from 'node:crypto';
import type { AttemptOutcome, RunCallback } from '../core/workload';
import type { MemoryLedger } from '../ledger/memory/memory-ledger';
import type { MemoryCallback } from '../ledger/memory/memory-rows';
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
    for (; this.begun < owed.length; this.begun++) {
      const work = this.toWork(owed[this.begun]!);
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

  private toWork({ run, task, event, tryNumber, reason, error }: MemoryCallback): RunCallback {
    const { dagId, runId, runType, logicalDate, interval, runAfter } = run.new;
    const { filePath, dagsFolder, bundle } = this.options.found;
    const retriesLeft = task ? Math.max(0, task.compiled.spec.retries - task.retriesUsed) : 0;
    return {
      kind: 'run-callback',
      attemptId: randomUUID(),
      bundleHash: bundle.hash,
      filePath,
      dagsFolder,
      run: {
        dagId,
        runId,
        runType,
        logicalDate,
        dataIntervalStart: interval?.start ?? null,
        dataIntervalEnd: interval?.end ?? null,
        runAfter,
        startDate: run.startDate,
        conf: run.conf,
      },
      event,
      task: task && { taskId: task.id, mapIndex: task.mapIndex, tryNumber, maxTries: tryNumber + retriesLeft },
      reason,
      error,
      executionTimeoutMs: TIMEOUT_MS,
      isolation: 'warm',
      memoryMb: null,
      logPath: '',
    };
  }
}
