/**
 * The Ledger of one process, in memory: what `dags test` runs on. The same rules through the same pure functions; locks and fences
 * become plain checks, since each operation runs without interruption. Nothing survives the process. One operation is
 * one file beside this one.
 */
import { randomUUID } from 'node:crypto';
import { DEFAULT_MAX_LOST_TRIES } from '../../core/retry';
import { systemClock } from '../../core/time';
import type { Clock } from '../../core/time';
import type { JsonObject } from '../../core/json';
import { compileDag } from '../../dag-spec/compiled-dag';
import type * as port from '../ledger';
import { stopRun } from './memory-apply';
import { endAttempt, fireWait } from './memory-endings';
import { expandOwner } from './memory-expansion';
import { hop } from './memory-hop';
import { everyTask, taskAt } from './memory-rows';
import type { MemoryAttempt, MemoryCallback, MemoryDagInput, MemoryRun, MemoryTask, MemoryWait } from './memory-rows';
import { createRun, endedRun, endRun, pin, startQueuedRuns } from './memory-runs';
import { MemoryState } from './memory-state';
import { clearChosen, clearTasks, markTasks, markWholeRun } from './memory-verdicts';

export interface MemoryLedgerOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Slots by name, -1 without limit. Default: `default_pool` with 128. */
  readonly pools?: { readonly [name: string]: number };
  /** Pools in which a deferred task keeps its slots. Default: none. */
  readonly poolsWithDeferred?: readonly string[];
  readonly maxLostTries?: number;
}

export class MemoryLedger implements port.Ledger {
  private readonly state: MemoryState;

  constructor({
    clock = systemClock,
    pools = { default_pool: 128 },
    poolsWithDeferred = [],
    maxLostTries = DEFAULT_MAX_LOST_TRIES,
  }: MemoryLedgerOptions = {}) {
    this.state = new MemoryState(clock, new Map(Object.entries(pools)), new Set(poolsWithDeferred), maxLostTries);
  }

  /** Slots by name; may be changed. */
  get pools(): Map<string, number> {
    return this.state.pools;
  }

  /** Pools in which a deferred task keeps its slots; may be changed. */
  get poolsWithDeferred(): Set<string> {
    return this.state.poolsWithDeferred;
  }

  /** Adds a DAG, or a version of one, which becomes the current. */
  addDag({ spec, bundleHash = '', filePath = `${spec.dagId}.ts`, isPaused = false }: MemoryDagInput): port.VersionId {
    const version = randomUUID();
    const dag = { version, dag: compileDag(version, spec), bundleHash, filePath, isPaused, unpaused: 0 };
    this.state.versions.set(version, dag);
    this.state.dags.set(spec.dagId, dag);
    return version;
  }

  setPaused(dagId: string, isPaused: boolean): void {
    this.state.setPaused(this.state.dags.get(dagId)!, isPaused);
  }

  isPaused(dagId: string): boolean {
    return this.state.dags.get(dagId)!.isPaused;
  }

  /** For showing and asking; not to be changed. */
  run(pk: port.RunPk): Readonly<MemoryRun> | null {
    return this.state.runs.get(pk) ?? null;
  }

  /** Every task instance of a run, in topological order of the tasks; removed ones are left out. */
  tasksOf(pk: port.RunPk): readonly Readonly<MemoryTask>[] {
    const run = this.state.runs.get(pk)!;
    const orderOf = ({ compiled, mapIndex }: MemoryTask) => [compiled.index, mapIndex] as const;
    return [...everyTask(run)]
      .filter(({ state }) => state !== 'removed')
      .sort((a, b) => orderOf(a)[0] - orderOf(b)[0] || orderOf(a)[1] - orderOf(b)[1]);
  }

  attempt(id: port.AttemptId): Readonly<MemoryAttempt> | null {
    return this.state.attempts.get(id) ?? null;
  }

  /** What tasks are deferred for: each goes on when `fireWaits` is told what it came to. */
  waits(): readonly MemoryWait[] {
    return [...this.state.runs.values()].flatMap((run) => [...everyTask(run)].flatMap(({ wait }) => wait ?? []));
  }

  /** All that were owed, in the order of their causes. Nothing here runs them. */
  callbacks(): readonly MemoryCallback[] {
    return this.state.callbacks;
  }

  /** JSON text, or null. */
  getXCom(run: port.RunPk, taskId: string, key = 'return_value', mapIndex = -1): string | null {
    const found = this.state.runs.get(run);
    return (found && taskAt(found, taskId, mapIndex)?.xcoms.get(key)) ?? null;
  }

