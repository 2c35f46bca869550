/**
 * The grid: tasks × runs. One character per cell, so that 500 tasks × 100 runs travel as 50 kB before compression, and the browser can
 * tell what changed by comparing strings. Finished runs are kept in memory: a page that refreshes each second asks for open ones only.
 */
import type { Pool } from 'pg';
import type { RunState, RunType } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import { ATTENTION } from './attention';
import { readTaskSummaries } from './task-summaries';

/** Position in this text is the code; public/grid.js has the same list. */
export const CELL_CODES = {
  none: '.', scheduled: 'c', queued: 'q', running: 'r', success: 's', restarting: 'e', failed: 'f', up_for_retry: 'y', up_for_reschedule: 'w',
  upstream_failed: 'u', skipped: 'k', deferred: 'd', removed: 'x',
} as const; // prettier-ignore

export interface GridRun {
  readonly id: string;
  readonly type: RunType;
  readonly state: RunState;
  /** Milliseconds since 1970. */
  readonly logical: number | null;
  readonly after: number;
  readonly start: number | null;
  readonly end: number | null;
  /** Number of the DAG's version that the run uses. */
  readonly version: number | null;
}

export interface GridRow {
  readonly id: string;
  /** What is shown: the id without the prefix of the groups around it. */
  readonly label: string;
  readonly depth: number;
  /** Innermost group's id. */
  readonly parent: string | null;
  readonly kind: 'task' | 'group' | 'removed';
  readonly operator: string | null;
  /** It, or the group around it, is mapped. */
  readonly isMapped: boolean;
}

export interface Grid {
  /** Oldest first. */
  readonly runs: readonly GridRun[];
  readonly rows: readonly GridRow[];
  /** Task id → one code per run; ' ' where the run has no such task. */
  readonly cells: Readonly<Record<string, string>>;
  /** Task id → position of the run → how many instances of the mapped task are in which state. Its cell shows what most needs a look. */
  readonly mapped: Readonly<Record<string, Readonly<Record<number, Readonly<Record<string, number>>>>>>;
  /** States, the one that most needs a look first. */
  readonly attention: readonly string[];
}

export const EMPTY_GRID: Grid = { runs: [], rows: [], cells: {}, mapped: {}, attention: ATTENTION };

interface RunRow {
  pk: number; run_id: string; run_type: RunType; state: RunState; logical_date: Date | null; run_after: Date; start_date: Date | null;
  end_date: Date | null; number: number | null; seq: number;
} // prettier-ignore

export interface GridQuery {
  readonly limit: number;
  /** Newest run at the right edge: null for the newest of all. */
  readonly before: Date | null;
  readonly types: readonly string[];
  readonly states: readonly string[];
}

export async function readGrid(pool: Pool, dag: CompiledDag, dagId: string, query: GridQuery): Promise<Grid> {
  const { rows } = await pool.query<RunRow>(
    `SELECT r.pk, r.run_id, r.run_type, r.state, r.logical_date, r.run_after, r.start_date, r.end_date, v.number, r.seq
     FROM dag_run r LEFT JOIN dag_version v ON v.id = r.version
     WHERE r.dag_id = $1 AND ($3::timestamptz IS NULL OR r.run_after <= $3)
       AND (cardinality($4::text[]) = 0 OR r.run_type = ANY ($4)) AND (cardinality($5::text[]) = 0 OR r.state = ANY ($5))
     ORDER BY r.run_after DESC, r.pk DESC LIMIT $2`,
    [dagId, query.limit, query.before, query.types, query.states],
  );
  const runs = rows.reverse();
  const states = await readStates(pool, runs);
  const gridRows = arrangeRows(dag);
  addRemovedTasks(gridRows, states, dag);
  const cells: Record<string, string> = {};
  const mapped: Record<string, Record<number, Readonly<Record<string, number>>>> = {};
  for (const row of gridRows) if (row.kind !== 'group') cells[row.id] = states.map((run) => run.get(row.id)?.code ?? ' ').join('');
  for (const [index, run] of states.entries()) {
    for (const [task, { counts }] of run) if (counts) (mapped[task] ??= {})[index] = counts;
  }
  return { runs: runs.map(toGridRun), rows: gridRows, cells, mapped, attention: ATTENTION };
}

