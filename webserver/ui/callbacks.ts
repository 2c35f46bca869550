/** What the callbacks of a run, or of one task instance of it, came to, with what their logs say of failures. */
import type { CallbackLogRef } from '../../src/logs/log-store';
import { readCallbacks } from '../../src/read-model/ui/callbacks';
import type { ShownCallback } from '../../src/read-model/ui/callbacks';
import type { RunPage } from '../../src/read-model/ui/run';
import type { WebContext } from './context';

export interface CallbackRow extends ShownCallback {
  readonly option: string;
  /** The errors in its log, if it failed. */
  readonly problem: string | null;
}

const OPTION = { success: 'onSuccess', failure: 'onFailure', retry: 'onRetry', skipped: 'onSkipped', deadline: 'onMissed' } as const;
/** Failures of which the log is read, the newest first. */
const MOST_PROBLEMS = 20;
const PROBLEM_BYTES = 64 * 1024;

export async function callbackRows(context: WebContext, run: RunPage, ti: number | null = null): Promise<CallbackRow[]> {
  const callbacks = await readCallbacks(context.database.pool, run.pk, ti);
  const failed = new Set(callbacks.filter(({ state }) => state === 'failed' || state === 'lost').slice(0, MOST_PROBLEMS));
  return Promise.all(
    callbacks.map(async (callback) => ({
      ...callback,
      option: OPTION[callback.event],
      problem: failed.has(callback) ? await problemOf(context, logRef(run, callback)) : null,
    })),
  );
}

async function problemOf({ logStore }: WebContext, ref: CallbackLogRef): Promise<string | null> {
  const { lines } = await logStore.read(ref, 0, PROBLEM_BYTES);
  const errors = lines.filter(({ level, source }) => level === 'error' && source === 'thence');
  return errors.length === 0 ? null : errors.map(({ message }) => message).join('\n');
}

export const logRef = ({ dagId, runId }: RunPage, { taskId, mapIndex, event, id }: ShownCallback): CallbackLogRef => ({
  dagId,
  runId,
  taskId,
  mapIndex,
  event,
  callback: id,
});
