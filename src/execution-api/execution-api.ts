/**
 * All that task code may ask of the engine. A port: in process for local executors (over IPC), HTTP for remote workers later.
 * Every call names its attempt and is refused (`AttemptGone`) when that attempt has ended: that is the fence for late writes.
 */
import type { BundleCode } from '../core/workload';
import type { DataInterval } from '../core/time';
import type { JsonObject } from '../core/json';

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

export interface ExecutionApi {
  getBundle(hash: string): Promise<BundleCode>;
  pullXComs(attemptId: string, query: XComQuery): Promise<readonly XComEntry[]>;
  /** `value` is JSON text, already checked against the size limit by the runner; checked again here. */
  pushXCom(attemptId: string, key: string, value: string): Promise<void>;
  /** Rendered templates of this attempt, for the UI. */
  setRendered(attemptId: string, fields: JsonObject): Promise<void>;
  /** Data interval of the newest successful earlier run of the DAG, or null. */
  previousSuccess(attemptId: string): Promise<DataInterval | null>;
  /** null when no backend has it. */
  getVariable(attemptId: string, key: string): Promise<string | null>;
  getConnection(attemptId: string, id: string): Promise<ConnectionInfo | null>;
}
export type ExecutionApiMethod = keyof ExecutionApi;

/** The attempt that a call names has ended, or was never there: what it writes is refused. */
export class AttemptGone extends Error {
  override readonly name = 'AttemptGone';
  constructor(attemptId: string | null, message = `attempt ${attemptId} has ended: what it still asks for is refused`) {
    super(message);
  }
}
