/**
 * Runs one try of one task, inside a host: code, inputs, params, templates, then the task itself; everything that can come of it
 * ends as an Outcome. Nothing is thrown. Whoever calls it stops it through the `stopper` and, if that does
 * not help, ends the host.
 */
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { Instant } from '../core/time';
import type { Outcome, ResumeInfo, RunTask } from '../core/workload';
import { setRenderedOptions } from '../dag/base-operator';
import type { BaseOperator } from '../dag/base-operator';
import { callbacksOf } from '../dag/callbacks';
import type { OperatorHost, TaskCallbackContext, TaskContext } from '../dag/context';
import { taskEndOf } from '../dag/task-errors';
import { AttemptGone } from '../execution-api/execution-api';
import type { ExecutionApi } from '../execution-api/execution-api';
import type { AttemptLog } from './attempt-log';
import { choiceOf } from './branch-choice';
import { callBack } from './call-back';
import { makeContext } from './context';
import { Deferral, describeWait, resumeTask, waitOf } from './defer';
import { pullElements } from './elements';
import { errorInfo, errorText } from './error-info';
import { findDag, findTask, type AnyTask, type FoundTask, type LoadFile } from './find-task';
import { pullInputs } from './inputs';
import { toJsonText } from './json-value';
import { MapLabel } from './map-label';
import { parseParams } from './params';
import { renderOptions } from './render-options';
import { isMachinery } from './stop';
import type { Stopper, TaskStopped } from './stop';

export interface RunnerDeps {
  readonly api: ExecutionApi;
  readonly load: LoadFile;
  readonly log: AttemptLog;
  readonly stopper: Stopper;
  readonly host: OperatorHost;
  /** Of a test; absent: the system's. */
  readonly now?: () => Instant;
}

export async function runTask(workload: RunTask, deps: RunnerDeps): Promise<Outcome> {
  let task: AnyTask | null = null;
  let label: MapLabel | null = null;
  try {
    const found = findTask(await findDag(workload, `to run task "${workload.taskId}"`, deps.load), workload.taskId, workload.filePath);
    task = found.task;
    const deferral = new Deferral(task, found.triggers, deps.now);
    const { context } = await prepare(workload, found, deferral, deps);
    label = new MapLabel(workload, context, deps.api, deps.log);
    await label.before();
    if (workload.tryStartedAt === null) await announce(task, context, deps);
    if (workload.resume?.event.kind === 'event')
      deps.log.write('info', 'thence', `What it waited for has come: it goes on in ${workload.resume.method}.`);
    const returned = await execute(task, context, workload.resume, deps);
    deferral.checkReturned();
    if (deps.stopper.reason?.why === 'timeout') throw deps.stopper.reason;
    const text = toJsonText(returned, `The return value of task "${task.id}"`, workload.maxXcomBytes);
    const branch = choiceOf(task, kindOf(task), returned);
    await label.after(returned);
    return { kind: 'success', returnValue: text, branch };
  } catch (thrown) {
    const outcome = outcomeOf(thrown, task, deps);
    if (outcome.kind === 'failed') await label?.after(undefined);
    return outcome;
  } finally {
    if (task) setRenderedOptions(task, {});
  }
}

/**
 * What the template options of a task would be in such a try, as the pages show them; `{}` when it has none. Nothing of the task is executed.
 * @throws what is wrong with the file, the params or a template
 */
export async function renderTask(workload: RunTask, deps: RunnerDeps): Promise<JsonObject> {
  const found = findTask(await findDag(workload, `to render task "${workload.taskId}"`, deps.load), workload.taskId, workload.filePath);
  try {
    return (await prepare(workload, found, new Deferral(found.task, found.triggers, deps.now), deps)).shown ?? {};
  } finally {
    setRenderedOptions(found.task, {});
  }
}

interface Prepared {
  readonly context: TaskContext;
  readonly shown: JsonObject | null;
}

async function prepare(workload: RunTask, { dag, task, files }: FoundTask, { defer }: Deferral, deps: RunnerDeps): Promise<Prepared> {
  const { api, log, stopper, host, now } = deps;
  const [params, pulled, elements] = await Promise.all([
    parseParams(dag.id, dag.options.params, workload.run.conf),
    pullInputs(workload, task, api),
    pullElements(workload, task, api),
  ]);
  const inputs = { ...pulled, ...elements.inputs };
  const context = makeContext({ workload, dag, task, params, inputs, api, log, stopper, host, defer, now });
  const { options, shown } = await renderOptions(task, elements, context, { files, filePath: workload.filePath }, log);
  setRenderedOptions(task, options);
  if (shown) await api.setRendered(workload.attemptId, shown);
  return { context, shown };
}

