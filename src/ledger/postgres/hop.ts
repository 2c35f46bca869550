/**
 * The hot transaction, in two flushes:
 *
 *   1. BEGIN · lock the runs · take their wakes · record starts and ends           → the states as they are now
 *      (in between: `decide`, pure; only the states of a run whose cached `seq` differs have to be read)
 *   2. transitions · run ends · return values · lock the pools · claim · COMMIT    → what to start
 *
 * Nothing is handed out that was not committed. Should the answer to COMMIT be lost, the caller repeats the request: ends that were
 * recorded are refused as such, and the claims that nobody was told of are found by the next hop and handed out then.
 */
import type { PoolClient } from 'pg';
import type { Transition } from '../../core/resolve';
import { isFinished } from '../../core/states';
import type { Instant } from '../../core/time';
import type { AttemptOutcome } from '../../core/workload';
import type {
  ClaimedAttempt,
  Decide,
  EndedRun,
  FinishedTask,
  HopRequest,
  HopResult,
  RunDecision,
  RunPk,
  SessionId,
  TaskPk,
} from '../ledger';
import { claimTasks, lockPools, readClaims, toClaimedAttempt, toLiveAttempt } from './claim';
import type { ClaimRow } from './claim';
import { begin, commit, flush, withClient } from './connections';
import { laneOf } from './context';
import type { LedgerContext } from './context';
import { decideEnding, findLiveAttempts, recordEndings, recordStarted } from './endings';
import type { Ending } from './endings';
import { keepStates, loadStates, toLockedRuns } from './hop-states';
import type { Recorded, RunNow } from './hop-states';
import { lockRuns, takeWakes, updateRuns } from './lock-runs';
import { applyTransitions } from './transitions';
import type { AppliedTransition } from './transitions';
import { deleteXComs, storeLargeReturnValues, storeReturnValues } from './xcoms';

export async function hop(context: LedgerContext, request: HopRequest, decide: Decide): Promise<HopResult> {
  const now = Date.now();
  const { found, gone } = await findUnansweredClaims(context, request.session);
  const endings = await prepareEndings(context, { ...request, outcomes: [...request.outcomes, ...gone] }, now);
  const runs = [...new Set([...request.runs, ...endings.map(({ attempt }) => attempt.run)])];

  const { claims, ...result } = await withClient(context.pool, async (client) => {
    const recorded = await firstFlush(client, request, endings, runs);
    const states = await loadStates(context, client, recorded);
    const decisions = decide(toLockedRuns(states), Math.max(now, recorded.now));
    return secondFlush(context, client, {
      session: request.session,
      capacity: freeSlots(request, found),
      limit: request.limit === undefined ? null : request.limit - found.length,
      endings,
      recorded,
      states,
      decisions,
    });
  });

  for (const { attemptId } of request.outcomes) context.live.delete(attemptId);
  const claimed = await handOut(context, [...found, ...claims]);
  context.unanswered = false;
  const { accepted, keptBack, ...rest } = result;
  const claimedIn = (lane: string) => claims.filter((claim) => claim.lane === lane).length;
  return {
    ...rest,
    claimed,
    refused: request.outcomes.map(({ attemptId }) => attemptId).filter((id) => !accepted.has(id)),
    starving:
      keptBack ||
      (claims.length > 0 && claims.length === request.limit) ||
      [...request.capacity].some(([lane, slots]) => slots > 0 && claimedIn(lane) >= slots),
  };
}

/** When an attempt is reported twice, the first report counts. */
async function prepareEndings(context: LedgerContext, request: HopRequest, now: Instant): Promise<Ending[]> {
  const { pool, versions, live, maxLostTries } = context;
  const reports = new Map(request.outcomes.toReversed().map((report) => [report.attemptId, report]));
  if (reports.size === 0) return [];
  const ids = [...reports.keys()];
  const strangers = ids.filter((id) => !live.has(id));
  const attempts = [...ids.flatMap((id) => live.get(id) ?? []), ...(await findLiveAttempts(pool, strangers))];
  await versions.load(pool, new Set(attempts.map(({ version }) => version)));

  const starts = new Map(request.started.map((start) => [start.attemptId, start]));
  const endings = attempts.map((attempt) =>
    decideEnding(attempt, reports.get(attempt.attemptId)!, versions, starts.get(attempt.attemptId) ?? null, now, maxLostTries),
  );
  await storeLargeReturnValues(pool, endings);
  return endings;
}

