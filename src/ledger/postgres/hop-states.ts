/** Between the flushes: the states of the locked runs, from the cache or read anew, and back into the cache once committed. */
import type { PoolClient } from 'pg';
import type { Change } from '../../core/run-view';
import type { Instant } from '../../core/time';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { LockedRun, RunPk } from '../ledger';
import type { ClaimRow } from './claim';
import { flush } from './connections';
import type { LedgerContext } from './context';
import { countActive, hasDagLimits, lockDags, roomIn } from './dag-room';
import type { DagRoom } from './dag-room';
import type { Ending, RecordedEnding } from './endings';
import type { LockedRow } from './lock-runs';
import { comeDue, countEndings, readExpansions, readTallies } from './mapped';
import { tasksWaitingForPast } from './past';
import { readAllInstances, readInstances, readTasks, toCachedTask } from './run-cache';
import type { CachedRun, CachedTask, InstanceKey, TaskRow } from './run-cache';
import type { PlacedTransition } from './second-flush';
import { toTally } from './tally-sql';
import type { TallyRow } from './tally-sql';
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

export type Instances = Map<string, Map<number, CachedTask>>;

/** A running run under its lock. */
export interface RunNow {
  readonly row: LockedRow;
  readonly dag: CompiledDag;
  readonly cached: CachedRun;
  /** Task instances whose state changed since the last resolution; null: look at all. */
  readonly changed: readonly Change[] | null;
  /** Of mapped groups: those that are needed, so far as is known. */
  readonly instances: Instances;
  readonly waitsForPast: Set<string>;
  dagRoom: DagRoom | null;
}

export interface LoadedStates {
  readonly runs: Map<RunPk, RunNow>;
  /** Runs that reading has changed: instances came due. */
  readonly touched: readonly RunPk[];
  /** DAGs whose rows are locked. */
  readonly lockedDags: readonly string[];
  /** Of these, those in which an attempt ended that their other runs may have waited for. */
  readonly freedDags: readonly string[];
}

/** Runs and DAGs that use nothing but plain tasks, and are in the cache, need no question at all. */
export async function loadStates(
  context: LedgerContext,
  client: PoolClient,
  recorded: Recorded,
  endings: readonly Ending[],
): Promise<LoadedStates> {
  const { versions } = context;
  const running = recorded.locked.filter((row) => row.state === 'running' && row.version !== null);
  await versions.load(client, new Set(running.map(({ version }) => version!)));
  const states = running.map((row) => takeState(context, row, recorded));
  const pks = (some: typeof states) => some.map(({ run }) => run.row.pk);
  const isMapped = ({ run }: { run: RunNow }) => run.dag.expansions.size > 0;
  const fresh = states.filter(({ isRead }) => !isRead);
  const mapped = states.filter(isMapped);
  const whole = mapped.filter(({ run }) => run.changed === null);
  const { lockedDags, freedDags } = dagsToLock(context, states, endings);

  const answers = await flush(client, () => ({
    counted: countEndings(client, recorded.endings),
    due: comeDue(client, pks(mapped.filter(mayHaveSleepers))),
    tasks: readTasks(client, pks(fresh)),
    tallies: readTallies(client, pks(fresh.filter(isMapped))),
    expansions: readExpansions(client, pks(fresh.filter(isMapped))),
    instances: readInstances(client, mapped.flatMap(({ run }) => besideChanges(run))), // prettier-ignore
    allInstances: readAllInstances(client, whole.flatMap(({ run }) => tasksOfGroups(run, run.dag.expansions.keys()))), // prettier-ignore
    past: tasksWaitingForPast(client, states.flatMap(undecidedWithPast)), // prettier-ignore
    dags: lockedDags.length > 0 ? lockDags(client, lockedDags) : null,
    active: lockedDags.length > 0 ? countActive(client, lockedDags) : null,
  }));

  const runs = new Map(states.map(({ run }) => [run.row.pk, run]));
  for (const row of answers.tasks?.rows ?? []) runs.get(row.run)!.cached.tasks.set(row.task_id, toCachedTask(row));
  for (const found of [answers.counted, answers.due, answers.tallies]) keepTallies(runs, found?.rows ?? []);
  for (const { run, owner } of answers.expansions?.rows ?? []) runs.get(run)!.cached.expanding.add(owner);
  for (const found of [answers.instances, answers.allInstances]) keepInstances(runs, found?.rows ?? []);
  for (const { run, task_id: taskId } of answers.past?.rows ?? []) runs.get(run)!.waitsForPast.add(taskId);
  for (const run of runs.values()) run.dagRoom = roomIn(run.dag, answers.active?.rows ?? []);
  return { runs, touched: unique(answers.due?.rows.map(({ run }) => run) ?? []), lockedDags, freedDags };
}

/** What the cache has of a run, brought up to its endings; empty when it has to be read. */
function takeState({ runs, versions }: LedgerContext, row: LockedRow, recorded: Recorded): { run: RunNow; isRead: boolean } {
  const version = row.version!;
  const valid = runs.valid(row.pk, row.seq, version);
  // It is changed from here on, so nobody may find it before it is committed.
  runs.forget(row.pk);
  const cached: CachedRun = valid ?? { seq: row.seq, version, tasks: new Map(), tallies: new Map(), expanding: new Set() };
  let changed: Change[] | null = null;
  if (valid) {
    const endings = recorded.endings.filter((ending) => ending.run === row.pk);
    for (const ending of endings) if (ending.map_index < 0) cached.tasks.set(ending.task_id, toCachedTask(ending));
    if (!recorded.woken.has(row.pk)) changed = endings.map(({ task_id: taskId, map_index: mapIndex }) => ({ taskId, mapIndex }));
  }
  const run = {
    row,
    dag: versions.get(version).dag,
    cached,
    changed,
    instances: new Map(),
    waitsForPast: new Set<string>(),
    dagRoom: null,
  };
  return { run, isRead: valid !== null };
}

