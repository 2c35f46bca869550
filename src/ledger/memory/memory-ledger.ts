/**
 * The Ledger of one process, in memory: what `dags test` runs on. The same rules through the same pure functions; locks and fences
 * become plain checks, since each operation runs without interruption. Nothing survives the process.
 */
import { randomUUID } from 'node:crypto';
import { admit } from '../../core/admission';
import { afterAttempt, DEFAULT_MAX_LOST_TRIES } from '../../core/retry';
import { isFinished } from '../../core/states';
import { systemClock } from '../../core/time';
import type { Clock } from '../../core/time';
import type { JsonObject } from '../../core/json';
import type { AttemptOutcome } from '../../core/workload';
import { unmappedView } from '../unmapped-view';
import { compileDag } from '../../dag-spec/compiled-dag';
import type * as port from '../ledger';
import type { MemoryAttempt, MemoryDag, MemoryDagInput, MemoryRun, MemorySession, MemoryTask } from './memory-rows';
import { newTask } from './memory-rows';
import { clearTasks, markTasks, markWholeRun, stopAttempts } from './memory-verdicts';

export interface MemoryLedgerOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Slots by name, -1 without limit. Default: `default_pool` with 128. */
  readonly pools?: { readonly [name: string]: number };
  readonly maxLostTries?: number;
}

export class MemoryLedger implements port.Ledger {
  readonly pools: Map<string, number>;
  private readonly clock: Clock;
  private readonly maxLostTries: number;
  private readonly dags = new Map<string, MemoryDag>();
  private readonly versions = new Map<port.VersionId, MemoryDag>();
  private readonly runs = new Map<port.RunPk, MemoryRun>();
  private readonly attempts = new Map<port.AttemptId, MemoryAttempt>();
  private readonly sessions = new Map<port.SessionId, MemorySession>();
  private lastPk = 0;

  constructor({ clock = systemClock, pools = { default_pool: 128 }, maxLostTries = DEFAULT_MAX_LOST_TRIES }: MemoryLedgerOptions = {}) {
    this.clock = clock;
    this.pools = new Map(Object.entries(pools));
    this.maxLostTries = maxLostTries;
  }

  /** Adds a DAG, or a version of one, which becomes the current. */
  addDag({ spec, bundleHash = '', filePath = `${spec.dagId}.ts`, isPaused = false }: MemoryDagInput): port.VersionId {
    const version = randomUUID();
    const dag = { version, dag: compileDag(version, spec), bundleHash, filePath, isPaused };
    this.versions.set(version, dag);
    this.dags.set(spec.dagId, dag);
    return version;
  }

  setPaused(dagId: string, isPaused: boolean): void {
    this.dags.get(dagId)!.isPaused = isPaused;
    for (const run of this.runs.values()) if (run.new.dagId === dagId) run.woken = true;
  }

  /** For showing and asking; not to be changed. */
  run(pk: port.RunPk): Readonly<MemoryRun> | null {
    return this.runs.get(pk) ?? null;
  }

  attempt(id: port.AttemptId): Readonly<MemoryAttempt> | null {
    return this.attempts.get(id) ?? null;
  }

  /** JSON text, or null. */
  getXCom(run: port.RunPk, taskId: string, key = 'return_value'): string | null {
    return this.runs.get(run)?.tasks.get(taskId)?.xcoms.get(key) ?? null;
  }

  /** Of all instances of a task that have one, in the order of their map index. */
  xcomsOf(run: port.RunPk, taskId: string, key: string): readonly { readonly mapIndex: number; readonly value: string }[] {
    const value = this.getXCom(run, taskId, key);
    return value === null ? [] : [{ mapIndex: -1, value }];
  }

  /** False: the attempt has ended, and its writes with it. */
  setXCom(attemptId: port.AttemptId, key: string, value: string): boolean {
    const attempt = this.attempts.get(attemptId);
    if (!attempt || attempt.state === 'ended' || attempt.state === 'ending') return false;
    attempt.task.xcoms.set(key, value);
    return true;
  }

