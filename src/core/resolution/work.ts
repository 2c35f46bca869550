/** The states as they will be: what the run has, overlaid with what this call has decided so far. */
import type { CompiledDag, CompiledTask } from '../../dag-spec/compiled-dag';
import { leftOutByBranch } from '../branches';
import type { TaskReason, TaskState } from '../states';
import type { Gate, RunView, Sweep, Tally, TallyCount, TaskSnapshot, Transition } from '../run-view';

interface Decision {
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
}

export class Work {
  readonly sweeps: Sweep[] = [];
  readonly gates: Gate[] = [];
  readonly withdraw: string[] = [];
  readonly expand = new Set<string>();
  readonly wants = new Set<string>();
  /** Tasks that could go on if the earlier run were further. */
  readonly forPast = new Set<string>();

  private readonly decided = new Map<string, Decision>();
  private readonly decidedInstances = new Map<string, Map<number, Decision>>();
  private readonly tallies = new Map<string, Record<TallyCount, number> & { readonly length: number }>();

  private readonly leftOut = new Map<string, ReadonlySet<string>>();

  constructor(
    readonly dag: CompiledDag,
    readonly run: RunView,
  ) {}

  task(taskId: string): CompiledTask {
    return this.dag.tasks.get(taskId)!;
  }

  /** It has instances, and no row of its own any more. */
  isExpanded(taskId: string): boolean {
    return this.run.mapped.has(taskId);
  }

  /** Of a task that is not expanded. */
  stateOf(taskId: string): TaskState {
    return (this.decided.get(taskId) ?? this.run.tasks.get(taskId))?.state ?? null;
  }

  isAdmissible(taskId: string): boolean {
    return (this.decided.get(taskId) ?? this.run.tasks.get(taskId))?.admissible ?? false;
  }

  decide(taskId: string, state: TaskState, reason: TaskReason | null, admissible = false): void {
    this.decided.set(taskId, { state, reason, admissible });
  }

  /** Of an expanded task: it counts what was decided here. */
  tally(taskId: string): Tally {
    return this.tallies.get(taskId) ?? this.run.mapped.get(taskId)!;
  }

  instances(taskId: string): ReadonlyMap<number, TaskSnapshot> {
    return this.run.instances.get(taskId) ?? NO_INSTANCES;
  }

  /** Of an expanded task inside a mapped group. */
  instanceState(taskId: string, mapIndex: number): TaskState {
    const found = this.decidedInstances.get(taskId)?.get(mapIndex) ?? this.instances(taskId).get(mapIndex);
    // One that is not there has not been made yet, or never will be.
    return found ? found.state : present(this.run.mapped.get(taskId)!) < this.tally(taskId).length ? null : 'removed';
  }

  decideInstance(taskId: string, mapIndex: number, state: 'scheduled' | 'success' | Sweep['state'], reason: TaskReason | null): void {
    let decisions = this.decidedInstances.get(taskId);
    if (!decisions) this.decidedInstances.set(taskId, (decisions = new Map()));
    decisions.set(mapIndex, { state, reason, admissible: false });
    this.count(taskId, 'none', state === 'scheduled' ? 'waiting' : countOf(state), 1);
  }

  sweep(taskId: string, state: Sweep['state'], reason: TaskReason | null): void {
    this.sweeps.push({ taskId, state, reason });
    this.count(taskId, 'none', state === 'scheduled' ? 'waiting' : countOf(state), this.tally(taskId).none);
  }

  admitInstances(taskId: string, count: number): void {
    this.gates.push({ taskId, count });
    this.count(taskId, 'waiting', 'active', count);
  }

  /** The view holds every instance of the group. */
  holdsGroup(group: string): boolean {
    return this.dag.expansions.get(group)!.tasks.every((taskId) => {
      const tally = this.run.mapped.get(taskId);
      if (!tally) return true;
      let held = 0;
      for (const { state } of this.instances(taskId).values()) if (state !== 'removed') held++;
      return held >= present(tally);
    });
  }

  /** The tasks directly below a finished branch that it leaves out. */
  leftOutBy(branch: string, mapIndex: number, follows: readonly string[]): ReadonlySet<string> {
    const key = `${branch} ${mapIndex}`;
    let found = this.leftOut.get(key);
    if (!found) this.leftOut.set(key, (found = leftOutByBranch(this.dag, branch, follows)));
    return found;
  }

  /** In topological order, of one task by map index. */
  transitions(): Transition[] {
    const found: Transition[] = [];
    for (const [taskId, decision] of this.decided) {
      found.push({ taskId, mapIndex: -1, expected: this.run.tasks.get(taskId)?.state ?? null, ...decision });
    }
    for (const [taskId, decisions] of this.decidedInstances) {
      for (const [mapIndex, decision] of decisions) {
        found.push({ taskId, mapIndex, expected: this.instances(taskId).get(mapIndex)?.state ?? null, ...decision });
      }
    }
    return found.sort((a, b) => this.task(a.taskId).index - this.task(b.taskId).index || a.mapIndex - b.mapIndex);
  }

  private count(taskId: string, from: TallyCount, to: TallyCount, count: number): void {
    let tally = this.tallies.get(taskId);
    if (!tally) this.tallies.set(taskId, (tally = { ...this.run.mapped.get(taskId)! }));
    tally[from] -= count;
    tally[to] += count;
  }
}

const NO_INSTANCES: ReadonlyMap<number, TaskSnapshot> = new Map();

const countOf = (state: 'success' | 'skipped' | 'upstream_failed') => (state === 'upstream_failed' ? 'upstreamFailed' : state);

export const finishedIn = ({ success, failed, skipped, upstreamFailed }: Tally) => success + failed + skipped + upstreamFailed;

/** How many instances are there. */
export const present = (tally: Tally) => tally.none + tally.waiting + tally.active + tally.sleeping + finishedIn(tally);
