/** The second flush of a hop: what was decided, the claims, and COMMIT. See hop.ts. */
import type { PoolClient } from 'pg';
import type { Transition } from '../../core/run-view';
import { isFinished } from '../../core/states';
import type { Instant } from '../../core/time';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { EndedRun, RunDecision, RunPk, SessionId, TaskNow, TaskPk } from '../ledger';
import { insertCallbacks, taskCallbacks } from './callbacks';
import type { NewCallback } from './callbacks';
import { claimTasks, lockPools } from './claim';
import { begin, commit, flush } from './connections';
import { laneOf } from './context';
import type { LedgerContext } from './context';
import { lockDags, wakeRunsOfDags } from './dag-room';
import { endEarly } from './end-early';
import type { EarlyEnd } from './end-early';
import type { Ending, RecordedEnding } from './endings';
import { keepStates } from './hop-states';
import type { LoadedStates, Recorded, RunNow } from './hop-states';
import { updateRuns } from './lock-runs';
import type { RunUpdate } from './lock-runs';
import { admitInstances, applyInstanceTransitions, askForExpansion, sweepInstances, withdrawInstances } from './mapped';
import { observedByNextRun, wakeNextRuns } from './past';
import { failingDags, pauseFailingDags, retryInMs, runCallbacks, toEndedRun } from './run-ends';
import type { RunEnd } from './run-ends';
import { applyTransitions } from './transitions';
import type { AppliedTransition } from './transitions';
import { forgetResumes, insertWaits } from './waits';
import { deleteXComs, storeReturnValues } from './xcoms';

export interface SecondFlush {
  readonly session: SessionId;
  readonly capacity: readonly (readonly [lane: string, slots: number])[];
  readonly limit: number | null;
  /** All that were reported. */
  readonly endings: readonly Ending[];
  readonly recorded: Recorded;
  readonly states: LoadedStates;
  readonly decisions: readonly RunDecision[];
}

export async function secondFlush(context: LedgerContext, client: PoolClient, hop: SecondFlush) {
  const { session, capacity, limit, recorded, states } = hop;
  const plan = planOf(context, hop);
  const { single, fresh, instances, changed } = plan;
  const lanes = capacity.map(([lane]) => lane);

  context.unanswered ||= capacity.length > 0;
  // In the order of the properties: instances before gates before claims, waits before what ends them early, the ends of runs before what they bring along, DAGs before pools.
  const answers = await flush(client, () => ({
    begin: recorded.begun ? null : begin(client),
    applied: single.length > 0 ? applyTransitions(client, single) : null,
    swept: sweepInstances(client, plan.sweeps),
    instances: applyInstanceTransitions(client, instances),
    withdrawn: withdrawInstances(client, plan.withdrawn),
    admitted: admitInstances(client, plan.gates),
    expansions: askForExpansion(client, plan.expansions),
    waits: insertWaits(client, plan.waits),
    early: Promise.all(plan.early.map((end) => endEarly(client, end))),
    runs: changed.length > 0 ? updateRuns(client, changed) : null,
    values: storeReturnValues(client, plan.accepted),
    deleted: deleteXComs(client, plan.begunAgain),
    resumes: forgetResumes(client, plan.goneOn),
    callbacks: insertCallbacks(client, plan.callbacks),
    nextRuns: wakeNextRuns(client, plan.observed),
    otherRuns: wakeRunsOfDags(client, states.freedDags, [...states.runs.keys()]),
    dags: plan.failing.size > 0 && states.lockedDags.length === 0 ? lockDags(client, [...plan.failing.keys()]) : null,
    paused: pauseFailingDags(client, plan.failing),
    pools: capacity.length > 0 ? lockPools(client, lanes, [...new Set(fresh.map(({ pool }) => pool))]) : null,
    claims: Promise.all(capacity.map(([lane, slots]) => claimLane(client, session, lane, slots, fresh, limit))),
    commit: commit(client),
  }));

  const applied: AppliedTransition[] = [...(answers.applied?.rows ?? []), ...(answers.instances?.rows ?? [])];
  const updated = answers.runs?.rows ?? [];
  const placed = answers.claims.flatMap(({ rows }) => rows);
  const claims = placed.filter(({ state }) => state === 'running');
  keepStates(context, {
    runs: states.runs,
    transitions: [...single, ...fresh, ...instances],
    applied,
    tallies: [answers.swept, answers.instances, answers.withdrawn, answers.admitted].flatMap((answer) => answer?.rows ?? []),
    expanding: plan.expansions,
    updated,
    claims: placed,
    done: new Set([...plan.ends, ...plan.early].map(({ run }) => run)),
  });
  return {
    accepted: plan.accepted,
    claims,
    keptBack: placed.length > claims.length || single.some(({ admissible }) => admissible) || plan.gates.length > 0,
    ended: endedRuns(recorded, plan.ends, updated),
    ...tasksNow(context, hop, applied),
    nextDueInMs: nextDue(recorded),
    expanding: plan.expansions.length > 0,
    callbacks: plan.callbacks.length > 0,
    deferred: plan.waits.length > 0,
    makesRoom: changed.some(({ waitsForPast, retryInMs: retry }) => waitsForPast === true || typeof retry === 'number'),
  };
}

