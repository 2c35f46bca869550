/** Runs: made, started on a version, ended, and started again by themselves. */
import { isFinished } from '../../core/states';
import type { Instant } from '../../core/time';
import type { CreateRunResult, EndedRun, NewRun, RunPk } from '../ledger';
import { claimOptions, newTask } from './memory-rows';
import type { MemoryDag, MemoryRun, MemoryTask } from './memory-rows';
import type { MemoryState } from './memory-state';
import { stopAttempts } from './memory-verdicts';

export function createRun(state: MemoryState, run: NewRun): CreateRunResult {
  const others = state.runsOf(run.dagId);
  const sameId = others.find((other) => other.new.runId === run.runId);
  const sameDate = others.find((other) => run.logicalDate !== null && other.new.logicalDate === run.logicalDate);
  if (sameId) return { created: false, run: sameId.pk, clash: 'run_id' };
  if (sameDate) return { created: false, run: sameDate.pk, clash: 'logical_date' };
  const pk = state.nextPk();
  state.runs.set(pk, {
    pk,
    new: run,
    state: 'queued',
    version: null,
    startDate: null,
    endDate: null,
    deadlineAt: null,
    endReason: null,
    ended: 0,
    retriesUsed: 0,
    retryAt: null,
    waitsForPast: false,
    tasks: new Map(),
    instances: new Map(),
    expanded: new Map(),
    expanding: new Set(),
    changed: null,
    woken: false,
    keepVersion: false,
    conf: run.conf,
  });
  return { created: true, run: pk };
}

/** A backfill has no row here: it knows no limit of its own. */
export function startQueuedRuns(state: MemoryState, limit: number): RunPk[] {
  const now = state.clock.now();
  const started: RunPk[] = [];
  const queued = [...state.runs.values()]
    .filter((run) => run.state === 'queued' && run.new.runAfter <= now)
    .sort((a, b) => a.new.runAfter - b.new.runAfter || a.pk - b.pk);
  for (const run of queued) {
    const dag = state.dags.get(run.new.dagId);
    if (!dag || started.length >= limit || !mayStart(state, run, dag)) continue;
    startRun(state, run, dag, now);
    started.push(run.pk);
  }
  return started;
}

/** A run of which everything waits for an earlier one keeps no earlier one out. */
function mayStart(state: MemoryState, run: MemoryRun, dag: MemoryDag): boolean {
  if (run.new.backfill) return true;
  if (dag.isPaused) return false;
  const running = state
    .runsOf(run.new.dagId)
    .filter((other) => !other.new.backfill && other.state === 'running' && !(other.waitsForPast && isEarlier(run, other)));
  return running.length < dag.dag.spec.maxActiveRuns;
}

const isEarlier = (a: MemoryRun, b: MemoryRun) =>
  a.new.logicalDate !== null && b.new.logicalDate !== null && a.new.logicalDate < b.new.logicalDate;

function startRun(state: MemoryState, run: MemoryRun, newest: MemoryDag, now: Instant): void {
  const kept = run.version && run.keepVersion ? state.versions.get(run.version)! : newest;
  const { dagrunTimeoutMs } = kept.dag.spec;
  const deadlineAt = dagrunTimeoutMs === undefined ? null : now + dagrunTimeoutMs;
  Object.assign(run, { state: 'running', startDate: now, deadlineAt, endReason: null, retryAt: null, waitsForPast: false, woken: true });
  pin(state, run, kept, now);
}

/** The task instances of a run are those of its version. */
export function pin(state: MemoryState, run: MemoryRun, kept: MemoryDag, now: Instant): void {
  run.version = kept.version;
  run.changed = null;
  const take = (task: MemoryTask) =>
    Object.assign(task, { compiled: kept.dag.tasks.get(task.id), ...claimOptions(kept.dag.tasks.get(task.id)!) });
  for (const compiled of kept.dag.order) {
    const { id } = compiled.spec;
    run.instances.get(id)?.forEach(take);
    if (run.expanded.has(id)) continue;
    const had = run.tasks.get(id);
    if (had?.state === 'removed') Object.assign(had, { state: isLive(state, had) ? 'restarting' : null, endDate: null });
    if (had) take(had);
    else run.tasks.set(id, newTask(state.nextPk(), compiled, run));
  }
  for (const id of run.expanded.keys()) if (!kept.dag.tasks.has(id)) run.expanded.delete(id);
  for (const task of [...run.tasks.values(), ...[...run.instances.values()].flatMap((all) => [...all.values()])]) {
    if (kept.dag.tasks.has(task.id) || isFinished(task.state)) continue;
    stopAttempts(state.attempts, (attempt) => attempt.task === task);
    Object.assign(task, { state: 'removed', reason: null, admissible: false, dueAt: null, endDate: now });
  }
}

const isLive = ({ attempts }: MemoryState, { attempt }: MemoryTask) => attempt !== null && attempts.get(attempt)!.state !== 'ended';

/** The run ended by itself: it starts again if it may, else it has failed, which is told. */
export function endRun(
  state: MemoryState,
  run: MemoryRun,
  decided: 'success' | 'failed',
  now: Instant,
  reason: MemoryRun['endReason'] = null,
): void {
  const { spec } = state.versionOf(run).dag;
  // A person has marked it failed, and its teardowns are done: that is final.
  const isMarked = run.endReason === 'marked';
  const [ends, endReason] = isMarked ? (['failed', 'marked'] as const) : [decided, reason];
  Object.assign(run, { state: ends, endDate: now, endReason, ended: state.nextPk(), deadlineAt: null, waitsForPast: false });
  if (ends === 'failed' && !isMarked && run.retriesUsed < (spec.runRetries ?? 0)) run.retryAt = now + (spec.runRetryDelayMs ?? 0);
  else {
    const event = ends === 'success' ? 'success' : 'failure';
    if (spec.callbacks?.includes(event)) state.callbacks.push({ run, task: null, event, tryNumber: 0, reason: endReason, error: null });
    if (ends === 'failed') pauseAfterFailures(state, run.new.dagId);
  }
  state.wakeOthers(run);
}

function pauseAfterFailures(state: MemoryState, dagId: string): void {
  const dag = state.dags.get(dagId)!;
  const { maxConsecutiveFailedRuns = 0 } = dag.dag.spec;
  if (maxConsecutiveFailedRuns === 0 || dag.isPaused) return;
  const last = state
    .runsOf(dagId)
    .filter((run) => run.endDate !== null && run.ended > dag.unpaused && run.retryAt === null && !run.new.backfill)
    .sort((a, b) => b.new.runAfter - a.new.runAfter || b.pk - a.pk)
    .slice(0, maxConsecutiveFailedRuns);
  if (last.length === maxConsecutiveFailedRuns && last.every((run) => run.state === 'failed')) state.setPaused(dag, true);
}

export function endedRun({ pk, new: { dagId, runId, runType, logicalDate }, state, endReason, startDate, endDate }: MemoryRun): EndedRun {
  const ended = state as EndedRun['state'];
  return { run: pk, dagId, runId, runType, logicalDate, state: ended, reason: endReason, startDate, endDate: endDate! };
}
