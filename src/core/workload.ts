/**
 * What user code is asked to do, and what came of it. Both are closed unions: every piece of user code in thence runs as a
 * Workload in a user-code host, and nothing else runs user code.
 */
import type { RunType } from './states';
import type { Instant } from './time';
import type { JsonObject } from './json';

/** The run, as task code sees it. */
export interface RunInfo {
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: Instant | null;
  readonly dataIntervalStart: Instant | null;
  readonly dataIntervalEnd: Instant | null;
  readonly runAfter: Instant;
  readonly startDate: Instant | null;
  readonly conf: JsonObject;
}

/** Run one try of one task instance. */
export interface RunTask {
  readonly kind: 'run-task';
  readonly attemptId: string;
  /** Which code: fetched by hash through the ExecutionApi, cached by the host. */
  readonly bundleHash: string;
  /** The DAG file, relative to the dags folder, for messages and module resolution. */
  readonly filePath: string;
  /** Absolute folder that `filePath` is relative to on this host, or null where there is none (a remote worker). */
  readonly dagsFolder: string | null;
  readonly run: RunInfo;
  readonly taskId: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  /** 1 for the first try. */
  readonly tryNumber: number;
  /** Counts pieces of one try: 0, then 1 after a reschedule … */
  readonly piece: number;
  /** tryNumber of the last try that is allowed at present, for `ti.maxTries`. */
  readonly maxTries: number;
  readonly executionTimeoutMs: number | null;
  readonly isolation: 'warm' | 'fresh';
  readonly memoryMb: number | null;
  /** Task id → name of the input: which upstream outputs to pull before the task begins. */
  readonly inputs: { readonly [name: string]: string | readonly string[] };
  /** Absolute path of this try's log file. */
  readonly logPath: string;
  readonly maxXcomBytes: number;
}

/** Load a DAG file's bundle and answer with the specs of all DAGs it makes. */
export interface LoadDagFile {
  readonly kind: 'load-dag-file';
  readonly filePath: string;
  readonly dagsFolder: string;
  readonly bundle: BundleCode;
}

export type Workload = RunTask | LoadDagFile;

/** Code of one DAG file with its local imports. */
export interface BundleCode {
  readonly hash: string;
  readonly format: 'cjs' | 'esm';
  readonly code: string;
  /** Files that travel with the code (template files, the DAG's `files`), by path relative to the dags folder. */
  readonly files: { readonly [path: string]: string };
}

/** What user code threw, taken apart once at the boundary. */
export interface ErrorInfo {
  readonly name: string;
  readonly message: string;
  /** Mapped to the source; null when there is none. */
  readonly stack: string | null;
}

/**
 * What became of an attempt. `retryable` is the runner's opinion (`FailError` and `retryWhen` say no); the engine decides by `retries`.
 * `lost` ends are the machinery's fault and do not use up `retries`.
 */
export type Outcome =
  | {
      readonly kind: 'success';
      /** JSON text, null when the task returned undefined */ readonly returnValue: string | null;
      /** what a branch follows */ readonly branch: readonly string[] | null;
    }
  | { readonly kind: 'skipped'; readonly message: string | null }
  | {
      readonly kind: 'failed';
      readonly error: ErrorInfo;
      readonly retryable: boolean;
      readonly reason: 'executed' | 'timeout' | 'oom' | 'killed';
    }
  | { readonly kind: 'rescheduled'; readonly at: Instant }
  | { readonly kind: 'lost'; readonly message: string }
  /** The executor gives it back before any user code began: same try, next piece. */
  | { readonly kind: 'not-started'; readonly message: string };

export interface AttemptOutcome {
  readonly attemptId: string;
  readonly outcome: Outcome;
  /** Not measured (null) for threads. */
  readonly cpuMs: number | null;
  readonly peakKb: number | null;
}
