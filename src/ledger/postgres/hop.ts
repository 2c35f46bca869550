/**
 * The hot transaction, in two flushes:
 *
 *   1. BEGIN · lock the runs · take their wakes · record starts and ends           → the states as they are now
 *      (in between: `decide`, pure; only the states of a run whose cached `seq` differs have to be read, and what mapped groups,
 *      earlier runs and limits of whole DAGs need; then there is a flush in between)
 *   2. transitions · run ends · return values · lock the pools · claim · COMMIT    → what to start
 *
 * Nothing is handed out that was not committed. Should the answer to COMMIT be lost, the caller repeats the request: ends that were
 * recorded are refused as such, and the claims that nobody was told of are found by the next hop and handed out then.
 */
import type { PoolClient } from 'pg';
import type { Instant } from '../../core/time';
import type { AttemptOutcome } from '../../core/workload';
import type { ClaimedAttempt, Decide, HopRequest, HopResult, RunDecision, RunPk, SessionId } from '../ledger';
import { readClaims, toClaimedAttempt, toLiveAttempt } from './claim';
import type { ClaimRow } from './claim';
import { begin, flush, withClient } from './connections';
import type { LedgerContext } from './context';
import { roomAfter } from './dag-room';
import type { DagRoom } from './dag-room';
import { decideEnding, findLiveAttempts, recordEndings, recordStarted } from './endings';
import type { Ending } from './endings';
import { keepInstances, loadStates, tasksOfGroups, toLockedRun } from './hop-states';
import type { LoadedStates, Recorded, RunNow } from './hop-states';
import { lockRuns, takeWakes } from './lock-runs';
import { readAllInstances } from './run-cache';
import { secondFlush } from './second-flush';
import { storeLargeReturnValues } from './xcoms';

export async function hop(context: LedgerContext, request: HopRequest, decide: Decide): Promise<HopResult> {
  const now = Date.now();
  const { found, gone } = await findUnansweredClaims(context, request.session);
  const endings = await prepareEndings(context, { ...request, outcomes: [...request.outcomes, ...gone] }, now);
  const runs = [...new Set([...request.runs, ...endings.map(({ attempt }) => attempt.run)])];

  const { claims, ...result } = await withClient(context.pool, async (client) => {
    const recorded = await firstFlush(client, request, endings, runs);
    const states = await loadStates(context, client, recorded, endings);
    const decisions = await decideRuns(client, states, decide, Math.max(now, recorded.now));
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
  const taken = new Set(accepted.map(({ attempt }) => attempt.attemptId));
  const claimedIn = (lane: string) => claims.filter((claim) => claim.lane === lane).length;
  return {
    ...rest,
    claimed,
    refused: request.outcomes.map(({ attemptId }) => attemptId).filter((id) => !taken.has(id)),
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

/** More than any DAG has mapped groups behind one another. */
const MAX_ROUNDS = 100;

/** What is decided for a run may ask to see more of it; then it is asked once more. Runs that share a limit are decided one after the other. */
async function decideRuns(client: PoolClient, { runs }: LoadedStates, decide: Decide, now: Instant): Promise<RunDecision[]> {
  const decisions: RunDecision[] = [];
  const rooms = new Map<string, DagRoom>();
  const ask = async (some: readonly RunNow[], round = 0): Promise<readonly RunDecision[]> => {
    const answers = decide(some.map(toLockedRun), now);
    const unclear = answers.filter(({ wants }) => wants.length > 0);
    if (unclear.length === 0) return answers;
    if (round > MAX_ROUNDS)
      throw new Error(`run ${unclear[0]!.run} cannot be decided: it asks for ${unclear[0]!.wants.join(', ')} again and again`);
    const wanted = unclear.flatMap(({ run, wants }) => tasksOfGroups(runs.get(run)!, wants));
    keepInstances(runs, (await readAllInstances(client, wanted))?.rows ?? []);
    const again = await ask(
      unclear.map(({ run }) => runs.get(run)!),
      round + 1,
    );
    return [...answers.filter(({ wants }) => wants.length === 0), ...again];
  };

  const all = [...runs.values()];
  decisions.push(...(await ask(all.filter(({ dagRoom }) => dagRoom === null))));
  for (const run of all.filter(({ dagRoom }) => dagRoom !== null)) {
    const { dag_id: dagId } = run.row;
    run.dagRoom = rooms.get(dagId) ?? run.dagRoom!;
    const answers = await ask([run]);
    decisions.push(...answers);
    rooms.set(dagId, answers.reduce(roomAfter, run.dagRoom));
  }
  return decisions;
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
