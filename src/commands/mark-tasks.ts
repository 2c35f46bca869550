import type { TaskVerdict, Transaction } from '../ledger/ledger';
import { writeAudit } from './audit';
import type { Actor, MarkTasksRequest, TaskPlan } from './commands';
import type { CommandContext } from './context';
import { findStoredDag } from './find-dag';
import { checkTasks, findRuns, selectTasks, Specs } from './find-tasks';
import type { RunInScope } from './find-tasks';
import { decideOn, nameTasks, toPlan, writeTaskNotes } from './task-plan';
import type { RunVerdict } from './task-plan';

/** Each run by the graph of its own version. `actor` null: a dry run. */
export async function markTasks(context: CommandContext, request: MarkTasksRequest, actor: Actor | null): Promise<TaskPlan> {
  const newest = await findStoredDag(context, request.dagId);
  const runs = await findRuns(context, newest, request);
  const specs = new Specs(context, newest);
  checkTasks(await Promise.all(runs.map((run) => specs.of(run.version))), request);

  const verdicts: RunVerdict[] = [];
  for (const run of runs) {
    const dag = await specs.of(run.version);
    const tasks = selectTasks(dag, request) ?? [...dag.tasks.keys()].map((taskId) => ({ taskId, mapIndexes: null }));
    const verdict = await decideOn(
      (also) => context.ledger.markTasks({ run: run.pk, tasks, state: request.state }, also),
      () => undefined,
      actor && ((transaction, verdict) => record(transaction, actor, run, verdict, request)),
    );
    if (verdict) verdicts.push({ run, verdict });
  }
  if (actor) context.wakeup();
  return toPlan(context, request.dagId, 'mark', verdicts);
}

async function record(
  transaction: Transaction,
  actor: Actor,
  run: RunInScope,
  verdict: TaskVerdict,
  { dagId, state, note }: MarkTasksRequest,
): Promise<void> {
  if (verdict.tasks.length === 0) return;
  await writeTaskNotes(transaction, verdict, note);
  const [only] = verdict.tasks.length === 1 ? verdict.tasks : [];
  await writeAudit(transaction, actor, {
    action: 'mark_tasks',
    dagId,
    runId: run.run_id,
    taskId: only?.taskId,
    mapIndex: only?.mapIndex,
    details: { to: state, ...nameTasks(verdict) },
  });
}
