/** A plan as a form lists it: a mapped task's instances in one line, and no more lines than people read. */
import type { PlannedRun, TaskPlan, TaskPlanItem } from '../../src/commands/commands';

const MOST_ROWS = 200;

export interface PlanRow {
  readonly taskId: string;
  readonly action: TaskPlanItem['action'];
  /** Null: more than one, or not mapped. */
  readonly mapIndex: number | null;
  readonly count: number;
  /** How many of them are in which state now. */
  readonly states: Readonly<Record<string, number>>;
}

export interface PlanView {
  readonly runs: readonly (PlannedRun & { readonly rows: readonly PlanRow[] })[];
  readonly runCount: number;
  /** Task instances, listed or not. */
  readonly count: number;
  readonly hidden: number;
}

export function planRows({ runs, items }: TaskPlan): PlanView {
  const rows = new Map<
    string,
    { runId: string; taskId: string; action: PlanRow['action']; mapIndex: number; states: Map<string, number>; count: number }
  >();
  for (const { runId, taskId, mapIndex, state, action } of items) {
    const key = JSON.stringify([runId, taskId, action]);
    const row = rows.get(key) ?? { runId, taskId, action, mapIndex, states: new Map<string, number>(), count: 0 };
    row.count++;
    row.states.set(state ?? 'none', (row.states.get(state ?? 'none') ?? 0) + 1);
    rows.set(key, row);
  }
  const shown = [...rows.values()].slice(0, MOST_ROWS);
  const views = runs.slice(0, MOST_ROWS).map((run) => ({
    ...run,
    rows: shown
      .filter(({ runId }) => runId === run.runId)
      .map(({ taskId, action, mapIndex, states, count }) => ({
        taskId,
        action,
        count,
        mapIndex: count === 1 && mapIndex >= 0 ? mapIndex : null,
        states: Object.fromEntries(states),
      })),
  }));
  return { runs: views, runCount: runs.length, count: items.length, hidden: items.length - shown.reduce((sum, row) => sum + row.count, 0) };
}
