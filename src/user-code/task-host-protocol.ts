/** What an executor and a host that runs tasks for it (a task process, or a thread) say to each other. */
import type { CancelReason } from '../../executors/executor';
import type { AttemptOutcome, UserWork } from '../core/workload';
import type { ApiReply, ApiRequest } from '../execution-api/ipc';

/** `timeout`: the executor's own clock says that executionTimeout is over; it also counts while the task's thread is busy. */
export type StopReason = CancelReason | 'timeout';

export type ToHost =
  | { readonly kind: 'run'; readonly task: UserWork }
  | { readonly kind: 'cancel'; readonly attemptId: string; readonly why: StopReason }
  | { readonly kind: 'api'; readonly reply: ApiReply };

/**
 * `settled`: the host is as it was before the attempt and takes the next one. Otherwise `left` comes later: true when the
 * leftovers have gone, false when they stay and the host must not be used again.
 */
export type FromHost =
  | { readonly kind: 'ready' }
  | { readonly kind: 'outcome'; readonly outcome: AttemptOutcome; readonly settled: boolean }
  | { readonly kind: 'left'; readonly clean: boolean }
  | { readonly kind: 'api'; readonly request: ApiRequest };

/** How long the leftovers of an attempt may go on talking to its log before their host is ended. */
export const lingerMs = 1_000;

/** Written raw to stderr by the watchdog just before it kills its process, for the parent to read. */
export const memoryMarker = 'thence-watchdog: memory limit exceeded: ';
export const fenceMarker = 'thence-watchdog: the scheduler is frozen';
