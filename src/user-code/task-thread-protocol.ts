/** Between the executor host's main thread and its task threads. */
import type { MessagePort } from 'node:worker_threads';
import type { AttemptOutcome } from '../core/workload';
import type { ApiRequest } from '../execution-api/ipc';
import type { ToHost } from './task-host-protocol';

/** The first word of a thread, with its end of the channel. */
export interface ThreadHello {
  readonly kind: 'thence-thread';
  readonly threadId: number;
  readonly port: MessagePort;
}

export type ToThread = Extract<ToHost, { kind: 'cancel' | 'api' }>;

export interface LivingChild {
  readonly pid: number;
  readonly ownGroup: boolean;
}

export type FromThread =
  | { readonly kind: 'api'; readonly request: ApiRequest }
  | { readonly kind: 'children'; readonly attemptId: string; readonly children: readonly LivingChild[] }
  | { readonly kind: 'outcome'; readonly outcome: AttemptOutcome };
