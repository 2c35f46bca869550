/** The claim: the pure admission, and the attempts that come of it. */
import { randomUUID } from 'node:crypto';
import { admit } from '../../core/admission';
import type { Instant } from '../../core/time';
import type { ClaimedAttempt, HopRequest, SessionId } from '../ledger';
import { everyTask } from './memory-rows';
import type { MemoryTask } from './memory-rows';
import type { MemoryState } from './memory-state';

type Claim = Pick<HopRequest, 'session' | 'capacity' | 'limit'>;

export function claim(state: MemoryState, request: Claim, now: Instant): { claimed: ClaimedAttempt[]; starving: boolean } {
  const { session, capacity, limit = Infinity } = request;
  const owner = state.sessions.get(session);
  if (owner?.state !== 'alive' || owner.leaseUntil <= now) return { claimed: [], starving: false };
  const waiting = [...state.runs.values()].flatMap((run) => [...everyTask(run)]).filter((task) => task.admissible);
  const used = new Map<string, number>();
  for (const attempt of state.attempts.values()) {
    const { pool, slots } = attempt.task;
    if (attempt.state === 'ended' || (attempt.state === 'parked' && !state.poolsWithDeferred.has(pool))) continue;
    used.set(pool, (used.get(pool) ?? 0) + slots);
  }
  const pools = new Map([...state.pools].map(([name, slots]) => [name, { slots, used: used.get(name) ?? 0 }]));
  const { admitted } = admit(waiting, pools, capacity);
  const tasks = new Map(waiting.map((task) => [task.pk, task]));
  const claimed = admitted.slice(0, Math.max(0, limit)).map(({ pk }) => claimTask(state, tasks.get(pk)!, session, now));
  const starving =
    claimed.length > 0 &&
    (claimed.length === limit || [...capacity].some(([lane, slots]) => claimed.filter((each) => each.lane === lane).length >= slots));
  return { claimed, starving };
}

function claimTask(state: MemoryState, task: MemoryTask, session: SessionId, now: Instant): ClaimedAttempt {
  const attemptId = randomUUID();
  const { run, compiled } = task;
  if (task.piece === 0) {
    task.tryNumber++;
    task.startDate = now;
    task.resume = null;
  }
  Object.assign(task, { state: 'running', reason: null, admissible: false, attempt: attemptId });
  state.attempts.set(attemptId, { id: attemptId, task, compiled, session, state: 'claimed', tryNumber: task.tryNumber });
  const { version, dag, bundleHash, filePath } = state.versionOf(run);
  return {
    attemptId,
    run: run.pk,
    version,
    lane: task.lane,
    taskId: task.id,
    mapIndex: task.mapIndex,
    tryNumber: task.tryNumber,
    piece: task.piece,
    maxTries: task.tryNumber + Math.max(0, compiled.spec.retries - task.retriesUsed),
    dagId: run.new.dagId,
    runId: run.new.runId,
    runType: run.new.runType,
    logicalDate: run.new.logicalDate,
    interval: run.new.interval,
    runAfter: run.new.runAfter,
    runStart: run.startDate,
    conf: run.conf,
    bundleHash,
    filePath,
    mapLengths: task.mapIndex < 0 ? null : run.expanded.get(task.id)!.lengths,
    resume: task.resume,
    tryStartedAt: task.piece === 0 ? null : task.startDate,
    dag,
  };
}