  async createRuns(runs: readonly port.NewRun[]): Promise<readonly port.CreateRunResult[]> {
    return runs.map((run) => {
      const others = [...this.runs.values()].filter((other) => other.new.dagId === run.dagId);
      const sameId = others.find((other) => other.new.runId === run.runId);
      const sameDate = others.find((other) => run.logicalDate !== null && other.new.logicalDate === run.logicalDate);
      if (sameId) return { created: false, run: sameId.pk, clash: 'run_id' };
      if (sameDate) return { created: false, run: sameDate.pk, clash: 'logical_date' };
      const pk = ++this.lastPk;
      this.runs.set(pk, {
        pk,
        new: run,
        state: 'queued',
        version: null,
        startDate: null,
        endDate: null,
        tasks: new Map(),
        changed: null,
        woken: false,
        keepVersion: false,
        conf: run.conf,
      });
      return { created: true, run: pk };
    });
  }

  /** A backfill has no row here: it knows no limit of its own. */
  async startQueuedRuns(limit: number): Promise<readonly port.RunPk[]> {
    const now = this.clock.now();
    const started: port.RunPk[] = [];
    const queued = [...this.runs.values()]
      .filter((run) => run.state === 'queued' && run.new.runAfter <= now)
      .sort((a, b) => a.new.runAfter - b.new.runAfter || a.pk - b.pk);
    for (const run of queued) {
      const dag = this.dags.get(run.new.dagId);
      if (!dag || started.length >= limit || !this.mayStart(run, dag)) continue;
      this.startRun(run, dag, now);
      started.push(run.pk);
    }
    return started;
  }

  private mayStart(run: MemoryRun, dag: MemoryDag): boolean {
    if (run.new.backfill) return true;
    if (dag.isPaused) return false;
    const running = [...this.runs.values()].filter(
      (other) => other.new.dagId === run.new.dagId && !other.new.backfill && other.state === 'running',
    );
    return running.length < dag.dag.spec.maxActiveRuns;
  }

  private startRun(run: MemoryRun, newest: MemoryDag, now: number): void {
    run.state = 'running';
    run.startDate = now;
    run.woken = true;
    this.pin(run, run.version && run.keepVersion ? this.versions.get(run.version)! : newest, now);
  }

  private pin(run: MemoryRun, kept: MemoryDag, now: number): void {
    run.version = kept.version;
    run.changed = null;
    for (const compiled of kept.dag.order) {
      const had = run.tasks.get(compiled.spec.id);
      if (had?.state === 'removed') Object.assign(had, { state: null, endDate: null });
      if (!had) run.tasks.set(compiled.spec.id, newTask(++this.lastPk, compiled, run));
      else had.compiled = compiled;
    }
    for (const task of run.tasks.values()) {
      if (kept.dag.tasks.has(task.id) || isFinished(task.state)) continue;
      stopAttempts(this.attempts, (attempt) => attempt.task === task);
      Object.assign(task, { state: 'removed', reason: null, admissible: false, dueAt: null, endDate: now });
    }
  }

