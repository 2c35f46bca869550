import { randomUUID } from 'node:crypto';
import type { RunCallback } from '../core/workload';
import type { MemoryCallback } from '../ledger/memory/memory-rows';

/** What a callback that the memory ledger owes is asked to do. Its log goes where the caller sends all logs. */
export function toCallbackWork(
  { run, task, event, tryNumber, reason, error }: MemoryCallback,
  code: Pick<RunCallback, 'bundleHash' | 'filePath' | 'dagsFolder' | 'executionTimeoutMs'>,
): RunCallback {
  const { dagId, runId, runType, logicalDate, interval, runAfter } = run.new;
  const retriesLeft = task ? Math.max(0, task.compiled.spec.retries - task.retriesUsed) : 0;
  return {
    kind: 'run-callback',
    attemptId: randomUUID(),
    ...code,
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
    isolation: 'warm',
    memoryMb: null,
    logPath: '',
  };
}