const toGridRun = (run: RunRow): GridRun => ({
  id: run.run_id,
  type: run.run_type,
  state: run.state,
  logical: run.logical_date?.getTime() ?? null,
  after: run.run_after.getTime(),
  start: run.start_date?.getTime() ?? null,
  end: run.end_date?.getTime() ?? null,
  version: run.number,
});

interface Cell {
  readonly code: string;
  readonly counts: Readonly<Record<string, number>> | null;
}
type RunCells = ReadonlyMap<string, Cell>;
const finishedRuns = new Map<string, RunCells>();
const KEPT = 2000;

async function readStates(pool: Pool, runs: readonly RunRow[]): Promise<RunCells[]> {
  // `seq` rises with every change of the run's tasks, so that a cleared or marked run has another key.
  const keyOf = (run: RunRow): string | null => (run.end_date ? `${run.pk}/${run.seq}/${run.end_date.getTime()}` : null);
  const wanted = runs.filter((run) => !finishedRuns.has(keyOf(run) ?? ''));
  const fresh = new Map<number, Map<string, Cell>>(wanted.map((run) => [run.pk, new Map()]));
  if (wanted.length > 0) {
    const summaries = await readTaskSummaries(pool, [...fresh.keys()], { times: false });
    for (const { run, taskId, state, mapped } of summaries) {
      fresh.get(run)?.set(taskId, { code: CELL_CODES[state ?? 'none'], counts: mapped?.counts ?? null });
    }
  }
  const result = runs.map((run) => fresh.get(run.pk) ?? finishedRuns.get(keyOf(run)!)!);
  for (const run of wanted) if (keyOf(run)) finishedRuns.set(keyOf(run)!, fresh.get(run.pk)!);
  for (const oldest of finishedRuns.keys()) if (finishedRuns.size > KEPT) finishedRuns.delete(oldest);
  return result;
}

/** Tasks in topological order; a group stands where its first task does, its own rows below it. */
export function arrangeRows(dag: CompiledDag): GridRow[] {
  const children = new Map<string | null, { id: string; kind: 'task' | 'group'; index: number }[]>();
  const groupIndex = new Map<string, number>();
  for (const task of dag.tasks.values()) {
    for (const group of task.groups) groupIndex.set(group, Math.min(groupIndex.get(group) ?? Infinity, task.index));
    children.set(task.spec.group, [...(children.get(task.spec.group) ?? []), { id: task.spec.id, kind: 'task', index: task.index }]);
  }
  for (const group of dag.spec.groups) {
    if (!groupIndex.has(group.id)) continue;
    const siblings = children.get(group.parent) ?? [];
    children.set(group.parent, [...siblings, { id: group.id, kind: 'group', index: groupIndex.get(group.id)! }]);
  }
  const rows: GridRow[] = [];
  const visit = (parent: string | null, depth: number): void => {
    for (const child of (children.get(parent) ?? []).toSorted((a, b) => a.index - b.index)) {
      const label = parent !== null && child.id.startsWith(`${parent}.`) ? child.id.slice(parent.length + 1) : child.id;
      const task = child.kind === 'task' ? dag.tasks.get(child.id)! : null;
      const isMapped = task ? task.expand !== null : dag.expansions.has(child.id);
      rows.push({ id: child.id, label, depth, parent, kind: child.kind, operator: task?.spec.operator ?? null, isMapped });
      if (child.kind === 'group') visit(child.id, depth + 1);
    }
  };
  visit(null, 0);
  return rows;
}

/** Tasks that only older versions of the DAG had stand last. */
function addRemovedTasks(rows: GridRow[], states: readonly RunCells[], dag: CompiledDag): void {
  const seen = new Set<string>();
  for (const run of states) for (const task of run.keys()) if (!dag.tasks.has(task)) seen.add(task);
  for (const id of [...seen].toSorted())
    rows.push({ id, label: id, depth: 0, parent: null, kind: 'removed', operator: null, isMapped: false });
}
