/** What a triggerer and a trigger host, a process in which the triggers of one bundle run, say to each other. */
import type { JsonObject } from '../core/json';
import type { BundleCode, ResumeInfo } from '../core/workload';
import type { ApiReply, ApiRequest } from '../execution-api/ipc';

/** One wait of a user's trigger. */
export interface StartTrigger {
  /** uuid of the wait row */
  readonly wait: string;
  readonly generation: number;
  /** The class's kind. */
  readonly trigger: string;
  readonly args: JsonObject;
  /** The parked attempt that waits. */
  readonly attemptId: string;
  readonly logPath: string;
  readonly maxPayloadBytes: number;
}

/** What a trigger came to. */
export interface EndedTrigger {
  readonly wait: string;
  readonly generation: number;
  readonly event: ResumeInfo['event'];
}

export type ToTriggerHost =
  | { readonly kind: 'load'; readonly bundle: BundleCode; readonly filePath: string; readonly dagsFolder: string | null }
  | { readonly kind: 'start'; readonly triggers: readonly StartTrigger[] }
  | { readonly kind: 'stop'; readonly waits: readonly string[] }
  | { readonly kind: 'ping' }
  | { readonly kind: 'api'; readonly reply: ApiReply };

export type FromTriggerHost =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'load-failed'; readonly message: string }
  | { readonly kind: 'ended'; readonly ended: EndedTrigger }
  | { readonly kind: 'pong' }
  | { readonly kind: 'api'; readonly request: ApiRequest };

/** On LAST_WORDS_FD (load-messages.ts): the event loop stands still, in code of this trigger; null: in code of none. */
export interface BlockedWords {
  readonly kind: 'blocked';
  /** As the host numbered them, from 1, in the order of `start`; 0: of none. */
  readonly slot: number;
}