  async hop(request: port.HopRequest, decide: port.Decide): Promise<port.HopResult> {
    const now = this.clock.now();
    const result = { refused: [] as string[], ended: [] as port.EndedRun[], finished: [] as port.FinishedTask[] };
    for (const { attemptId } of request.started) {
      const attempt = this.attempts.get(attemptId);
      if (attempt?.state === 'claimed') attempt.state = 'running';
    }
    const touched = new Set(request.runs);
    const due: number[] = [];
    for (const outcome of request.outcomes) {
      const task = this.endAttempt(outcome, now);
      if (!task) {
        result.refused.push(outcome.attemptId);
        continue;
      }
      touched.add(task.run.pk);
      if (task.dueAt !== null) due.push(task.dueAt);
      if (isFinished(task.state)) result.finished.push(finishedTask(task));
    }

    const running = [...touched].map((pk) => this.runs.get(pk)).filter((run): run is MemoryRun => run?.state === 'running');
    const decisions = decide(
      running.map((run) => this.lockedRun(run)),
      now,
    );
    for (const { run: pk, transitions, ends } of decisions) {
      const run = this.runs.get(pk)!;
      for (const transition of transitions) {
        const task = applyTransition(run, transition, now);
        if (task && isFinished(task.state)) result.finished.push(finishedTask(task));
      }
      if (!ends) continue;
      Object.assign(run, { state: ends, endDate: now });
      result.ended.push({ run: pk, dagId: run.new.dagId, runId: run.new.runId, state: ends, startDate: run.startDate, endDate: now });
    }
    for (const pk of touched) {
      const run = this.runs.get(pk);
      if (run) Object.assign(run, { changed: [], woken: false });
    }

    const { claimed, starving } = this.claim(request, now);
    const nextDueInMs = due.length > 0 ? Math.max(0, Math.min(...due) - now) : null;
    return { ...result, claimed, starving, nextDueInMs, expanding: false, makesRoom: false };
  }

  /** Null: refused. The slot is free in either case. */
  private endAttempt({ attemptId, outcome }: AttemptOutcome, now: number): MemoryTask | null {
    const attempt = this.attempts.get(attemptId);
    if (!attempt || attempt.state === 'ended') return null;
    attempt.state = 'ended';
    const { task } = attempt;
    if (task.attempt !== attemptId || (task.state !== 'running' && task.state !== 'restarting')) return null;
    task.run.changed?.push({ taskId: task.id, mapIndex: -1 });
    if (task.state === 'restarting') return Object.assign(task, { state: null, reason: 'cleared', dueAt: null, piece: 0, branch: null });

    const spec = attempt.compiled.spec;
    const { state, ...after } = afterAttempt(outcome, spec, task, `${task.run.pk} ${task.id}`, now, this.maxLostTries);
    Object.assign(task, after, { state, endDate: isFinished(state) ? now : null });
    task.branch = outcome.kind === 'success' ? outcome.branch : null;
    if (outcome.kind === 'success' && outcome.returnValue !== null) task.xcoms.set('return_value', outcome.returnValue);
    return task;
  }

  private lockedRun(run: MemoryRun): port.LockedRun {
    const { dag } = this.versions.get(run.version!)!;
    const { dagId, runType } = run.new;
    const isPaused = this.dags.get(dagId)!.isPaused;
    return {
      pk: run.pk,
      dagId,
      dag,
      state: run.state,
      isPaused,
      runType,
      view: unmappedView(run.tasks),
      changed: run.woken ? null : run.changed,
    };
  }

  private claim(
    { session, capacity, limit = Infinity }: port.HopRequest,
    now: number,
  ): { claimed: port.ClaimedAttempt[]; starving: boolean } {
    const owner = this.sessions.get(session);
    if (!owner || owner.state !== 'alive' || owner.leaseUntil <= now) return { claimed: [], starving: false };
    const waiting = [...this.runs.values()].flatMap((run) => [...run.tasks.values()]).filter((task) => task.admissible);
    const used = new Map<string, number>();
    for (const { state, task } of this.attempts.values()) {
      if (state !== 'ended') used.set(task.pool, (used.get(task.pool) ?? 0) + task.slots);
    }
    const pools = new Map([...this.pools].map(([name, slots]) => [name, { slots, used: used.get(name) ?? 0 }]));
    const { admitted } = admit(waiting, pools, capacity);
    const tasks = new Map(waiting.map((task) => [task.pk, task]));
    const claimed = admitted.slice(0, Math.max(0, limit)).map(({ pk }) => this.claimTask(tasks.get(pk)!, session, now));
    const starving =
      claimed.length > 0 &&
      (claimed.length === limit || [...capacity].some(([lane, slots]) => claimed.filter((claim) => claim.lane === lane).length >= slots));
    return { claimed, starving };
  }

