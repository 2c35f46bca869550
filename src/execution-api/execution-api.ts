/**
 * All that task code may ask of the engine. A port: in process for local executors (over IPC), HTTP for remote workers later.
 * Every call names its attempt and is refused (`AttemptGone`) when that attempt has ended: that is the fence for late writes.
 */
import type { ExternalRun } from '../core/external-task';
import type { BundleCode } from '../core/workload';
import type { RunState } from '../core/states';
import type { DataInterval, Instant } from '../core/time';
import type { JsonObject } from '../core/json';
import type { ExternalQuery } from '../core/waits';

export interface XComEntry {
  readonly taskId: string;
  readonly mapIndex: number;
  readonly key: string;
  /** JSON text. */
  readonly value: string;
}

export interface XComQuery {
  readonly taskIds: readonly string[];
  /** Default 'return_value'. */
  readonly key: string;
  readonly mapIndexes?: readonly number[];
  /** Another run of the same DAG; default: the attempt's own run. */
  readonly runId?: string;
}

export interface MapItem {
  readonly taskId: string;
  readonly index: number;
}

/** The data interval of a run, and when it began and ended. */
export interface PreviousSuccess extends DataInterval {
  readonly startDate: Instant | null;
  readonly endDate: Instant | null;
}

/** A connection as user code sees it, whichever backend it came from (src/secrets). */
export interface ConnectionInfo {
  readonly id: string;
  readonly type: string;
  readonly host: string | null;
  readonly port: number | null;
  readonly login: string | null;
  readonly password: string | null;
  readonly schema: string | null;
  readonly extra: JsonObject;
  readonly uri: string;
}

/** A run that a task triggers, of any DAG: checked as if a person did, and in the audit log under the task's name. */
export interface RunRequest {
  readonly dagId: string;
  /** null: made up. */
  readonly runId: string | null;
  /** ISO 8601; null: the moment of triggering. */
  readonly logicalDate: string | null;
  readonly conf: JsonObject;
  /** What to do when the DAG has a run with this id or logical date: fail, hand that one back, or clear it. */
  readonly ifExists: 'fail' | 'keep' | 'clear';
}

export interface RequestedRun {
  readonly dagId: string;
  readonly runId: string;
  readonly became: 'created' | 'kept' | 'cleared';
  /** It starts when its DAG is unpaused. */
  readonly isPaused: boolean;
}

/** Of a DAG's newest version. */
export interface DagTasks {
  readonly taskIds: readonly string[];
  readonly groupIds: readonly string[];
}

export interface ExecutionApi {
  getBundle(hash: string): Promise<BundleCode>;
  pullXComs(attemptId: string, query: XComQuery): Promise<readonly XComEntry[]>;
  /** `value` is JSON text, already checked against the size limit by the runner; checked again here. */
  pushXCom(attemptId: string, key: string, value: string): Promise<void>;
  /** Rendered templates of this attempt, for the UI. */
  setRendered(attemptId: string, fields: JsonObject): Promise<void>;
  /**
   * JSON text of one element of what a task gave to be mapped over: the `index`-th of a list, the [key, value] of an object; of a mapped
   * task the output of its `index`-th instance that has one. @throws NOT_FOUND when there is none
   */
  pullMapItem(attemptId: string, item: MapItem): Promise<string>;
  /** How the page names this instance of a mapped task. */
  setMapLabel(attemptId: string, label: string): Promise<void>;
  /** The newest successful earlier run of the DAG, or null. */
  previousSuccess(attemptId: string): Promise<PreviousSuccess | null>;
  /** null when no backend has it. */
  getVariable(attemptId: string, key: string): Promise<string | null>;
  getConnection(attemptId: string, id: string): Promise<ConnectionInfo | null>;
  /** @throws NOT_FOUND no such DAG · INVALID_VALUE conf, date or run id · ALREADY_EXISTS */
  triggerRun(attemptId: string, request: RunRequest): Promise<RequestedRun>;
  /** Of any DAG, as are the next two. null: no such run. */
  getRunState(attemptId: string, run: { readonly dagId: string; readonly runId: string }): Promise<RunState | null>;
  /** In the order of the query's logical dates, then of its run ids. */
  getExternalRuns(attemptId: string, query: ExternalQuery): Promise<readonly ExternalRun[]>;
  /** null: no such DAG in the dags folder. */
  getDagTasks(attemptId: string, dagId: string): Promise<DagTasks | null>;
}
export type ExecutionApiMethod = keyof ExecutionApi;

/** The attempt that a call names has ended, or was never there: what it writes is refused. */
export class AttemptGone extends Error {
  override readonly name = 'AttemptGone';
  constructor(attemptId: string | null, message = `attempt ${attemptId} has ended: what it still asks for is refused`) {
    super(message);
  }
}
