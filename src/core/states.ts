/**
 * The states of runs, task instances and attempts, under Airflow's names.
 *
 * A task instance is logical ("load of 2026-01-01"); an attempt is one try of it on a machine, and is what holds a pool slot.
 *
 * Task instance: none → scheduled → (admitted) running → success | failed | skipped
 *   running → up_for_retry | up_for_reschedule → scheduled …
 *   none → skipped | upstream_failed          decided by a trigger rule or a branch, without an attempt
 *   running → restarting → none               cleared while running: starts again when its attempt has ended
 *   any → removed                             the task is gone from the version that the run now uses
 */
export const TASK_STATES = [
  'scheduled',
  'queued',
  'running',
  'success',
  'restarting',
  'failed',
  'up_for_retry',
  'up_for_reschedule',
  'upstream_failed',
  'skipped',
  'deferred',
  'removed',
] as const;

/** `null` is Airflow's "none": nothing has been decided about the task yet. */
export type TaskState = (typeof TASK_STATES)[number] | null;

export const FINISHED_TASK_STATES = ['success', 'failed', 'skipped', 'upstream_failed', 'removed'] as const;
export type FinishedTaskState = (typeof FINISHED_TASK_STATES)[number];

const finished: ReadonlySet<TaskState> = new Set(FINISHED_TASK_STATES);
export function isFinished(state: TaskState): state is FinishedTaskState {
  return finished.has(state);
}

/** Why a task instance is in its state: what a rule decided can be un-decided by a clear, what was executed or marked cannot. */
export type TaskReason =
  | 'executed' // its own code said so
  | 'rule' // its trigger rule, from its upstreams
  | 'branch' // a branch operator did not choose it
  | 'short_circuit'
  | 'marked' // a person did
  | 'cleared'
  | 'timeout' // executionTimeout
  | 'lost' // the machinery lost the attempt (crash, lease)
  | 'oom'
  | 'killed'
  | 'fail_fast'
  | 'run_ended'; // its run was marked or timed out

export const RUN_STATES = ['queued', 'running', 'success', 'failed'] as const;
export type RunState = (typeof RUN_STATES)[number];
export const isRunFinished = (state: RunState): state is 'success' | 'failed' => state === 'success' || state === 'failed';

export const RUN_TYPES = ['scheduled', 'manual', 'backfill'] as const;
export type RunType = (typeof RUN_TYPES)[number];

export type TriggeredBy = 'timetable' | 'cli' | 'rest_api' | 'ui' | 'backfill' | 'operator' | 'test';

/**
 * claimed: the slot is taken, user code has not been heard of · running: the executor said it began ·
 * ending: it was stopped, marked or cleared, and keeps its slot until it is known to have ended · parked: deferred · ended.
 */
export const ATTEMPT_STATES = ['claimed', 'running', 'ending', 'parked', 'ended'] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];
