/** All that the memory ledger knows, and who is told when something of it changes. */
import type { Clock } from '../../core/time';
import type { AttemptId, RunPk, SessionId, VersionId } from '../ledger';
import type { MemoryAttempt, MemoryCallback, MemoryDag, MemoryRun, MemorySession } from './memory-rows';

export class MemoryState {
  readonly dags = new Map<string, MemoryDag>();
  readonly versions = new Map<VersionId, MemoryDag>();
  readonly runs = new Map<RunPk, MemoryRun>();
  readonly attempts = new Map<AttemptId, MemoryAttempt>();
  readonly sessions = new Map<SessionId, MemorySession>();
  readonly callbacks: MemoryCallback[] = [];
  private lastPk = 0;

  constructor(
    readonly clock: Clock,
    /** Slots by name, -1 without limit. */
    readonly pools: Map<string, number>,
    /** Where a deferred task keeps its slots. */
    readonly poolsWithDeferred: Set<string>,
    readonly maxLostTries: number,
  ) {}

  nextPk(): number {
    return ++this.lastPk;
  }

  runsOf(dagId: string): MemoryRun[] {
    return [...this.runs.values()].filter((run) => run.new.dagId === dagId);
  }

  versionOf(run: MemoryRun): MemoryDag {
    return this.versions.get(run.version!)!;
  }

  setPaused(dag: MemoryDag, isPaused: boolean): void {
    if (dag.isPaused && !isPaused) dag.unpaused = this.nextPk();
    dag.isPaused = isPaused;
    for (const run of this.runsOf(dag.dag.spec.dagId)) run.woken = true;
  }

  /** Runs that look at this one: the next, where tasks depend on the past; all others, where limits are for all runs together. */
  wakeOthers(run: MemoryRun): void {
    const { dag } = this.versionOf(run);
    const sharesLimits = dag.spec.maxActiveTasksPerDag !== undefined || dag.order.some(({ spec }) => spec.maxActiveTisPerDag !== undefined);
    if (!sharesLimits && dag.usesPast.length === 0) return;
    for (const other of this.runsOf(run.new.dagId)) if (other !== run && other.state === 'running') other.woken = true;
  }
}
