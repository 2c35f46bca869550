/** From what somebody says (ids, a pattern, above and below, a range of dates) to runs and selections of their tasks. */
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import { reachedTasks } from '../core/selection';
import type { RunState } from '../core/states';
import type { Instant } from '../core/time';
import { compileDag } from '../dag-spec/compiled-dag';
import type { CompiledDag } from '../dag-spec/compiled-dag';
import type { DagSpec } from '../dag-spec/spec';
import type { RunPk, TaskSelection } from '../ledger/ledger';
import type { TaskPick, TaskScope } from './commands';
import type { CommandContext } from './context';
import { instantOf, lastInstantOf } from './dates';
import type { StoredDag } from './find-dag';
import { findRun } from './find-run';

export interface RunInScope {
  readonly pk: RunPk;
  readonly run_id: string;
  readonly state: RunState;
  readonly logical_date: Date | null;
  /** uuid; null while it is queued for the first time. */
  readonly version: string | null;
}

const columns = 'pk, run_id, state, logical_date, version';

/** Runs that have task instances, the earliest first. @throws NOT_FOUND · INVALID_VALUE */
export async function findRuns(context: CommandContext, dag: StoredDag, scope: TaskScope): Promise<RunInScope[]> {
  const { dagId, runId, past = false, future = false } = scope;
  if (runId === null || runId === undefined) {
    if (past || future) throw new ThenceError('INVALID_VALUE', 'past and future runs are those before and after one run: name it');
    const zone = dag.spec.timezone;
    const from = scope.from === null || scope.from === undefined ? null : instantOf('start date', scope.from, zone);
    const to = scope.to === null || scope.to === undefined ? null : lastInstantOf('end date', scope.to, zone);
    return runsBetween(context, dagId, from, to, from === null && to === null);
  }
  const { pk } = await findRun(context, { dagId, runId });
  const { rows } = await context.database.pool.query<RunInScope>(`SELECT ${columns} FROM dag_run WHERE pk = $1`, [pk]);
  const run = rows[0]!;
  if (!past && !future) return [run];
  if (run.logical_date === null) {
    throw new ThenceError('INVALID_VALUE', `run "${runId}" has no logical date, so no runs are before or after it`);
  }
  const at = run.logical_date.getTime();
  return runsBetween(context, dagId, past ? null : at, future ? null : at, false);
}

async function runsBetween(
  { database }: CommandContext,
  dagId: string,
  from: Instant | null,
  to: Instant | null,
  undated: boolean,
): Promise<RunInScope[]> {
  const { rows } = await database.pool.query<RunInScope>(
    `SELECT ${columns} FROM dag_run WHERE dag_id = $1 AND version IS NOT NULL AND (logical_date IS NOT NULL OR $4)
       AND ($2::timestamptz IS NULL OR logical_date >= $2) AND ($3::timestamptz IS NULL OR logical_date <= $3)
      ORDER BY logical_date NULLS LAST, pk`,
    [dagId, from === null ? null : new Date(from), to === null ? null : new Date(to), undated],
  );
  return rows;
}

/** Compiles each version once, however many runs use it. */
export class Specs {
  private readonly compiled = new Map<string, Promise<CompiledDag>>();

  constructor(
    private readonly context: CommandContext,
    private readonly newest: StoredDag,
  ) {
    this.compiled.set(newest.version, Promise.resolve(compileDag(newest.version, newest.spec)));
  }

  /** null: the newest. */
  of(version: string | null): Promise<CompiledDag> {
    const id = version ?? this.newest.version;
    let found = this.compiled.get(id);
    if (!found) this.compiled.set(id, (found = this.read(id)));
    return found;
  }

  private async read(id: string): Promise<CompiledDag> {
    const { rows } = await this.context.database.pool.query<{ spec: DagSpec }>('SELECT spec FROM dag_version WHERE id = $1', [id]);
    return compileDag(id, rows[0]!.spec);
  }
}

/**
 * The tasks that are meant, in one version of the DAG; null: all. What stands above and below is taken as a whole.
 * Ids that this version does not have are left out: `checkTasks` has refused those that none has.
 */
export function selectTasks(dag: CompiledDag, scope: TaskScope): TaskSelection[] | null {
  const picks = picksOf(scope);
  if (picks === null && !scope.taskPattern) return null;
  const matching = scope.taskPattern ? matchTasks(dag, scope.taskPattern) : [];
  const named = (picks ?? []).filter(({ taskId }) => dag.tasks.has(taskId));
  const whole = new Set([...matching, ...named.filter(({ mapIndex }) => mapIndex < 0).map(({ taskId }) => taskId)]);
  const start = [...whole, ...named.map(({ taskId }) => taskId)];
  return reachedTasks(dag, start, scope).map((taskId) => {
    const isSplit = !whole.has(taskId) && named.some((pick) => pick.taskId === taskId);
    return { taskId, mapIndexes: isSplit ? named.filter((pick) => pick.taskId === taskId).map(({ mapIndex }) => mapIndex) : null };
  });
}

/** @throws NOT_FOUND for an id that none of these versions has, INVALID_VALUE for a pattern that matches nothing */
export function checkTasks(dags: readonly CompiledDag[], scope: TaskScope): void {
  const known = [...new Set(dags.flatMap((dag) => [...dag.tasks.keys()]))];
  for (const { taskId } of picksOf(scope) ?? []) {
    if (known.includes(taskId)) continue;
    throw new ThenceError(
      'NOT_FOUND',
      `DAG "${scope.dagId}" has no task "${taskId}"${didYouMean(taskId, known) || `; its tasks are ${known.join(', ')}`}`,
    );
  }
  if (!scope.taskPattern || dags.some((dag) => matchTasks(dag, scope.taskPattern!).length > 0)) return;
  throw new ThenceError(
    'INVALID_VALUE',
    `no task of DAG "${scope.dagId}" matches ${JSON.stringify(scope.taskPattern)}; its tasks are ${known.join(', ')}`,
  );
}

export function matchTasks(dag: CompiledDag, pattern: string): string[] {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch (error) {
    throw new ThenceError('INVALID_VALUE', `${JSON.stringify(pattern)} is not a regular expression: ${(error as Error).message}`);
  }
  return [...dag.tasks.keys()].filter((id) => expression.test(id));
}

function picksOf({ tasks }: TaskScope): { taskId: string; mapIndex: number }[] | null {
  const pickOf = (pick: TaskPick) => (typeof pick === 'string' ? { taskId: pick, mapIndex: -1 } : { taskId: pick[0], mapIndex: pick[1] });
  return tasks?.map(pickOf) ?? null;
}