  private claimTask(task: MemoryTask, session: port.SessionId, now: number): port.ClaimedAttempt {
    const attemptId = randomUUID();
    const { run, compiled } = task;
    if (task.piece === 0) {
      task.tryNumber++;
      task.startDate = now;
    }
    Object.assign(task, { state: 'running', reason: null, admissible: false, attempt: attemptId });
    this.attempts.set(attemptId, { id: attemptId, task, compiled, session, state: 'claimed', tryNumber: task.tryNumber });
    const { version, dag, bundleHash, filePath } = this.versions.get(run.version!)!;
    return {
      attemptId,
      run: run.pk,
      version,
      lane: task.lane,
      taskId: task.id,
      mapIndex: -1,
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
      mapLengths: null,
      resume: null,
      tryStartedAt: null,
      dag,
    };
  }

  async attention(session: port.SessionId, lanes: readonly string[], limit: number): Promise<port.Attention> {
    const now = this.clock.now();
    const runs: port.RunPk[] = [];
    let next = Infinity;
    let work = false;
    for (const run of this.runs.values()) {
      let due = false;
      for (const { state, dueAt, admissible, lane } of run.tasks.values()) {
        work ||= admissible && lanes.includes(lane);
        if (state !== 'up_for_retry' && state !== 'up_for_reschedule') continue;
        if (dueAt! <= now) due = true;
        else next = Math.min(next, dueAt!);
      }
      if (run.woken || due) runs.push(run.pk);
    }
    const ending = [...this.attempts.values()].filter((attempt) => attempt.session === session && attempt.state === 'ending');
    return {
      runs: runs.slice(0, limit),
      nextDueInMs: next === Infinity ? null : next - now,
      cancels: ending.map(({ id, task }) => ({ attemptId: id, why: task.state === 'restarting' ? 'cleared' : 'marked' })),
      work,
    };
  }

  /** Nothing here asks for an expansion, waits, times out or is tried again as a whole. */
  async expandTasks(): Promise<readonly port.RunPk[]> {
    return [];
  }

  async fireWaits(): Promise<number> {
    return 0;
  }

  async timeOutRuns(): Promise<readonly port.EndedRun[]> {
    return [];
  }

  async retryRuns(): Promise<readonly port.RunPk[]> {
    return [];
  }

  async wake(runs: readonly port.RunPk[]): Promise<void> {
    for (const pk of runs) if (this.runs.has(pk)) this.runs.get(pk)!.woken = true;
  }

  async openSession({ leaseMs }: port.SessionInfo): Promise<port.SessionId> {
    const id = randomUUID();
    this.sessions.set(id, { state: 'alive', leaseUntil: this.clock.now() + leaseMs });
    return id;
  }

  async renewSession(session: port.SessionId, leaseMs: number, _details: JsonObject): Promise<boolean> {
    const found = this.sessions.get(session);
    if (found?.state !== 'alive') return false;
    found.leaseUntil = this.clock.now() + leaseMs;
    return true;
  }

  async closeSession(session: port.SessionId): Promise<void> {
    const found = this.sessions.get(session);
    if (found) found.state = 'ended';
    this.endOrphans();
  }

  /** There is one process, and it lives: only leases can end. */
  async reapSessions({ own, marginMs }: port.ReapRequest): Promise<number> {
    const now = this.clock.now();
    for (const [id, session] of this.sessions) {
      if (id !== own && session.state === 'alive' && session.leaseUntil + marginMs < now) session.state = 'lost';
    }
    return this.endOrphans();
  }

  private endOrphans(): number {
    const orphans = [...this.attempts.values()].filter(
      ({ state, session }) => state !== 'ended' && this.sessions.get(session)?.state !== 'alive',
    );
    for (const { id, task } of orphans) {
      this.endAttempt(
        { attemptId: id, outcome: { kind: 'lost', message: 'its process is gone' }, cpuMs: null, peakKb: null },
        this.clock.now(),
      );
      task.run.woken = true;
    }
    return orphans.length;
  }

