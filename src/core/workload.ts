/**
 * What user code is asked to do, and what came of it. Both are closed unions: every piece of user code in thence runs as a
 * Workload in a user-code host, and nothing else runs user code.
 */
import type { RunType } from './states';
import type { Instant } from './time';
import type { RunEvent, TaskEvent } from '../dag-spec/spec';
import type { JsonObject, JsonValue } from './json';
import type { Schedule } from '../timetables/next-run';
import type { TimetableQuestion } from '../timetables/questions';

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
  /** Of a mapped instance: how many elements each key of the expansion has, in the order of the spec; null: not mapped. */
  readonly mapLengths: readonly number[] | null;
  /** The try goes on after a deferral: which method gets which event. null: `execute`. */
  readonly resume: ResumeInfo | null;
  /** When the first piece of this try began; null: this is the first. */
  readonly tryStartedAt: Instant | null;
  /** Absolute path of this try's log file. */
  readonly logPath: string;
  readonly maxXcomBytes: number;
}

/** How a deferred try goes on. */
export interface ResumeInfo {
  /** Name of the operator's method: `method(context, event)`. */
  readonly method: string;
  /** event: what the trigger yielded · timeout: nothing came in time · failed: the trigger threw. */
  readonly event:
    | { readonly kind: 'event'; readonly payload: JsonValue }
    | { readonly kind: 'timeout' }
    | { readonly kind: 'failed'; readonly message: string };
}

/** What a deferred task waits for. `custom`: a Trigger class of the DAG file; all others are checked by the triggerer itself, in batches. */
export interface WaitSpec {
  readonly kind: 'time' | 'http' | 'file' | 'sql' | 'external-task' | 'dag-run' | 'custom';
  /** custom: the class's `static kind`. */
  readonly trigger: string | null;
  /** What the trigger was made with. */
  readonly args: JsonObject;
  /** The first look, and the time between two of them; null: at once, or when the trigger says so. */
  readonly firstCheckAt: Instant | null;
  readonly intervalMs: number | null;
  readonly timeoutAt: Instant | null;
  /** The method that goes on. */
  readonly resume: string;
}

/** Run one callback of a task or a DAG: after the fact, at least once, with a log of its own. */
export interface RunCallback {
  readonly kind: 'run-callback';
  /** The callback's own id, in place of an attempt's. */
  readonly attemptId: string;
  readonly bundleHash: string;
  readonly filePath: string;
  readonly dagsFolder: string | null;
  readonly run: RunInfo;
  readonly event: TaskEvent | RunEvent | 'deadline';
  /** Which of the DAG's deadlines was missed, and when it was. */
  readonly deadline?: { readonly number: number; readonly at: Instant };
  /** Of a task's callback; null: the DAG's. */
  readonly task: { readonly taskId: string; readonly mapIndex: number; readonly tryNumber: number; readonly maxTries: number } | null;
  /** Why the task or run failed or was skipped. */
  readonly reason: string | null;
  readonly error: ErrorInfo | null;
  readonly logPath: string;
  /** All callbacks of the event together. */
  readonly executionTimeoutMs: number | null;
  readonly isolation: 'warm' | 'fresh';
  readonly memoryMb: number | null;
}

/** What executors take: one piece of user code with an id, a log and limits of its own, that ends with one outcome. */
export type UserWork = RunTask | RunCallback;

/** Id of the task that it is for; of the DAG, for a callback of a run. */
export function subjectOf(work: UserWork): string {
  const task = work.kind === 'run-task' ? work : work.task;
  return task ? instanceName(task) : work.run.dagId;
}

/** For sentences about it. */
export const nounOf = (work: UserWork): 'task' | 'callback' => (work.kind === 'run-task' ? 'task' : 'callback');

/** 'load', or 'load[3]' of a mapped task. */
export const instanceName = ({ taskId, mapIndex }: { readonly taskId: string; readonly mapIndex: number }) =>
  mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`;

/** Load a DAG file's bundle and answer with the specs of all DAGs it makes. */
export interface LoadDagFile {
  readonly kind: 'load-dag-file';
  readonly filePath: string;
  readonly dagsFolder: string;
  readonly bundle: BundleCode;
}

export type Workload = UserWork | LoadDagFile | EvaluateTimetable;

/** Ask the timetable of a DAG file, a class of the user's own, when runs are due. */
export interface EvaluateTimetable {
  readonly kind: 'evaluate-timetable';
  readonly filePath: string;
  readonly dagsFolder: string | null;
  readonly bundle: BundleCode;
  readonly dagId: string;
  readonly schedule: Schedule;
  readonly question: TimetableQuestion;
}

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
  /** The try goes on with its next piece when the wait is over; until then it holds no process. */
  | { readonly kind: 'deferred'; readonly wait: WaitSpec }
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
