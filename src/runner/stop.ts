/** Why a task has to stop, as `context.signal.reason` and as what its outcome becomes. */
import type { StopReason } from '../user-code/task-host-protocol';

const sentences: Readonly<Record<StopReason, string>> = {
  timeout: 'it ran longer than its executionTimeout',
  cleared: 'it was cleared',
  marked: 'its state was set by hand',
  'run-ended': 'its run was ended early, by its dagrunTimeout or, with failFast, by a task that failed',
  'lease-lost': 'its scheduler lost its lease',
  shutdown: 'thence is shutting down',
};

export class TaskStopped extends Error {
  override readonly name = 'TaskStopped';
  constructor(
    readonly why: StopReason,
    timeoutMs: number | null = null,
    what: 'task' | 'callback' = 'task',
  ) {
    const limit = why === 'timeout' && timeoutMs !== null ? ` of ${timeoutMs / 1000} s` : '';
    const sentence =
      why === 'timeout' && what === 'callback' ? 'it, or those of the same event together, ran longer than the limit' : sentences[why];
    super(`The ${what} was stopped: ${sentence}${limit}.`);
  }
}

/** Tells an attempt to stop. The AbortSignal is made when task code asks for it: most tasks never do. */
export class Stopper {
  private stopped: TaskStopped | null = null;
  private controller: AbortController | null = null;
  /** Set by the runner while the task executes. */
  onStop: (why: TaskStopped) => void = () => {};

  get reason(): TaskStopped | null {
    return this.stopped;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.stopped) this.controller.abort(this.stopped);
    }
    return this.controller.signal;
  }

  /** The first reason counts. */
  stop(why: TaskStopped): void {
    if (this.stopped) return;
    this.stopped = why;
    this.onStop(why);
    this.controller?.abort(why);
  }
}

/** Stops by the machinery: such an attempt is lost, and does not use up `retries`. */
export const isMachinery = (why: StopReason): boolean => why === 'shutdown' || why === 'lease-lost';
