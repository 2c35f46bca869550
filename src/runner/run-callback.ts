/** Runs the callbacks of one event of a task or a run, inside a host, with a log of their own. Nothing is thrown. */
import { DateTime } from 'luxon';
import type { ErrorInfo, Outcome, RunCallback } from '../core/workload';
import type { TaskEvent } from '../dag-spec/spec';
import { CALLBACK_OPTION, callbacksOf } from '../dag/callbacks';
import { deadlinesOf } from '../dag/deadlines';
import type { Callback } from '../dag/types';
import type { CallbackContext, CallbackError, TaskCallbackContext } from '../dag/context';
import type { ExecutionApi } from '../execution-api/execution-api';
import { ThenceError } from '../core/errors';
import type { AttemptLog } from './attempt-log';
import { callBack } from './call-back';
import { runContext, taskInstanceInfo, xcomPull } from './context';
import { findDag, findTask, type AnyTask, type FoundDag, type LoadFile } from './find-task';
import { parseParams } from './params';
import { failedOutcome, stoppedOutcome } from './run-task';
import type { Stopper } from './stop';

export interface CallbackDeps {
  readonly api: ExecutionApi;
  readonly load: LoadFile;
  readonly log: AttemptLog;
  readonly stopper: Stopper;
}

/** success: all of them returned · failed: one threw; `retryable` is false then, since others may have done their work. */
export async function runCallback(workload: RunCallback, deps: CallbackDeps): Promise<Outcome> {
  const { log, stopper } = deps;
  const what = workload.event === 'deadline' ? 'onMissed' : CALLBACK_OPTION[workload.event];
  try {
    const found = await findDag(workload, `to run ${what}`, deps.load);
    const task = workload.task && findTask(found, workload.task.taskId, workload.filePath).task;
    const callbacks = callbacksFor(workload, found, task);
    const context = await callbackContext(workload, found, task, deps);
    const thrown = await callBack(callbacks, context, what, log);
    if (stopper.reason) return stoppedOutcome(stopper.reason, null, log);
    if (thrown.length > 0) return failedOutcome(thrown[0], log, false, 'logged');
    return { kind: 'success', returnValue: null, branch: null };
  } catch (error) {
    if (stopper.reason) return stoppedOutcome(stopper.reason, null, log);
    if (error instanceof ThenceError && error.code === 'UNAVAILABLE') return { kind: 'not-started', message: error.message };
    return failedOutcome(error, log, false);
  }
}

function callbacksFor({ event, deadline }: RunCallback, { dag }: FoundDag, task: AnyTask | null): readonly Callback<CallbackContext>[] {
  if (event !== 'deadline') return callbacksOf<CallbackContext>(task ? task['~written'] : dag.options, event);
  const { onMissed } = deadlinesOf(dag.options)[deadline!.number] ?? {};
  return onMissed === undefined ? [] : [onMissed].flat();
}

async function callbackContext(
  workload: RunCallback,
  { dag }: FoundDag,
  task: AnyTask | null,
  { api, log, stopper }: CallbackDeps,
): Promise<CallbackContext> {
  const { run, attemptId, event, reason, error } = workload;
  const params = await parseParams(dag.id, dag.options.params, run.conf).catch(() => ({ ...run.conf })); // why it failed, perhaps
  const base = runContext({ run, attemptId, dag, params, api, log, stopper });
  const missed = workload.deadline && deadlinesOf(dag.options)[workload.deadline.number];
  const about = {
    event,
    // A task that skips itself says why in words.
    reason: event === 'skipped' && error ? error.message : reason,
    exception: error && exceptionOf(error),
    deadline: workload.deadline
      ? { name: missed?.name ?? null, at: DateTime.fromMillis(workload.deadline.at, { zone: 'utc' }) as DateTime<true> }
      : null,
    xcom: { pull: xcomPull({ attemptId, taskId: workload.task?.taskId ?? null, mapIndex: workload.task?.mapIndex ?? -1 }, api) },
  };
  const instance = workload.task;
  const ofTask: Omit<TaskCallbackContext, keyof typeof base> | Omit<CallbackContext, keyof typeof base> =
    task && instance
      ? {
          ...about,
          event: event as TaskEvent,
          task,
          ti: taskInstanceInfo({ ...instance, run }, null),
          tryNumber: instance.tryNumber,
          mapIndex: instance.mapIndex,
          inlets: task['~written'].inlets ?? [],
          outlets: task['~written'].outlets ?? [],
        }
      : { ...about, task: null, ti: null };
  return Object.defineProperties(ofTask, Object.getOwnPropertyDescriptors(base)) as CallbackContext;
}

/** An error like the one that was thrown, in another process perhaps. */
function exceptionOf({ name, message, stack }: ErrorInfo): CallbackError {
  return Object.assign(new Error(message), { name, stack: stack ?? `${name}: ${message}` });
}
