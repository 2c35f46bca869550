/**
 * What a verdict changes, as a list. A dry run is the very thing, rolled back before its end: it cannot list anything else than what would
 * happen at that moment.
 */
import type { AlsoCommit, TaskVerdict, Transaction } from '../ledger/ledger';
import type { PlannedRun, TaskPlan, TaskPlanItem } from './commands';
import type { CommandContext } from './context';
import type { RunInScope } from './find-tasks';

export interface RunVerdict {
  readonly run: RunInScope;
  readonly verdict: TaskVerdict;
}

class DryRun extends Error {
  constructor(readonly verdict: TaskVerdict | null) {
    super('dry run');
  }
}

/** `commit` null: does nothing and answers what would be. Null: there is no such run any more. */
export async function decideOn(
  act: (also: AlsoCommit<TaskVerdict | null>) => Promise<TaskVerdict | null>,
  check: (verdict: TaskVerdict) => void,
  commit: ((transaction: Transaction, verdict: TaskVerdict) => Promise<void>) | null,
): Promise<TaskVerdict | null> {
  try {
    return await act(async (transaction, verdict) => {
      if (verdict) check(verdict);
      if (commit === null) throw new DryRun(verdict);
      if (verdict) await commit(transaction, verdict);
    });
  } catch (error) {
    if (error instanceof DryRun) return error.verdict;
    throw error;
  }
}

export async function toPlan(
  { database }: CommandContext,
  dagId: string,
  action: 'clear' | 'mark',
  verdicts: readonly RunVerdict[],
): Promise<TaskPlan> {
  const { rows } = await database.pool.query<{ id: string; number: number }>('SELECT id, number FROM dag_version WHERE id = ANY($1)', [
    [...new Set(verdicts.flatMap(({ verdict }) => verdict.version ?? []))],
  ]);
  const numbers = new Map(rows.map(({ id, number }) => [id, number]));
  const runs: PlannedRun[] = [];
  const items: TaskPlanItem[] = [];
  for (const { run, verdict } of verdicts) {
    const version = verdict.version === null ? null : (numbers.get(verdict.version) ?? null);
    if (verdict.tasks.length === 0 && verdict.from === verdict.to) continue;
    const { pk, run_id: runId, logical_date: date } = run;
    runs.push({ run: pk, runId, logicalDate: date?.getTime() ?? null, from: verdict.from, to: verdict.to, version });
    for (const { taskId, mapIndex, was: state } of verdict.tasks) items.push({ runId, taskId, mapIndex, state, action, version });
    for (const { taskId, mapIndex, was: state } of verdict.below) items.push({ runId, taskId, mapIndex, state, action: 'decide', version });
    for (const taskId of verdict.added) items.push({ runId, taskId, mapIndex: -1, state: null, action: 'add', version });
  }
  return { dagId, runs, items };
}

/** Of the task instances that were asked for. */
export async function writeTaskNotes(
  transaction: Transaction,
  { run, tasks }: TaskVerdict,
  note: string | null | undefined,
): Promise<void> {
  if (note === undefined || note === null) return;
  await transaction.query(
    `INSERT INTO ti_detail (ti, note)
     SELECT t.pk, $4 FROM unnest($2::text[], $3::int[]) AS n(task_id, map_index) JOIN task_instance t ON t.run = $1 AND t.task_id = n.task_id AND t.map_index = n.map_index
     ON CONFLICT (ti) DO UPDATE SET note = excluded.note`,
    [run, tasks.map(({ taskId }) => taskId), tasks.map(({ mapIndex }) => mapIndex), note],
  );
}

const MOST_NAMED = 50;

/** For the audit log: the first ones by name, and how many there were. */
export function nameTasks({ tasks, below }: TaskVerdict): { tasks: string[]; count: number; decided_anew: number } {
  const name = ({ taskId, mapIndex }: TaskVerdict['tasks'][number]) => (mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`);
  return { tasks: tasks.slice(0, MOST_NAMED).map(name), count: tasks.length, decided_anew: below.length };
}
