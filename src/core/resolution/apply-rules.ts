/**
 * Looks at what changed and at what that affects, in topological order, so that skips and failures travel to the end of the graph within
 * one call and every task sees the final state of those above it.
 */
import type { CompiledTask } from '../../dag-spec/compiled-dag';
import type { Change } from '../run-view';
import { choiceVerdict, isFirstOfGroup, sourcesVerdict, verdictOf } from './verdict';
import type { Verdict } from './verdict';
import type { Work } from './work';

export function applyRules(work: Work, changed: readonly Change[] | null): void {
  const looks = new Looks(work, changed === null);
  for (const { taskId, mapIndex } of changed ?? []) {
    if (!work.dag.tasks.has(taskId)) continue; // gone from this version
    looks.at(work.task(taskId), mapIndex);
    looks.below(work.task(taskId), mapIndex);
  }
  // The earlier run may have got on without a change in this one.
  for (const id of work.dag.usesPast) if (work.task(id).mappedGroup === null) looks.at(work.task(id), -1);

  for (const task of work.dag.order) {
    const { id } = task.spec;
    if (work.isExpanded(id)) {
      if (task.mappedGroup === null) {
        if (looks.has(task)) evaluateExpanded(work, looks, task);
      } else if (looks.has(task)) evaluateAllOfGroup(work, looks, task, task.mappedGroup);
      else for (const mapIndex of looks.indexes(task)) evaluateInstance(work, looks, task, mapIndex);
    } else if (looks.has(task) && work.stateOf(id) === null) {
      if (task.expand) evaluatePlaceholder(work, looks, task);
      else evaluateTask(work, looks, task);
    }
  }
}

/** Which tasks, and which single instances inside mapped groups, are still to be looked at. */
class Looks {
  private readonly tasks: Uint8Array;
  private readonly instances = new Map<string, Set<number>>();

  constructor(
    private readonly work: Work,
    all: boolean,
  ) {
    this.tasks = new Uint8Array(work.dag.order.length).fill(all ? 1 : 0);
  }

  at(task: CompiledTask, mapIndex: number): void {
    if (mapIndex < 0 || task.mappedGroup === null || !this.work.isExpanded(task.spec.id)) {
      this.tasks[task.index] = 1;
      return;
    }
    const indexes = this.instances.get(task.spec.id);
    if (indexes) indexes.add(mapIndex);
    else this.instances.set(task.spec.id, new Set([mapIndex]));
  }

  /** What `task` affects: inside its mapped group at the same index only. */
  below({ affects, mappedGroup }: CompiledTask, mapIndex: number): void {
    for (const id of affects) {
      const task = this.work.task(id);
      this.at(task, task.mappedGroup === mappedGroup ? mapIndex : -1);
    }
  }

  has(task: CompiledTask): boolean {
    return this.tasks[task.index] === 1;
  }

  indexes(task: CompiledTask): Iterable<number> {
    return this.instances.get(task.spec.id) ?? [];
  }
}

function evaluateTask(work: Work, looks: Looks, task: CompiledTask): void {
  const { id, kind } = task.spec;
  const verdict = verdictOf(work, task, -1);
  if (verdict.kind === 'wait') return;
  if (verdict.kind === 'decided') work.decide(id, verdict.state, verdict.reason);
  // An empty operator has nothing to run: it succeeds here, without an attempt.
  else if (kind === 'empty') work.decide(id, 'success', 'executed');
  else return work.decide(id, 'scheduled', null);
  looks.below(task, -1);
}

/** A mapped task, or one of a mapped group, that has no instances yet. Once its expansion is under way, only they are decided. */
function evaluatePlaceholder(work: Work, looks: Looks, task: CompiledTask): void {
  const { id } = task.spec;
  const owner = task.mappedGroup ?? id;
  if (work.run.expanding.has(owner)) return;
  const verdict = placeholderVerdict(work, task, owner);
  if (verdict.kind === 'ready') work.expand.add(owner);
  if (verdict.kind !== 'decided') return;
  work.decide(id, verdict.state, verdict.reason);
  looks.below(task, -1);
}

/** The rules of a group's tasks are for their instances: the group as a whole depends on what it is mapped over only. */
function placeholderVerdict(work: Work, task: CompiledTask, owner: string): Verdict {
  const own = task.mappedGroup === null ? verdictOf(work, task, -1) : choiceVerdict(work, task, -1);
  return own.kind === 'ready' ? sourcesVerdict(work, owner) : own;
}

/** Instances of a mapped task that a clear has undecided: one rule for all. */
function evaluateExpanded(work: Work, looks: Looks, task: CompiledTask): void {
  if (work.tally(task.spec.id).none === 0) return;
  const verdict = verdictOf(work, task, -1);
  if (verdict.kind === 'wait') return;
  if (verdict.kind === 'ready') return work.sweep(task.spec.id, 'scheduled', null);
  work.sweep(task.spec.id, verdict.state, verdict.reason);
  looks.below(task, -1);
}

/** Something outside of the group, or unknown, changed: all undecided instances of this task. */
function evaluateAllOfGroup(work: Work, looks: Looks, task: CompiledTask, group: string): void {
  const { id, kind } = task.spec;
  if (work.tally(id).none === 0) return;
  if (isFirstOfGroup(work, task)) {
    const verdict = verdictOf(work, task, -1);
    if (verdict.kind === 'wait') return;
    if (verdict.kind === 'ready' && kind !== 'empty') return work.sweep(id, 'scheduled', null);
  }
  if (!work.holdsGroup(group)) {
    work.wants.add(group);
    return;
  }
  for (const mapIndex of work.instances(id).keys()) evaluateInstance(work, looks, task, mapIndex);
}

function evaluateInstance(work: Work, looks: Looks, task: CompiledTask, mapIndex: number): void {
  const { id, kind } = task.spec;
  if (work.instanceState(id, mapIndex) !== null || !work.instances(id).has(mapIndex)) return;
  const verdict = verdictOf(work, task, mapIndex);
  if (verdict.kind === 'wait') return;
  if (verdict.kind === 'decided') work.decideInstance(id, mapIndex, verdict.state, verdict.reason);
  else if (kind === 'empty') work.decideInstance(id, mapIndex, 'success', 'executed');
  else return work.decideInstance(id, mapIndex, 'scheduled', null);
  looks.below(task, mapIndex);
}
