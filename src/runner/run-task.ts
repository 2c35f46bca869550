/**
 * Runs one try of one task, inside a host: code, inputs, params, templates, then the task itself; everything that can come of it
 * ends as an Outcome. Nothing is thrown. Whoever calls it stops it through the `stopper` and, if that does
 * not help, ends the host.
 */
import type { BundleCode, Outcome, ResumeInfo, RunTask } from '../core/workload';
import { setRenderedOptions } from '../dag/base-operator';
import type { BaseOperator } from '../dag/base-operator';
import type { OperatorHost, TaskContext } from '../dag/context';
import type { DAG } from '../dag/dag';
import type { TriggerClasses } from '../dag/trigger';
import { taskEndOf } from '../dag/task-errors';
import { AttemptGone } from '../execution-api/execution-api';
import type { ExecutionApi } from '../execution-api/execution-api';
import { ThenceError } from '../core/errors';
import type { AttemptLog } from './attempt-log';
import { choiceOf } from './branch-choice';
import { makeContext, valueOf } from './context';
import { Deferral, describeWait, resumeTask, waitOf } from './defer';
import { errorInfo, errorText } from './error-info';
import { toJsonText } from './json-value';
import { parseParams } from './params';
import { renderOptions } from './render-options';
import { isMachinery } from './stop';
import type { Stopper, TaskStopped } from './stop';

export type AnyTask = BaseOperator<unknown, object, string>;

export interface RunnerDeps {
  readonly api: ExecutionApi;
  /** The evaluated bundle of the workload; cached by the host. */
  load(workload: RunTask): Promise<LoadedFile>;
  readonly log: AttemptLog;
  readonly stopper: Stopper;
  readonly host: OperatorHost;
}

export interface LoadedFile {
  readonly dags: readonly DAG[];
  readonly files: BundleCode['files'];
  readonly triggers: TriggerClasses;
}

export async function runTask(workload: RunTask, deps: RunnerDeps): Promise<Outcome> {
  let task: AnyTask | null = null;
  try {
    const found = await findTask(workload, deps);
    task = found.task;
    const deferral = new Deferral(task, found.triggers);
    const context = await prepare(workload, found, deferral, deps);
    const returned = await execute(task, context, workload.resume, deps);
    deferral.checkReturned();
    if (deps.stopper.reason?.why === 'timeout') throw deps.stopper.reason;
    const text = toJsonText(returned, `The return value of task "${task.id}"`, workload.maxXcomBytes);
    return { kind: 'success', returnValue: text, branch: choiceOf(task, kindOf(task), returned) };
  } catch (thrown) {
    return outcomeOf(thrown, task, deps);
  } finally {
    if (task) setRenderedOptions(task, {});
  }
}

interface Found {
  readonly dag: DAG;
  readonly task: AnyTask;
  readonly files: BundleCode['files'];
  readonly triggers: TriggerClasses;
}

async function findTask(workload: RunTask, deps: RunnerDeps): Promise<Found> {
  const { filePath, taskId, run } = workload;
  let loaded: LoadedFile;
  try {
    loaded = await deps.load(workload);
  } catch (error) {
    if (error instanceof ThenceError && error.code === 'UNAVAILABLE') throw error;
    throw new Error(`the DAG file ${filePath} could not be loaded to run task "${taskId}": ${errorInfo(error).message}`, { cause: error });
  }
  const { dags, files, triggers } = loaded;
  const dag = dags.find((candidate) => candidate.id === run.dagId);
  const task = dag?.nodes.get(taskId);
  if (dag && task && 'execute' in task) return { dag, task: task as unknown as AnyTask, files, triggers };
  const made = dag ? `tasks ${list([...dag.nodes.keys()])}` : `DAGs ${list(dags.map((one) => one.id))}`;
  throw new ThenceError(
    'DAG_FILE',
    `the file ${filePath} no longer makes ${dag ? `task "${taskId}" of ` : ''}DAG "${run.dagId}": evaluated here it makes the ${made}. ` +
      `It did when this version was stored, so it depends on something outside its code, such as a file, a table or the environment`,
  );
}

const list = (ids: readonly string[]) =>
  ids.length === 0
    ? '(none)'
    : ids
        .slice(0, 20)
        .map((id) => `"${id}"`)
        .join(', ') + (ids.length > 20 ? ' …' : '');

async function prepare(workload: RunTask, { dag, task, files }: Found, { defer }: Deferral, deps: RunnerDeps): Promise<TaskContext> {
  const { api, log, stopper, host } = deps;
  const [params, inputs] = await Promise.all([parseParams(dag.id, dag.options.params, workload.run.conf), pullInputs(workload, api)]);
  const context = makeContext({ workload, dag, task, params, inputs, api, log, stopper, host, defer });
  const rendered = await renderOptions(task, context, { files, filePath: workload.filePath }, log);
  if (rendered) {
    setRenderedOptions(task, rendered.options);
    await api.setRendered(workload.attemptId, rendered.shown);
  }
  return context;
}

/** All inputs in one question; none for a task without inputs. */
async function pullInputs(workload: RunTask, api: ExecutionApi): Promise<Record<string, unknown>> {
  const wanted = Object.entries(workload.inputs);
  if (wanted.length === 0) return {};
  const taskIds = [...new Set(wanted.flatMap(([, ids]) => ids))];
  const entries = await api.pullXComs(workload.attemptId, { taskIds, key: 'return_value' });
  return Object.fromEntries(
    wanted.map(([name, ids]) => [
      name,
      typeof ids === 'string' ? valueOf(entries, ids, false) : ids.map((id) => valueOf(entries, id, false)),
    ]),
  );
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

/** Also for what reaches the host without passing through `runTask`: an exception that nobody caught. */
export function failedOutcome(thrown: unknown, log: AttemptLog, retryable: boolean): Outcome {
  const info = errorInfo(thrown);
  // A sentence of our own needs no stack of ours under it.
  const error = thrown instanceof ThenceError ? { ...info, name: 'Error', stack: null } : info;
  const masked = { name: error.name, message: log.mask(error.message), stack: error.stack === null ? null : log.mask(error.stack) };
  log.write('error', 'thence', errorText(masked));
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
    return Boolean(retryWhen(thrown));
  } catch (error) {
    log.write('error', 'thence', `retryWhen failed, so the task may be tried again: ${errorText(errorInfo(error))}`);
    return true;
  }
}

const kindOf = (task: AnyTask) => (task.constructor as typeof BaseOperator)['~kind'];
