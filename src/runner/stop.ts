/** Why a task has to stop, as `context.signal.reason` and as what its outcome becomes. */
import type { StopReason } from '../user-code/task-host-protocol';

const sentences: Readonly<Record<StopReason, string>> = {
  timeout: 'it ran longer than its executionTimeout',
  cleared: 'it was cleared',
  marked: 'its state was set by hand',
  'run-ended': 'its DAG run ended',
  'lease-lost': 'its scheduler lost its lease',
  shutdown: 'thence is shutting down',
};

export class TaskStopped extends Error {
  override readonly name = 'TaskStopped';
  constructor(
    readonly why: StopReason,
    timeoutMs: number | null = null,
  ) {
    const limit = why === 'timeout' && timeoutMs !== null ? ` of ${timeoutMs / 1000} s` : '';
    super(`The task was stopped: ${sentences[why]}${limit}.`);
  }
}

/** Stops by the machinery: such an attempt is lost, and does not use up `retries`. */
export const isMachinery = (why: StopReason): boolean => why === 'shutdown' || why === 'lease-lost';
