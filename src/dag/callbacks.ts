/** `onSuccess` and its like: functions, Notifiers, or lists of them. */
import type { RunEvent, TaskEvent } from '../dag-spec/spec';
import type { Check } from './option-checks';
import type { Callback } from './types';

export const CALLBACK_OPTION = {
  execute: 'onExecute',
  success: 'onSuccess',
  failure: 'onFailure',
  retry: 'onRetry',
  skipped: 'onSkipped',
} as const satisfies Record<TaskEvent, string>;

const isCallback = (value: unknown): boolean =>
  typeof value === 'function' ||
  (typeof value === 'object' && value !== null && typeof (value as { notify?: unknown }).notify === 'function');

export const callbacks: Check = (value) => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.every(isCallback) ? null : 'a function, a Notifier (an object with notify(context)), or a list of them';
};

/** In the order of the file; none when the option is not given. */
export function callbacksOf<Context>(options: object, event: TaskEvent | RunEvent): readonly Callback<Context>[] {
  const written = (options as Readonly<Record<string, unknown>>)[CALLBACK_OPTION[event]];
  if (written === undefined) return [];
  return (Array.isArray(written) ? written : [written]) as Callback<Context>[];
}