  /** Of all instances of a task that have one, in the order of their map index (-1: not mapped). */
  xcomsOf(run: port.RunPk, taskId: string, key: string): readonly { readonly mapIndex: number; readonly value: string }[] {
    const found = this.state.runs.get(run);
    if (!found) return [];
    return [found.tasks.get(taskId), ...(found.instances.get(taskId)?.values() ?? [])].flatMap((task) => {
      const value = task?.state === 'removed' ? undefined : task?.xcoms.get(key);
      return value === undefined ? [] : [{ mapIndex: task!.mapIndex, value }];
    });
  }

  /** False: the attempt has ended, and its writes with it. */
  setXCom(attemptId: port.AttemptId, key: string, value: string): boolean {
    const attempt = this.state.attempts.get(attemptId);
    if (attempt?.state !== 'claimed' && attempt?.state !== 'running') return false;
    attempt.task.xcoms.set(key, value);
    return true;
  }

  async createRuns(runs: readonly port.NewRun[]): Promise<readonly port.CreateRunResult[]> {
    return runs.map((run) => createRun(this.state, run));
  }

  async startQueuedRuns(limit: number): Promise<readonly port.RunPk[]> {
    return startQueuedRuns(this.state, limit);
  }

  async hop(request: port.HopRequest, decide: port.Decide): Promise<port.HopResult> {
    return hop(this.state, request, decide);
  }

  async attention(session: port.SessionId, lanes: readonly string[], limit: number): Promise<port.Attention> {
    const now = this.state.clock.now();
    const runs: port.RunPk[] = [];
    let next = Infinity;
    let work = false;
    for (const run of this.state.runs.values()) {
      let due = false;
      for (const { state, dueAt, admissible, lane } of everyTask(run)) {
        work ||= admissible && lanes.includes(lane);
        if (state !== 'up_for_retry' && state !== 'up_for_reschedule') continue;
        if (dueAt! <= now) due = true;
        else next = Math.min(next, dueAt!);
      }
      if (run.woken || due) runs.push(run.pk);
    }
    const ending = [...this.state.attempts.values()].filter((attempt) => attempt.session === session && attempt.state === 'ending');
    return {
      runs: runs.slice(0, limit),
      nextDueInMs: next === Infinity ? null : next - now,
      cancels: ending.map(({ id, task: { state, reason } }) => {
        const isRunsEnd = reason === 'fail_fast' || reason === 'run_ended';
        return { attemptId: id, why: state === 'restarting' ? 'cleared' : isRunsEnd ? 'run-ended' : 'marked' };
      }),
      work,
    };
  }

  async expandTasks(limit: number): Promise<readonly port.RunPk[]> {
    const now = this.state.clock.now();
    const open = [...this.state.runs.values()].flatMap((run) =>
      run.state === 'running' ? [...run.expanding].map((owner) => ({ run, owner })) : [],
    );
    for (const { run, owner } of open.slice(0, limit)) expandOwner(this.state, run, owner, now);
    return [...new Set(open.slice(0, limit).map(({ run }) => run.pk))];
  }

  async fireWaits(events: readonly port.WaitEvent[]): Promise<number> {
    return events.filter((event) => fireWait(this.state, event)).length;
  }

  async timeOutRuns(limit: number): Promise<readonly port.EndedRun[]> {
    const now = this.state.clock.now();
    const late = [...this.state.runs.values()].filter((run) => run.state === 'running' && run.deadlineAt !== null && run.deadlineAt <= now);
    return late.slice(0, limit).map((run) => {
      stopRun(this.state, run, 'run_ended', now);
      endRun(this.state, run, 'failed', now, 'timeout');
      return endedRun(run);
    });
  }

  /** What failed, what failed because of it, and what was never begun because of it. */
  async retryRuns(limit: number): Promise<readonly port.RunPk[]> {
    const now = this.state.clock.now();
    const due = [...this.state.runs.values()].filter((run) => run.retryAt !== null && run.retryAt <= now);
    return due.slice(0, limit).map((run) => {
      const onlyStates = ['failed', 'upstream_failed'] as const;
      const isMeant = ({ state, reason }: MemoryTask) =>
        state === 'failed' || state === 'upstream_failed' || (state === 'skipped' && (reason === 'fail_fast' || reason === 'run_ended'));
      const request = { tasks: null, onlyStates, version: 'own', conf: null, runRetry: true } as const;
      clearChosen(this.state, run, this.state.versionOf(run), request, [...everyTask(run)].filter(isMeant));
      return run.pk;
    });
  }

  async wake(runs: readonly port.RunPk[]): Promise<void> {
    for (const pk of runs) if (this.state.runs.has(pk)) this.state.runs.get(pk)!.woken = true;
  }

