/** Where the logs of tries live. One JSON object a line; all pieces of a try in one place, in the order in which they were written. */
export interface LogRef {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  readonly tryNumber: number;
}

/** The log of a callback: of a task's, or (taskId null) of its DAG's. */
export interface CallbackLogRef {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string | null;
  readonly mapIndex: number;
  /** 'success', 'failure', … */
  readonly event: string;
  /** uuid of the callback */
  readonly callback: string;
}
export type AnyLogRef = LogRef | CallbackLogRef;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** `time`: ISO 8601 with milliseconds, UTC. `source`: the task's own log.* and console.*, a raw stream, or thence itself. */
export interface LogLine {
  readonly time: string;
  readonly level: LogLevel;
  readonly source: 'task' | 'stdout' | 'stderr' | 'thence';
  readonly message: string;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** Hand it to the next `read` to go on; unchanged when nothing new has come. */
  readonly next: number;
}

export interface LogStore {
  /** Absolute path that the runner appends to. */
  pathOf(ref: AnyLogRef): string;
  /** From position `from` (0: the beginning), at most `maxBytes` (default 1 MiB). A try that printed nothing gives no lines. */
  read(ref: AnyLogRef, from?: number, maxBytes?: number): Promise<LogPage>;
  /** Appends a line of thence's own, such as why an attempt was stopped. */
  append(ref: AnyLogRef, line: LogLine): Promise<void>;
  deleteRun(dagId: string, runId: string): Promise<void>;
}