export interface PlacedTransition extends Transition {
  readonly run: RunPk;
  readonly pk: TaskPk;
  readonly lane: string;
  readonly pool: string;
  readonly beginsAgain: boolean;
}

/** What to write, all runs together. */
function planOf(context: LedgerContext, { capacity, endings, recorded, states, decisions }: SecondFlush) {
  const { runs } = states;
  const recordedOf = new Map(recorded.endings.map((row) => [row.attempt, row]));
  const accepted = endings.filter(({ attempt }) => recordedOf.has(attempt.attemptId));
  const transitions = decisions.flatMap(({ run, transitions }) => placeTransitions(context, runs.get(run)!, transitions));
  const lanes = new Set(capacity.map(([lane]) => lane));
  // These go straight into the claim of their lane.
  const isFresh = ({ mapIndex, admissible, expected, lane }: PlacedTransition) =>
    mapIndex < 0 && admissible && expected !== 'scheduled' && lanes.has(lane);
  const ofRuns = <T>(each: (decision: RunDecision) => readonly T[]) =>
    decisions.flatMap((decision) => each(decision).map((item) => ({ ...item, run: decision.run })));
  const ends = decisions.flatMap((decision) => runEnds(runs.get(decision.run)!, decision));
  const early = decisions.filter(({ failFast }) => failFast).map(({ run }) => failFastOf(runs.get(run)!));

  return {
    accepted,
    fresh: transitions.filter(isFresh),
    single: transitions.filter((transition) => transition.mapIndex < 0 && !isFresh(transition)),
    instances: transitions.filter(({ mapIndex }) => mapIndex >= 0),
    begunAgain: transitions.filter(({ beginsAgain }) => beginsAgain),
    sweeps: ofRuns(({ sweeps }) => sweeps),
    withdrawn: ofRuns(({ withdraw }) => withdraw.map((taskId) => ({ taskId }))),
    gates: ofRuns(({ gates }) => gates),
    expansions: ofRuns(({ expand }) => expand.map((owner) => ({ owner }))),
    early,
    ends,
    changed: runUpdates(states, recorded, decisions, ends),
    waits: accepted.flatMap(({ attempt, report: { outcome } }) => {
      const row = recordedOf.get(attempt.attemptId)!;
      if (outcome.kind !== 'deferred' || row.state !== 'deferred') return [];
      return [{ ti: row.pk, run: row.run, attempt: attempt.attemptId, version: attempt.version, wait: outcome.wait }];
    }),
    goneOn: accepted
      .filter(({ attempt, report }) => attempt.resumed && report.outcome.kind === 'rescheduled')
      .map(({ attempt }) => attempt.ti),
    callbacks: [
      ...taskCallbacks(endings, recorded.endings, context.versions),
      ...decisions.flatMap(({ run, transitions }) => emptyTaskCallbacks(runs.get(run)!, transitions)),
      ...runCallbacks(ends),
    ],
    observed: observedRuns(context, recorded, endings, runs, decisions),
    failing: failingDags(ends),
  };
}

/** A task that has no row in this run (it came with a version that the run does not use yet) is passed over. */
function placeTransitions(
  context: LedgerContext,
  { row, dag, cached, instances }: RunNow,
  transitions: readonly Transition[],
): PlacedTransition[] {
  return transitions.flatMap((transition) => {
    const { taskId, mapIndex, expected, state } = transition;
    const task = mapIndex < 0 ? cached.tasks.get(taskId) : instances.get(taskId)?.get(mapIndex);
    if (!task) return [];
    const { executor, pool } = dag.tasks.get(taskId)!.spec;
    // A further try, not a further piece of the same.
    const beginsAgain = state === 'scheduled' && expected !== 'scheduled' && task.tryNumber > 0 && task.piece === 0;
    return [{ ...transition, run: row.pk, pk: task.pk, lane: laneOf(context, executor), pool, beginsAgain }];
  });
}

function runEnds({ row, dag, cached }: RunNow, { run, ends }: RunDecision): RunEnd[] {
  if (ends === null) return [];
  const known = { run, dag, version: cached.version, retriesUsed: row.retries_used };
  if (row.end_reason === 'marked') return [{ ...known, state: 'failed', reason: 'marked' }];
  const reason = ends === 'failed' && dag.spec.failFast ? 'fail_fast' : null;
  return [{ ...known, state: ends, reason }];
}

function failFastOf({ row, dag }: RunNow): EarlyEnd {
  const ids = (some: (task: (typeof dag.order)[number]['spec']) => boolean) =>
    dag.order
      .map(({ spec }) => spec)
      .filter(some)
      .map(({ id }) => id);
  return {
    run: row.pk,
    spared: ids(({ teardown }) => teardown !== undefined),
    reason: 'fail_fast',
    tell: ids(({ callbacks }) => callbacks?.includes('failure') ?? false),
  };
}

