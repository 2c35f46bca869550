/** Which attempt a piece of running code belongs to: followed through promises, timers and callbacks. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { AttemptLog } from './attempt-log';

export interface AttemptScope {
  readonly attemptId: string;
  readonly log: AttemptLog;
  /** True once its outcome is known: what still happens under this scope is a leftover. */
  ended: boolean;
  /** An exception that nobody caught, or a rejection that nobody handled. */
  onUncaught(error: unknown): void;
  /** Process ids started by it that still live; see child-processes.ts. */
  readonly children: Map<number, { readonly ownGroup: boolean }>;
}

/** `outside`: code that belongs to no attempt although one calls it, such as what shows its log. */
export const attemptScope = new AsyncLocalStorage<AttemptScope | 'outside'>();

/** The attempt that the calling code belongs to; without one, what `otherwise` says. */
export function currentScope(otherwise: () => AttemptScope | null): AttemptScope | null {
  const scope = attemptScope.getStore();
  return scope === 'outside' ? null : (scope ?? otherwise());
}
