/**
 * What a run does next: the one place that decides it. Pure: states in, transitions out.
 *
 * Only tasks at or below what changed are looked at, in topological order, so that skips and failures travel to the end of the
 * graph within one call and every task sees the final state of those above it. Then one pass over the run finds the tasks whose
 * waiting time is over, lets as many tasks through the gate (`maxActiveTasks`, pause) as there is room for, and tells whether
 * the run has ended.
 */
import type { CompiledDag, CompiledTask } from '../dag-spec/compiled-dag';
import { leftOutByBranch } from './branches';
import type { Change, Resolution, RunView, Transition } from './run-view';
import { isFinished } from './states';
import type { TaskReason, TaskState } from './states';
import type { Instant } from './time';
import { countUpstreams, evaluateRule } from './trigger-rules';

export type { RunView, TaskSnapshot, Transition, Resolution } from './run-view';

/** @param changed the tasks whose state changed since the last resolution; null: look at all. */
export function resolve(dag: CompiledDag, run: RunView, changed: readonly Change[] | null, now: Instant): Resolution {
  const work = new Work(dag, run);
  applyRules(work, changed);
  const census = takeCensus(work, now);
  if (!run.held) passGate(work, census);
  return {
    transitions: work.transitions(),
    sweeps: [],
    gates: [],
    withdraw: [],
    expand: [],
    failFast: false,
    wants: [],
    waitsForPast: false,
    ends: endOf(work, census),
  };
}

interface Decision {
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
}

/** The states as they will be: what the run has, overlaid with what this call decided. */
class Work {
  private readonly decided = new Map<string, Decision>();
  private readonly leftOut = new Map<string, ReadonlySet<string>>();

  constructor(
    readonly dag: CompiledDag,
    readonly run: RunView,
  ) {}

  stateOf(taskId: string): TaskState {
    return (this.decided.get(taskId) ?? this.run.tasks.get(taskId))?.state ?? null;
  }

  isAdmissible(taskId: string): boolean {
    return (this.decided.get(taskId) ?? this.run.tasks.get(taskId))?.admissible ?? false;
  }

  decide(taskId: string, state: TaskState, reason: TaskReason | null, admissible = false): void {
    this.decided.set(taskId, { state, reason, admissible });
  }

  /** A finished branch decides for good: also for a task that was cleared afterwards. */
  isLeftOut(task: CompiledTask): boolean {
    return task.upstream.some((id) => {
      const follows = this.dag.tasks.get(id)!.spec.kind === 'branch' ? this.run.tasks.get(id)?.branch : null;
      if (!follows || this.stateOf(id) !== 'success') return false;
      let leftOut = this.leftOut.get(id);
      if (!leftOut) this.leftOut.set(id, (leftOut = leftOutByBranch(this.dag, id, follows)));
      return leftOut.has(task.spec.id);
    });
  }

  transitions(): Transition[] {
    return [...this.decided]
      .map(([taskId, decision]) => ({ taskId, mapIndex: -1, expected: this.run.tasks.get(taskId)?.state ?? null, ...decision }))
      .sort((a, b) => this.dag.tasks.get(a.taskId)!.index - this.dag.tasks.get(b.taskId)!.index);
  }
}

function applyRules(work: Work, changed: readonly Change[] | null): void {
  const { order, tasks } = work.dag;
  const toLookAt = new Uint8Array(order.length).fill(changed === null ? 1 : 0);
  const look = (id: string) => (toLookAt[tasks.get(id)!.index] = 1);
  for (const { taskId: id } of changed ?? []) {
    if (!tasks.has(id)) continue; // gone from this version
    look(id);
    tasks.get(id)!.downstream.forEach(look);
  }

  for (const task of order) {
    if (!toLookAt[task.index] || work.stateOf(task.spec.id) !== null) continue;
    if (evaluate(work, task)) task.downstream.forEach(look);
  }
}

/** True when the task ended by it, so that those below it have to be looked at. */
function evaluate(work: Work, task: CompiledTask): boolean {
  const { id, kind, triggerRule } = task.spec;
  if (work.isLeftOut(task)) {
    work.decide(id, 'skipped', 'branch');
    return true;
  }
  const verdict = evaluateRule(triggerRule, countUpstreams(task.upstream.map((upstream) => work.stateOf(upstream))));
  switch (verdict) {
    case 'wait':
      return false;
    case 'skipped':
    case 'upstream_failed':
      work.decide(id, verdict, 'rule');
      return true;
    case 'ready':
      // An empty operator has nothing to run: it succeeds here, without an attempt.
      work.decide(id, kind === 'empty' ? 'success' : 'scheduled', kind === 'empty' ? 'executed' : null);
      return kind === 'empty';
  }
}

interface Census {
  unfinished: number;
  /** Unfinished tasks that will go on by themselves or by the gate: they run, are scheduled, or wait for a time. */
  moving: number;
  /** They use up maxActiveTasks: admissible or with an attempt. */
  active: number;
  /** Scheduled and before the gate. */
  waiting: CompiledTask[];
}

function takeCensus(work: Work, now: Instant): Census {
  const census: Census = { unfinished: 0, moving: 0, active: 0, waiting: [] };
  for (const task of work.dag.order) {
    const { id } = task.spec;
    const state = work.stateOf(id);
    if (isFinished(state)) continue;
    census.unfinished++;
    if (state === null) continue;
    census.moving++;

    if (state === 'queued' || state === 'running' || state === 'restarting') census.active++;
    else if (state === 'up_for_retry' || state === 'up_for_reschedule') {
      if ((work.run.tasks.get(id)!.dueAt ?? now) > now) continue;
      work.decide(id, 'scheduled', null);
      census.waiting.push(task);
    } else if (state === 'scheduled') {
      if (work.isAdmissible(id) && !work.run.held) census.active++;
      else {
        if (work.isAdmissible(id)) work.decide(id, 'scheduled', null, false);
        census.waiting.push(task);
      }
    }
  }
  return census;
}

/**
 * Only a pause withdraws an admission: a claim by another scheduler may turn `admissible` into `running` at any moment without
 * this run's lock, and as both count alike the limit stays exact.
 */
function passGate(work: Work, { active, waiting }: Census): void {
  const room = work.dag.spec.maxActiveTasks - active;
  if (room <= 0 || waiting.length === 0) return;
  if (waiting.length > room) waiting.sort((a, b) => b.priority - a.priority || a.index - b.index);
  for (const task of waiting.slice(0, room)) work.decide(task.spec.id, 'scheduled', null, true);
}

/** The leaves decide. A run whose unfinished tasks can never run has failed. */
function endOf(work: Work, { unfinished, moving }: Census): 'success' | 'failed' | null {
  if (moving > 0) return null;
  if (unfinished > 0) return 'failed';
  const failed = work.dag.leaves.some((id) => ['failed', 'upstream_failed'].includes(work.stateOf(id) ?? ''));
  return failed ? 'failed' : 'success';
}
