/** What a load host and the process that started it say to each other. */
import type { ErrorInfo, EvaluateTimetable, LoadDagFile } from '../core/workload';
import type { DagSpec } from '../dag-spec/spec';
import type { TimetableAnswer } from '../timetables/questions';

/** To the host, over IPC; one at a time. */
export interface LoadRequest {
  readonly id: number;
  readonly workload: LoadDagFile | EvaluateTimetable;
}

/** From the host, over IPC. */
export interface LoadReply {
  readonly id: number;
  readonly result: LoadResult | EvaluateResult;
  /** The file left work behind (a timer, a socket, an error thrown late): the next file needs a new process. */
  readonly dirty: boolean;
  readonly rssMb: number;
}

export interface LoadedDag {
  readonly spec: DagSpec;
  readonly warnings: readonly string[];
  /** The stack at `new DAG`, mapped to the sources: which file made it. */
  readonly madeStack: string;
}

/** Contents of files that travel with the code, by path relative to the dags folder. */
export type LoadedFiles = { readonly [path: string]: string };

export type LoadResult = {
  /** Absolute paths of files and folders that the file read through `fs` while it loaded. */
  readonly reads: readonly string[];
} & (
  | {
      readonly ok: true;
      readonly dags: readonly LoadedDag[];
      readonly files: LoadedFiles;
      /** About the whole file. */
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly error: ErrorInfo }
);

export type EvaluateResult = { readonly ok: true; readonly answer: TimetableAnswer } | { readonly ok: false; readonly error: ErrorInfo };

/** From the host on LAST_WORDS_FD, one JSON line, written synchronously just before it dies. */
export type LastWords =
  | { readonly kind: 'exit'; readonly code: number | string | null; readonly stack: string | null }
  | { readonly kind: 'memory'; readonly rssMb: number };

/** 0 to 2 are the standard streams, 3 is the IPC channel. */
export const LAST_WORDS_FD = 4;