  async markRun(pk: port.RunPk, state: 'success' | 'failed'): Promise<boolean> {
    const run = this.runs.get(pk);
    if (!run) return false;
    markWholeRun(run, this.attempts, state, this.clock.now());
    run.version ??= this.dags.get(run.new.dagId)?.version ?? null;
    return true;
  }

  async clearRun(pk: port.RunPk): Promise<boolean> {
    const keeps = this.dags.get(this.runs.get(pk)?.new.dagId ?? '')?.dag.spec.rerunWithLatestVersion === false;
    return (await this.clearTasks({ run: pk, tasks: null, version: keeps ? 'own' : 'latest', conf: null })) !== null;
  }

  async clearTasks(request: port.ClearRequest): Promise<port.TaskVerdict | null> {
    const run = this.runs.get(request.run);
    if (!run) return null;
    const newest = this.dags.get(run.new.dagId) ?? null;
    const own = run.version === null ? null : this.versions.get(run.version)!;
    const target = (request.version === 'own' ? own : newest) ?? own ?? newest;
    const verdict = clearTasks(run, this.attempts, target, request);
    if (run.state === 'running' && target && target !== own && verdict.tasks.length > 0) this.pin(run, target, this.clock.now());
    return verdict;
  }

  async markTasks(request: port.MarkRequest): Promise<port.TaskVerdict | null> {
    const run = this.runs.get(request.run);
    if (!run) return null;
    const dag = run.version === null ? null : this.versions.get(run.version)!.dag;
    return markTasks(run, this.attempts, dag, request, this.clock.now());
  }

  async deleteRun(pk: port.RunPk): Promise<port.DeleteResult> {
    if (!this.runs.has(pk)) return 'missing';
    if (this.isLive((task) => task.run.pk === pk)) return 'live';
    this.runs.delete(pk);
    return 'deleted';
  }

  async deleteTask(pk: port.RunPk, taskId: string): Promise<port.DeleteResult> {
    const run = this.runs.get(pk);
    if (!run?.tasks.has(taskId)) return 'missing';
    if (run.state === 'running' || this.isLive((task) => task.run === run && task.id === taskId)) return 'live';
    run.tasks.delete(taskId);
    return 'deleted';
  }

  async deleteDag(dagId: string): Promise<port.DeleteResult> {
    if (!this.dags.has(dagId)) return 'missing';
    if (this.isLive((task) => task.run.new.dagId === dagId)) return 'live';
    for (const run of [...this.runs.values()]) if (run.new.dagId === dagId) this.runs.delete(run.pk);
    this.dags.delete(dagId);
    return 'deleted';
  }

  private isLive(of: (task: MemoryTask) => boolean): boolean {
    return [...this.attempts.values()].some((attempt) => attempt.state !== 'ended' && of(attempt.task));
  }
}

function applyTransition(run: MemoryRun, { taskId, expected, state, reason, admissible }: port.Transition, now: number): MemoryTask | null {
  const task = run.tasks.get(taskId);
  if (!task || task.state !== expected) return null;
  const finished = isFinished(state);
  // A new try begins with nothing of the earlier ones.
  if (state === 'scheduled' && expected !== 'scheduled' && task.tryNumber > 0 && task.piece === 0) task.xcoms.clear();
  return Object.assign(task, {
    state,
    reason,
    admissible,
    dueAt: null,
    startDate: finished ? (task.startDate ?? now) : task.startDate,
    endDate: finished ? now : null,
  });
}

function finishedTask({ run, id, state, startDate, endDate }: MemoryTask): port.FinishedTask {
  return { run: run.pk, dagId: run.new.dagId, taskId: id, state, startDate, endDate };
}