/** Those with limits over all runs, and with them, because rows are locked in one order, those that this hop may pause. */
function dagsToLock({ versions }: LedgerContext, states: readonly { run: RunNow }[], endings: readonly Ending[]) {
  const ended = endings.map(({ attempt }) => versions.get(attempt.version).dag);
  const freedDags = unique(ended.filter(hasDagLimits).map(({ spec }) => spec.dagId));
  const limited = states.filter(({ run }) => hasDagLimits(run.dag)).map(({ run }) => run.row.dag_id);
  if (limited.length + freedDags.length === 0) return { lockedDags: [], freedDags };
  const pausing = states.filter(({ run }) => run.dag.spec.maxConsecutiveFailedRuns).map(({ run }) => run.row.dag_id);
  return { lockedDags: unique([...limited, ...freedDags, ...pausing]), freedDags };
}

function mayHaveSleepers({ run, isRead }: { run: RunNow; isRead: boolean }): boolean {
  return !isRead || [...run.cached.tallies.values()].some(({ sleeping }) => sleeping > 0);
}

/** Inside a mapped group an instance depends on those of its own index. */
function besideChanges({ row, dag, changed }: RunNow): InstanceKey[] {
  return (changed ?? []).flatMap(({ taskId, mapIndex }) => {
    const group = dag.tasks.get(taskId)?.mappedGroup ?? null;
    if (group === null || mapIndex < 0) return [];
    return dag.expansions.get(group)!.tasks.map((task) => ({ run: row.pk, taskId: task, mapIndex }));
  });
}

export function tasksOfGroups({ row, dag }: RunNow, owners: Iterable<string>): { run: RunPk; taskId: string }[] {
  return [...owners]
    .map((owner) => dag.expansions.get(owner)!)
    .flatMap(({ kind, tasks }) => (kind === 'group' ? tasks.map((taskId) => ({ run: row.pk, taskId })) : []));
}

function undecidedWithPast({ run: { row, dag, cached }, isRead }: { run: RunNow; isRead: boolean }) {
  return dag.usesPast
    .filter((id) => !isRead || cached.tasks.get(id)?.state === null || (cached.tallies.get(id)?.none ?? 0) > 0)
    .map((taskId) => ({ run: row.pk, dag, taskId }));
}

function keepTallies(runs: ReadonlyMap<RunPk, RunNow>, rows: readonly TallyRow[]): void {
  for (const row of rows) runs.get(row.run)?.cached.tallies.set(row.task_id, toTally(row));
}

export function keepInstances(runs: ReadonlyMap<RunPk, RunNow>, rows: readonly TaskRow[]): void {
  for (const row of rows) {
    const { instances } = runs.get(row.run)!;
    const ofTask = instances.get(row.task_id) ?? new Map<number, CachedTask>();
    instances.set(row.task_id, ofTask.set(row.map_index, toCachedTask(row)));
  }
}

export function toLockedRun({ row, dag, cached, changed, instances, waitsForPast, dagRoom }: RunNow): LockedRun {
  const { tasks, tallies, expanding } = cached;
  return {
    pk: row.pk,
    dagId: row.dag_id,
    dag,
    state: row.state,
    isPaused: row.is_paused,
    runType: row.run_type,
    view: { tasks, mapped: tallies, instances, expanding, waitsForPast, dagRoom },
    changed,
  };
}

interface Committed {
  readonly runs: ReadonlyMap<RunPk, RunNow>;
  readonly transitions: readonly PlacedTransition[];
  readonly applied: readonly AppliedTransition[];
  /** In the order in which they were written. */
  readonly tallies: readonly TallyRow[];
  readonly expanding: readonly { readonly run: RunPk; readonly owner: string }[];
  readonly updated: readonly { readonly pk: RunPk; readonly seq: number }[];
  readonly claims: readonly ClaimRow[];
  /** Runs that are better read anew: they have ended, or were ended early. */
  readonly done: ReadonlySet<RunPk>;
}

export function keepStates(context: LedgerContext, committed: Committed): void {
  const { runs, transitions, applied, tallies, expanding, updated, claims, done } = committed;
  const written = new Set([...applied, ...claims].map(({ pk }) => pk));
  const stale = new Set<RunPk>(done);
  for (const { run, pk, taskId, mapIndex, state, reason, admissible } of transitions) {
    if (!written.has(pk))
      stale.add(run); // somebody claimed it: what we have of this run is older than the truth
    else if (mapIndex < 0) change(runs.get(run), taskId, { state, reason, admissible, dueAt: null });
  }
  for (const { run, task_id: taskId, map_index: mapIndex, state, try_number: tryNumber } of claims) {
    if (mapIndex < 0) change(runs.get(run), taskId, { state, reason: null, admissible: state === 'scheduled', tryNumber });
  }
  keepTallies(runs, tallies);
  for (const { run, owner } of expanding) runs.get(run)!.cached.expanding.add(owner);
  for (const { pk, seq } of updated) if (runs.has(pk)) runs.get(pk)!.cached.seq = seq;
  for (const [pk, { cached }] of runs) if (!stale.has(pk)) context.runs.keep(pk, cached);
}

function change(run: RunNow | undefined, taskId: string, to: Partial<CachedTask>): void {
  const task = run?.cached.tasks.get(taskId);
  if (task) run!.cached.tasks.set(taskId, { ...task, ...to });
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
