import type { RunTask } from '../core/workload';
import type { Config } from '../config/config';
import type { ClaimedAttempt } from '../ledger/ledger';
import type { LogStore } from '../logs/log-store';

/** What an executor needs to know about a claimed attempt. */
export function toRunTask(
  claimed: ClaimedAttempt,
  logs: Pick<LogStore, 'pathOf'>,
  { dagsFolder, maxXcomBytes }: Pick<Config, 'dagsFolder' | 'maxXcomBytes'>,
): RunTask {
  const { attemptId, dagId, runId, taskId, mapIndex, tryNumber, piece, maxTries, bundleHash, filePath, interval } = claimed;
  const { inputs, executionTimeoutMs, isolation, memoryMb } = claimed.dag.tasks.get(taskId)!.spec;
  return {
    kind: 'run-task',
    attemptId,
    bundleHash,
    filePath,
    dagsFolder,
    run: {
      dagId,
      runId,
      runType: claimed.runType,
      logicalDate: claimed.logicalDate,
      dataIntervalStart: interval?.start ?? null,
      dataIntervalEnd: interval?.end ?? null,
      runAfter: claimed.runAfter,
      startDate: claimed.runStart,
      conf: claimed.conf,
    },
    taskId,
    mapIndex,
    tryNumber,
    piece,
    maxTries,
    executionTimeoutMs,
    isolation,
    memoryMb,
    inputs,
    mapLengths: claimed.mapLengths,
    resume: claimed.resume,
    tryStartedAt: claimed.tryStartedAt,
    logPath: logs.pathOf({ dagId, runId, taskId, mapIndex, tryNumber }),
    maxXcomBytes,
  };
}
