import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { TaskState } from '../core/states';
import type { ClearRequest, TaskVerdict, Transaction } from '../ledger/ledger';
import { writeAudit } from './audit';
import { checkConf } from './check-conf';
import type { Actor, ClearRunRequest, ClearTasksRequest, TaskPlan } from './commands';
import type { CommandContext } from './context';
import { findDag } from './find-dag';
import { runNotFound } from './find-run';
import { checkTasks, findRuns, selectTasks, Specs } from './find-tasks';
import type { RunInScope } from './find-tasks';
import { decideOn, nameTasks, toPlan, writeTaskNotes } from './task-plan';
import type { RunVerdict } from './task-plan';

/** Without `onlyFailed` it is a new start of the run. `actor` null: a dry run. */
export function clearRun(context: CommandContext, request: ClearRunRequest, actor: Actor | null): Promise<TaskPlan> {
  return clear(context, request, actor, request.onlyFailed ? 'clear_tasks' : 'clear_run');
}

/** `actor` null: a dry run. */
export function clearTasks(context: CommandContext, request: ClearTasksRequest, actor: Actor | null): Promise<TaskPlan> {
  return clear(context, request, actor, 'clear_tasks');
}

/** @param check of what it changes in each run: what it throws undoes that */
export async function clear(
  context: CommandContext,
  request: ClearTasksRequest,
  actor: Actor | null,
  action: 'clear_run' | 'clear_tasks' | 'run_task',
  check: (run: RunInScope, verdict: TaskVerdict) => void = (run, verdict) => checkRunning(request, run, verdict),
): Promise<TaskPlan> {
  // It starts again on the newest version: there has to be one.
  const newest = await findDag(context, request.dagId);
  const runs = await findRuns(context, newest, request);
  const version = request.version ?? (newest.spec.rerunWithLatestVersion ? 'latest' : 'own');
  const specs = new Specs(context, newest);
  const dagOf = (run: RunInScope) => specs.of(version === 'own' ? run.version : null);
  checkTasks(await Promise.all(runs.map(dagOf)), request);

  if (request.preventRunningTask && actor && runs.length > 1) await clear(context, request, null, action);
  const verdicts: RunVerdict[] = [];
  for (const run of runs) {
    const dag = await dagOf(run);
    const conf = request.conf === undefined ? null : checkConf({ ...newest, version: dag.version, spec: dag.spec }, request.conf);
    const wanted = toLedger(run, selectTasks(dag, request), version, conf, request);
    const verdict = await decideOn(
      (also) => context.ledger.clearTasks(wanted, also),
      (verdict) => check(run, verdict),
      actor && ((transaction, verdict) => record(transaction, actor, { action, run, verdict, request, version, conf })),
    );
    if (verdict) verdicts.push({ run, verdict });
    else if (request.runId === run.run_id) throw runNotFound(request.dagId, run.run_id); // deleted meanwhile
  }
  if (actor) context.wakeup();
  return toPlan(context, request.dagId, 'clear', verdicts);
}

function toLedger(
  run: RunInScope,
  tasks: ClearRequest['tasks'],
  version: 'latest' | 'own',
  conf: JsonObject | null,
  { onlyFailed, onlyRunning, resetDagRuns = true }: ClearTasksRequest,
): ClearRequest {
  const failed: TaskState[] = onlyFailed ? ['failed', 'upstream_failed'] : [];
  const running: TaskState[] = onlyRunning ? ['running', 'queued', 'deferred'] : [];
  const onlyStates = onlyFailed || onlyRunning ? [...failed, ...running] : undefined;
  return { run: run.pk, tasks, version, conf, onlyStates, keepRunState: !resetDagRuns };
}

function checkRunning({ preventRunningTask, dagId }: ClearTasksRequest, run: RunInScope, { tasks }: TaskVerdict): void {
  const running = tasks.find(({ was }) => was === 'running' || was === 'queued' || was === 'restarting');
  if (!preventRunningTask || !running) return;
  throw new ThenceError(
    'CONFLICT',
    `task "${running.taskId}" of run "${run.run_id}" of DAG "${dagId}" is ${running.was}; nothing was cleared. Wait for its end, or allow running tasks to be cleared`,
  );
}

interface Cleared {
  readonly action: string;
  readonly run: RunInScope;
  readonly verdict: TaskVerdict;
  readonly request: ClearTasksRequest;
  readonly version: 'latest' | 'own';
  readonly conf: JsonObject | null;
}

async function record(transaction: Transaction, actor: Actor, { action, run, verdict, request, version, conf }: Cleared): Promise<void> {
  if (verdict.tasks.length + verdict.added.length === 0 && action !== 'clear_run') return;
  await writeTaskNotes(transaction, verdict, request.note);
  const [only] = verdict.tasks.length === 1 ? verdict.tasks : [];
  await writeAudit(transaction, actor, {
    action,
    dagId: request.dagId,
    runId: run.run_id,
    taskId: only?.taskId,
    mapIndex: only?.mapIndex,
    details: { from: verdict.from, version, ...nameTasks(verdict), ...(conf ? { conf } : {}) },
  });
}
