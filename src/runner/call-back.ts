/** Calls the callbacks of one event, one after the other; one that throws keeps none of the others from being called. */
import type { CallbackContext } from '../dag/context';
import type { Callback } from '../dag/types';
import type { AttemptLog } from './attempt-log';
import { callCallback } from './call-callback';
import { errorInfo, errorText } from './error-info';

/** @param what for the log: 'onExecute'. @returns what they threw */
export async function callBack<Context extends CallbackContext>(
  callbacks: readonly Callback<Context>[],
  context: Context,
  what: string,
  log: AttemptLog,
): Promise<readonly unknown[]> {
  const thrown: unknown[] = [];
  for (const callback of callbacks) {
    try {
      await callCallback(callback, context);
    } catch (error) {
      thrown.push(error);
      log.write('error', 'thence', `${what} failed: ${log.mask(errorText(errorInfo(error)))}`);
    }
  }
  return thrown;
}