/** Every run of which anything changed: `seq` must rise. */
function runUpdates(
  { runs, touched }: LoadedStates,
  recorded: Recorded,
  decisions: readonly RunDecision[],
  ends: readonly RunEnd[],
): RunUpdate[] {
  const updates = new Map<RunPk, RunUpdate>([...recorded.endings.map(({ run }) => run), ...touched].map((run) => [run, { run }]));
  for (const { run, transitions, sweeps, withdraw, gates, expand, failFast, waitsForPast } of decisions) {
    const isChanged = transitions.length + sweeps.length + withdraw.length + gates.length + expand.length > 0 || failFast;
    const waits = waitsForPast === runs.get(run)!.row.waits_for_past ? {} : { waitsForPast };
    if (isChanged || waits.waitsForPast !== undefined) updates.set(run, { run, ...waits });
  }
  for (const end of ends) {
    updates.set(end.run, { run: end.run, ends: end.state, endReason: end.reason, retryInMs: retryInMs(end), waitsForPast: false });
  }
  return [...updates.values()];
}

/** An empty task succeeds without an attempt. */
function emptyTaskCallbacks({ row, dag, cached }: RunNow, transitions: readonly Transition[]): NewCallback[] {
  return transitions.flatMap(({ taskId, state, reason, mapIndex }) => {
    const task = mapIndex < 0 ? cached.tasks.get(taskId) : undefined;
    if (!task || state !== 'success' || reason !== 'executed' || !dag.tasks.get(taskId)!.spec.callbacks?.includes('success')) return [];
    return [{ run: row.pk, ti: task.pk, event: 'success', version: cached.version, tryNumber: task.tryNumber, reason: null, error: null }];
  });
}

/** Runs in which a task ended that the next run looks at. */
function observedRuns(
  { versions }: LedgerContext,
  recorded: Recorded,
  endings: readonly Ending[],
  runs: ReadonlyMap<RunPk, RunNow>,
  decisions: readonly RunDecision[],
): RunPk[] {
  const observed = new Set<RunPk>();
  const dagOf = new Map(endings.map(({ attempt }) => [attempt.attemptId, versions.get(attempt.version).dag]));
  for (const { attempt, run, task_id: taskId, state } of recorded.endings) {
    if (isFinished(state) && observedByNextRun(dagOf.get(attempt)!).has(taskId)) observed.add(run);
  }
  for (const { run, transitions, sweeps, failFast } of decisions) {
    const tasks = observedByNextRun(runs.get(run)!.dag);
    if (tasks.size === 0) continue;
    if (failFast || [...transitions, ...sweeps].some(({ taskId, state }) => isFinished(state) && tasks.has(taskId))) observed.add(run);
  }
  return [...observed];
}

function claimLane(
  client: PoolClient,
  session: SessionId,
  lane: string,
  slots: number,
  fresh: readonly PlacedTransition[],
  limit: number | null,
) {
  const mine = fresh.filter((transition) => transition.lane === lane);
  return claimTasks(
    client,
    session,
    lane,
    slots,
    mine.map(({ pk }) => pk),
    mine.map(({ expected }) => expected),
    limit,
  );
}

function endedRuns({ locked }: Recorded, ends: readonly RunEnd[], updated: readonly { pk: RunPk; end_date: Instant | null }[]): EndedRun[] {
  const rows = new Map(locked.map((row) => [row.pk, row]));
  const endOf = new Map(ends.map((end) => [end.run, end]));
  return updated.flatMap(({ pk, end_date: endDate }) => {
    const end = endOf.get(pk);
    return end ? [toEndedRun(rows.get(pk)!, end, endDate!)] : [];
  });
}

/** What became of tasks: of those whose attempt ended, by the version that it ran. */
function tasksNow({ versions }: LedgerContext, { endings, recorded, states }: SecondFlush, applied: readonly AppliedTransition[]) {
  const versionOf = new Map(endings.map(({ attempt }) => [attempt.attemptId, attempt.version]));
  const rowOf = new Map(recorded.locked.map((row) => [row.pk, row]));
  const now = (row: RecordedEnding | AppliedTransition, dag: CompiledDag): TaskNow => {
    const { dag_id: dagId, run_id: runId, run_type: runType, logical_date: logicalDate } = rowOf.get(row.run)!;
    const {
      run,
      task_id: taskId,
      map_index: mapIndex,
      try_number: tryNumber,
      state,
      reason,
      start_date: startDate,
      end_date: endDate,
    } = row;
    return { run, dagId, runId, runType, logicalDate, taskId, mapIndex, tryNumber, state, reason, startDate, endDate, dag };
  };
  const ended = recorded.endings.map((row) => now(row, versions.get(versionOf.get(row.attempt)!).dag));
  const decided = applied.filter(({ state }) => isFinished(state)).map((row) => now(row, states.runs.get(row.run)!.dag));
  return {
    finished: [...ended.filter(({ state }) => isFinished(state)), ...decided],
    suspended: ended.filter(({ state }) => !isFinished(state)),
  };
}

function nextDue({ endings, now }: Recorded): number | null {
  const due = endings.flatMap(({ due_at: dueAt }) => dueAt ?? []);
  return due.length === 0 ? null : Math.max(0, Math.min(...due) - now);
}