async function firstFlush(client: PoolClient, request: HopRequest, endings: readonly Ending[], runs: readonly RunPk[]): Promise<Recorded> {
  // A start whose end comes along is recorded with it.
  const ending = new Set(endings.map(({ attempt }) => attempt.attemptId));
  const started = request.started.filter(({ attemptId }) => !ending.has(attemptId));
  // Only admission: BEGIN travels with it.
  if (runs.length + started.length === 0) return { begun: false, now: 0, locked: [], woken: new Set(), endings: [] };

  const answers = await flush(client, () => ({
    begin: begin(client),
    locked: runs.length > 0 ? lockRuns(client, runs) : null,
    wakes: runs.length > 0 ? takeWakes(client, runs) : null,
    started: started.length > 0 ? recordStarted(client, started) : null,
    endings: endings.length > 0 ? recordEndings(client, endings) : null,
  }));
  const locked = answers.locked?.rows ?? [];
  return {
    begun: true,
    now: locked[0]?.now ?? 0,
    locked,
    woken: new Set(answers.wakes?.rows.map(({ run }) => run)),
    endings: answers.endings?.rows ?? [],
  };
}

interface SecondFlush {
  readonly session: SessionId;
  readonly capacity: readonly (readonly [lane: string, slots: number])[];
  readonly limit: number | null;
  readonly endings: readonly Ending[];
  readonly recorded: Recorded;
  readonly states: ReadonlyMap<RunPk, RunNow>;
  readonly decisions: readonly RunDecision[];
}