  async openSession({ leaseMs }: port.SessionInfo): Promise<port.SessionId> {
    const id = randomUUID();
    this.state.sessions.set(id, { state: 'alive', leaseUntil: this.state.clock.now() + leaseMs });
    return id;
  }

  async renewSession(session: port.SessionId, leaseMs: number, _details: JsonObject): Promise<boolean> {
    const found = this.state.sessions.get(session);
    if (found?.state !== 'alive') return false;
    found.leaseUntil = this.state.clock.now() + leaseMs;
    return true;
  }

  async closeSession(session: port.SessionId): Promise<void> {
    const found = this.state.sessions.get(session);
    if (found) found.state = 'ended';
    this.endOrphans();
  }

  /** There is one process, and it lives: only leases can end. */
  async reapSessions({ own, marginMs }: port.ReapRequest): Promise<number> {
    const now = this.state.clock.now();
    for (const [id, session] of this.state.sessions) {
      if (id !== own && session.state === 'alive' && session.leaseUntil + marginMs < now) session.state = 'lost';
    }
    return this.endOrphans();
  }

  /** A deferred task needs nobody. */
  private endOrphans(): number {
    const orphans = [...this.state.attempts.values()].filter(
      ({ state, session }) => state !== 'ended' && state !== 'parked' && this.state.sessions.get(session)?.state !== 'alive',
    );
    for (const { id, task } of orphans) {
      const outcome = { kind: 'lost', message: 'its process is gone' } as const;
      endAttempt(this.state, { attemptId: id, outcome, cpuMs: null, peakKb: null }, this.state.clock.now());
      task.run.woken = true;
    }
    return orphans.length;
  }

  async markRun(pk: port.RunPk, state: 'success' | 'failed'): Promise<boolean> {
    const run = this.state.runs.get(pk);
    if (!run) return false;
    markWholeRun(this.state, run, state, this.state.clock.now());
    run.version ??= this.state.dags.get(run.new.dagId)?.version ?? null;
    return true;
  }

  async clearRun(pk: port.RunPk): Promise<boolean> {
    const keeps = this.state.dags.get(this.state.runs.get(pk)?.new.dagId ?? '')?.dag.spec.rerunWithLatestVersion === false;
    return (await this.clearTasks({ run: pk, tasks: null, version: keeps ? 'own' : 'latest', conf: null })) !== null;
  }

  async clearTasks(request: port.ClearRequest): Promise<port.TaskVerdict | null> {
    const run = this.state.runs.get(request.run);
    if (!run) return null;
    const newest = this.state.dags.get(run.new.dagId) ?? null;
    const own = run.version === null ? null : this.state.versionOf(run);
    const target = (request.version === 'own' ? own : newest) ?? own ?? newest;
    const verdict = clearTasks(this.state, run, target, request);
    if (run.state === 'running' && target && (verdict.added.length > 0 || (target !== own && verdict.tasks.length > 0))) {
      pin(this.state, run, target, this.state.clock.now());
    }
    return verdict;
  }

  async markTasks(request: port.MarkRequest): Promise<port.TaskVerdict | null> {
    const run = this.state.runs.get(request.run);
    if (!run) return null;
    const dag = run.version === null ? null : this.state.versionOf(run).dag;
    return markTasks(this.state, run, dag, request, this.state.clock.now());
  }

  async deleteRun(pk: port.RunPk): Promise<port.DeleteResult> {
    if (!this.state.runs.has(pk)) return 'missing';
    if (this.isLive((task) => task.run.pk === pk)) return 'live';
    this.state.runs.delete(pk);
    return 'deleted';
  }

  async deleteTask(pk: port.RunPk, taskId: string, mapIndex: number): Promise<port.DeleteResult> {
    const run = this.state.runs.get(pk);
    const found = run && taskAt(run, taskId, mapIndex);
    if (!found) return 'missing';
    if (run.state === 'running' || this.isLive((task) => task === found)) return 'live';
    if (mapIndex < 0) run.tasks.delete(taskId);
    else run.instances.get(taskId)!.delete(mapIndex);
    return 'deleted';
  }

  async deleteDag(dagId: string): Promise<port.DeleteResult> {
    if (!this.state.dags.has(dagId)) return 'missing';
    if (this.isLive((task) => task.run.new.dagId === dagId)) return 'live';
    for (const run of this.state.runsOf(dagId)) this.state.runs.delete(run.pk);
    this.state.dags.delete(dagId);
    return 'deleted';
  }

  private isLive(of: (task: MemoryTask) => boolean): boolean {
    return [...this.state.attempts.values()].some((attempt) => attempt.state !== 'ended' && of(attempt.task));
  }
}