/** `onExecute`: before each try, not before each piece of it. */
async function announce(task: AnyTask, context: TaskContext, { log }: RunnerDeps): Promise<void> {
  const callbacks = callbacksOf<TaskCallbackContext>(task['~written'], 'execute');
  if (callbacks.length === 0) return;
  const about = { event: 'execute' as const, reason: null, exception: null, deadline: null };
  const own = Object.defineProperties(about, Object.getOwnPropertyDescriptors(context)) as TaskCallbackContext;
  await callBack(callbacks, own, 'onExecute', log);
}

async function execute(task: AnyTask, context: TaskContext, resume: ResumeInfo | null, { stopper, log }: RunnerDeps): Promise<unknown> {
  if (stopper.reason) throw stopper.reason;
  const killing: Promise<void>[] = [];
  stopper.onStop = (why) => {
    log.write('warn', 'thence', why.message);
    const onKill = async () => task.onKill();
    killing.push(onKill().catch((error: unknown) => log.write('error', 'thence', `onKill failed: ${errorText(errorInfo(error))}`)));
  };
  try {
    return await (resume ? resumeTask(task, context, resume) : task.execute(context));
  } finally {
    stopper.onStop = () => {};
    await Promise.all(killing);
  }
}

function outcomeOf(thrown: unknown, task: AnyTask | null, { stopper, log }: RunnerDeps): Outcome {
  if (stopper.reason) return stoppedOutcome(stopper.reason, task, log);
  if (thrown instanceof ThenceError && thrown.code === 'UNAVAILABLE' && !task) return { kind: 'not-started', message: thrown.message };
  if (thrown instanceof AttemptGone) return { kind: 'lost', message: thrown.message };
  const end = taskEndOf(thrown);
  if (end?.kind === 'skip') {
    const message = log.mask(end.message);
    log.write('info', 'thence', `Skipped: ${message}`);
    return { kind: 'skipped', message };
  }
  const wait = waitOf(thrown);
  if (wait) {
    log.write('info', 'thence', `Deferred: waits for ${describeWait(wait)}.`);
    return { kind: 'deferred', wait };
  }
  if (end?.kind === 'reschedule') return { kind: 'rescheduled', at: end.at };
  return failedOutcome(thrown, log, end?.kind !== 'fail' && mayRetry(task, thrown, log));
}

/**
 * Also for what reaches the host without passing through `runTask`: an exception that nobody caught.
 * @param written 'logged': the log has it already
 */
export function failedOutcome(thrown: unknown, log: AttemptLog, retryable: boolean, written?: 'logged'): Outcome {
  const info = errorInfo(thrown);
  // A sentence of our own needs no stack of ours under it.
  const error = thrown instanceof ThenceError ? { ...info, name: 'Error', stack: null } : info;
  const masked = { name: error.name, message: log.mask(error.message), stack: error.stack === null ? null : log.mask(error.stack) };
  if (written !== 'logged') log.write('error', 'thence', errorText(masked));
  return { kind: 'failed', error: masked, retryable, reason: 'executed' };
}

export function stoppedOutcome(stopped: TaskStopped, task: AnyTask | null, log: AttemptLog): Outcome {
  if (isMachinery(stopped.why)) return { kind: 'lost', message: stopped.message };
  const error = { name: stopped.name, message: stopped.message, stack: null };
  const isTimeout = stopped.why === 'timeout';
  return { kind: 'failed', error, retryable: isTimeout ? mayRetry(task, stopped, log) : true, reason: isTimeout ? 'timeout' : 'killed' };
}

function mayRetry(task: AnyTask | null, thrown: unknown, log: AttemptLog): boolean {
  const { retryWhen } = task?.['~written'] ?? {};
  if (!retryWhen) return true;
  try {
    const answer: unknown = retryWhen(thrown);
    if (answer instanceof Promise) {
      answer.catch(() => {});
      log.write(
        'error',
        'thence',
        'retryWhen gave a promise, and has to answer at once with true or false, so the task may be tried again',
      );
    }
    return Boolean(answer);
  } catch (error) {
    log.write('error', 'thence', `retryWhen failed, so the task may be tried again: ${errorText(errorInfo(error))}`);
    return true;
  }
}

const kindOf = (task: AnyTask) => (task.constructor as typeof BaseOperator)['~kind'];