async function secondFlush(context: LedgerContext, client: PoolClient, hop: SecondFlush) {
  const { session, capacity, limit, recorded, states, decisions } = hop;
  const transitions = decisions.flatMap(({ run, transitions }) => placeTransitions(context, run, transitions, states));
  // These go straight into the claim of their lane.
  const lanes = new Set(capacity.map(([lane]) => lane));
  const isFresh = ({ admissible, expected, lane }: PlacedTransition) => admissible && expected !== 'scheduled' && lanes.has(lane);
  const fresh = transitions.filter(isFresh);
  const others = transitions.filter((transition) => !isFresh(transition));
  const accepted = new Set(recorded.endings.map(({ attempt }) => attempt));
  const endOf = new Map(decisions.map(({ run, ends }) => [run, ends]));
  const changed = new Set([...recorded.endings, ...transitions].map(({ run }) => run));
  for (const { run, ends } of decisions) if (ends) changed.add(run);

  context.unanswered ||= capacity.length > 0;
  const answers = await flush(client, () => ({
    begin: recorded.begun ? null : begin(client),
    applied: others.length > 0 ? applyTransitions(client, others) : null,
    runs: changed.size > 0 ? updateRuns(client, [...changed], [...changed].map((run) => endOf.get(run) ?? null)) : null, // prettier-ignore
    values: storeReturnValues(client, hop.endings.filter(({ attempt }) => accepted.has(attempt.attemptId))), // prettier-ignore
    deleted: deleteXComs(client, transitions.filter((transition) => beginsAgain(transition, states))), // prettier-ignore
    pools: capacity.length > 0 ? lockPools(client, [...lanes], [...new Set(fresh.map(({ pool }) => pool))]) : null, // prettier-ignore
    claims: Promise.all(capacity.map(([lane, slots]) => claimLane(client, session, lane, slots, fresh, limit))),
    commit: commit(client),
  }));

  const applied = answers.applied?.rows ?? [];
  const updated = answers.runs?.rows ?? [];
  const placed = answers.claims.flatMap(({ rows }) => rows);
  const claims = placed.filter(({ state }) => state === 'running');
  keepStates(context, { states, transitions, applied, updated, claims: placed, endOf });
  return {
    accepted,
    claims,
    keptBack: placed.length > claims.length || others.some(({ admissible }) => admissible),
    ended: endedRuns(recorded, endOf, updated),
    finished: finishedTasks(recorded, applied),
    nextDueInMs: nextDue(recorded),
    expanding: false,
    makesRoom: false,
  };
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

export interface PlacedTransition extends Transition {
  readonly run: RunPk;
  readonly pk: TaskPk;
  readonly lane: string;
  readonly pool: string;
}

/** A task that has no row in this run (it came with a version that the run does not use yet) is passed over. */
function placeTransitions(
  context: LedgerContext,
  run: RunPk,
  transitions: readonly Transition[],
  states: ReadonlyMap<RunPk, RunNow>,
): PlacedTransition[] {
  const { cached, dag } = states.get(run)!;
  return transitions.flatMap((transition) => {
    const task = cached.tasks.get(transition.taskId);
    if (!task) return [];
    const { executor, pool } = dag.tasks.get(transition.taskId)!.spec;
    return [{ ...transition, run, pk: task.pk, lane: laneOf(context, executor), pool }];
  });
}

/** A further try, not a further piece of the same. */
function beginsAgain({ run, taskId, expected, state }: PlacedTransition, states: ReadonlyMap<RunPk, RunNow>): boolean {
  const task = states.get(run)!.cached.tasks.get(taskId)!;
  return state === 'scheduled' && expected !== 'scheduled' && task.tryNumber > 0 && task.piece === 0;
}

/** Claims that were committed while the answer was lost take part of the capacity. */
function freeSlots({ capacity }: HopRequest, found: readonly ClaimRow[]): [string, number][] {
  return [...capacity]
    .map(([lane, slots]): [string, number] => [lane, slots - found.filter((claim) => claim.lane === lane).length])
    .filter(([, slots]) => slots > 0);
}

/** Claims of this session that nobody was told of; those that were stopped since are reported as never begun. */
async function findUnansweredClaims(
  { unanswered, pool, live }: LedgerContext,
  session: SessionId,
): Promise<{ found: ClaimRow[]; gone: AttemptOutcome[] }> {
  if (!unanswered) return { found: [], gone: [] };
  const { rows } = await readClaims(pool, session);
  const untold = rows.filter(({ attempt }) => !live.has(attempt));
  const gone = untold.filter(({ attempt_state: state }) => state === 'ending');
  return {
    found: untold.filter(({ attempt_state: state }) => state !== 'ending'),
    gone: gone.map(({ attempt: attemptId }) => ({
      attemptId,
      outcome: { kind: 'not-started', message: 'stopped before it was handed out' },
      cpuMs: null,
      peakKb: null,
    })),
  };
}

async function handOut(context: LedgerContext, claims: readonly ClaimRow[]): Promise<ClaimedAttempt[]> {
  await context.versions.load(context.pool, new Set(claims.map(({ version }) => version)));
  for (const claim of claims) context.live.set(claim.attempt, toLiveAttempt(claim));
  const claimed = claims.map((claim) => toClaimedAttempt(claim, context.versions));
  context.versions.trim();
  return claimed;
}

function endedRuns(
  { locked }: Recorded,
  endOf: ReadonlyMap<RunPk, 'success' | 'failed' | null>,
  updated: readonly { pk: RunPk; end_date: Instant | null }[],
): EndedRun[] {
  const rows = new Map(locked.map((row) => [row.pk, row]));
  return updated.flatMap(({ pk, end_date: endDate }) => {
    const state = endOf.get(pk);
    const row = rows.get(pk)!;
    return state ? [{ run: pk, dagId: row.dag_id, runId: row.run_id, state, startDate: row.start_date, endDate: endDate! }] : [];
  });
}

function finishedTasks({ locked, endings }: Recorded, applied: readonly AppliedTransition[]): FinishedTask[] {
  const dagOf = new Map(locked.map((row) => [row.pk, row.dag_id]));
  return [...endings, ...applied]
    .filter(({ state }) => isFinished(state))
    .map(({ run, task_id: taskId, state, start_date: startDate, end_date: endDate }) => {
      return { run, dagId: dagOf.get(run)!, taskId, state, startDate, endDate };
    });
}

function nextDue({ endings, now }: Recorded): number | null {
  const due = endings.flatMap(({ due_at: dueAt }) => dueAt ?? []);
  return due.length === 0 ? null : Math.max(0, Math.min(...due) - now);
}
