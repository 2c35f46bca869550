/** What a listener is told: plain JSON. */
import type { JsonValue } from './json';
import type { RunState, RunType, TaskReason, TaskState } from './states';

/** A task instance began a try (`running`), ended, or waits for its next try or piece. Dates are ISO 8601 in UTC. */
export interface TaskStateEvent {
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: string | null;
  readonly taskId: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  /** 0: it never began. */
  readonly tryNumber: number;
  /** Class name: 'BashOperator'. */
  readonly operator: string;
  /** null: cleared while it ran. */
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly startDate: string | null;
  readonly endDate: string | null;
  /** What the task reads and writes, as the DAG file has it. */
  readonly inlets: readonly JsonValue[];
  readonly outlets: readonly JsonValue[];
}

/** A run started, or ended by itself. */
export interface RunStateEvent {
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly logicalDate: string | null;
  readonly state: Exclude<RunState, 'queued'>;
  /** Of an end: null when its tasks decided. */
  readonly reason: 'fail_fast' | 'timeout' | 'marked' | null;
  readonly startDate: string | null;
  readonly endDate: string | null;
}

/**
 * What a module named in THENCE_LISTENERS exports as `listener`. It is told one event after the other, in a process beside each scheduler; what it throws is
 * logged. At most once: events are lost when it, or the scheduler, dies.
 */
export interface Listener {
  onTaskState?(event: TaskStateEvent): unknown;
  onRunState?(event: RunStateEvent): unknown;
}

export type ListenerEvent =
  { readonly kind: 'task'; readonly event: TaskStateEvent } | { readonly kind: 'run'; readonly event: RunStateEvent };
