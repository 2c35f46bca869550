/** What a scheduler and the process of a listener say to each other. */
import type { ListenerEvent } from '../core/listener';

export type ToListenerHost =
  | { readonly kind: 'load'; readonly file: string }
  /** One batch at a time. */
  | { readonly kind: 'events'; readonly events: readonly ListenerEvent[] };

export type FromListenerHost =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'load-failed'; readonly message: string }
  /** Of the batch: so many have been told; at the latest a second after the one before. */
  | { readonly kind: 'told'; readonly count: number };
