/** Between the flushes: the states of the locked runs, from the cache or read anew, and back into the cache once committed. */
import type { PoolClient } from 'pg';
import type { Instant } from '../../core/time';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { LockedRun, RunPk } from '../ledger';
import { unmappedView } from '../unmapped-view';
import type { ClaimRow } from './claim';
import type { LedgerContext } from './context';
import type { RecordedEnding } from './endings';
import type { PlacedTransition } from './hop';
import type { LockedRow } from './lock-runs';
import type { CachedRun, CachedTask } from './run-cache';
import type { AppliedTransition } from './transitions';

/** What the first flush told. */
export interface Recorded {
  /** The transaction is open. */
  readonly begun: boolean;
  /** By the database's clock. */
  readonly now: Instant;
  readonly locked: readonly LockedRow[];
  readonly woken: ReadonlySet<RunPk>;
  /** Task instances that followed their attempt; the fence kept the others. */
  readonly endings: readonly RecordedEnding[];
}

/** A running run under its lock. */
export interface RunNow {
  readonly row: LockedRow;
  readonly dag: CompiledDag;
  readonly cached: CachedRun;
  /** Tasks whose state changed since the last resolution; null: look at all. */
  readonly changed: readonly string[] | null;
}

export async function loadStates(context: LedgerContext, client: PoolClient, recorded: Recorded): Promise<Map<RunPk, RunNow>> {
  const { runs, versions } = context;
  const running = recorded.locked.flatMap((row) =>
    row.state === 'running' && row.version !== null ? [{ ...row, version: row.version }] : [],
  );
  await versions.load(client, new Set(running.map(({ version }) => version)));

  const states = new Map<RunPk, RunNow>();
  const toRead: typeof running = [];
  for (const row of running) {
    const cached = runs.valid(row.pk, row.seq, row.version);
    if (!cached) {
      toRead.push(row);
      continue;
    }
    // It is changed from here on, so nobody may find it before it is committed.
    runs.forget(row.pk);
    const endings = recorded.endings.filter((ending) => ending.run === row.pk);
    for (const ending of endings) cached.tasks.set(ending.task_id, afterEnding(ending));
    const changed = recorded.woken.has(row.pk) ? null : endings.map((ending) => ending.task_id);
    states.set(row.pk, { row, dag: versions.get(row.version).dag, cached, changed });
  }
  const read = await runs.read(client, toRead);
  for (const row of toRead) states.set(row.pk, { row, dag: versions.get(row.version).dag, cached: read.get(row.pk)!, changed: null });
  return states;
}

export function toLockedRuns(states: ReadonlyMap<RunPk, RunNow>): LockedRun[] {
  return [...states.values()].map(({ row, dag, cached, changed }) => ({
    pk: row.pk,
    dagId: row.dag_id,
    dag,
    state: row.state,
    isPaused: row.is_paused,
    runType: row.run_type,
    view: unmappedView(cached.tasks),
    changed: changed && changed.map((taskId) => ({ taskId, mapIndex: -1 })),
  }));
}

interface Committed {
  readonly states: ReadonlyMap<RunPk, RunNow>;
  readonly transitions: readonly PlacedTransition[];
  readonly applied: readonly AppliedTransition[];
  readonly updated: readonly { readonly pk: RunPk; readonly seq: number }[];
  readonly claims: readonly ClaimRow[];
  readonly endOf: ReadonlyMap<RunPk, 'success' | 'failed' | null>;
}

export function keepStates(context: LedgerContext, { states, transitions, applied, updated, claims, endOf }: Committed): void {
  const done = new Set([...applied, ...claims].map(({ pk }) => pk));
  const stale = new Set<RunPk>();
  for (const { run, pk, taskId, state, reason, admissible } of transitions) {
    if (done.has(pk)) change(states.get(run), taskId, { state, reason, admissible, dueAt: null });
    else stale.add(run); // somebody claimed it: what we have of this run is older than the truth
  }
  for (const { run, task_id: taskId, state, try_number: tryNumber } of claims) {
    change(states.get(run), taskId, { state, reason: null, admissible: state === 'scheduled', tryNumber });
  }
  for (const { pk, seq } of updated) if (states.has(pk)) states.get(pk)!.cached.seq = seq;
  for (const [pk, { cached }] of states) if (!stale.has(pk) && !endOf.get(pk)) context.runs.keep(pk, cached);
}

function change(run: RunNow | undefined, taskId: string, to: Partial<CachedTask>): void {
  const task = run?.cached.tasks.get(taskId);
  if (task) run!.cached.tasks.set(taskId, { ...task, ...to });
}

function afterEnding(row: RecordedEnding): CachedTask {
  return {
    pk: row.pk,
    state: row.state,
    reason: row.reason,
    admissible: false,
    dueAt: row.due_at,
    branch: row.branch,
    tryNumber: row.try_number,
    piece: row.piece,
  };
}
