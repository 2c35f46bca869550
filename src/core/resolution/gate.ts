/**
 * One pass over the run: which tasks' waiting time is over, how many are at work, who stands before the gate; and the gate itself, the
 * limits that belong to a run or a DAG. What has passed it waits for its pool and an executor only.
 */
import type { CompiledTask } from '../../dag-spec/compiled-dag';
import { isFinished } from '../states';
import type { Instant } from '../time';
import { finishedIn, present } from './work';
import type { Work } from './work';

export interface Census {
  /** Tasks that have not finished. */
  unfinished: number;
  /** Of these, the ones that will go on by themselves or by the gate: they run, are scheduled, expand, or wait for a time. */
  moving: number;
  /** Instances that use up maxActiveTasks: admissible or with an attempt. */
  active: number;
  /** Scheduled and before the gate. */
  waiting: Waiting[];
}

interface Waiting {
  readonly task: CompiledTask;
  readonly count: number;
  /** Of the same task. */
  readonly active: number;
}

export function takeCensus(work: Work, now: Instant): Census {
  const census: Census = { unfinished: 0, moving: 0, active: 0, waiting: [] };
  for (const task of work.dag.order) {
    if (work.isExpanded(task.spec.id)) countExpanded(work, task, census);
    else countTask(work, task, now, census);
  }
  return census;
}

function countExpanded(work: Work, task: CompiledTask, census: Census): void {
  const { id } = task.spec;
  const tally = work.tally(id);
  if (finishedIn(tally) >= tally.length) return;
  census.unfinished++;
  const isExpanding = present(tally) < tally.length && work.run.expanding.has(task.mappedGroup ?? id);
  if (tally.waiting + tally.active + tally.sleeping > 0 || isExpanding) census.moving++;
  if (tally.none > 0 && work.run.waitsForPast.has(id)) work.forPast.add(id);
  if (work.run.held && tally.active > 0) work.withdraw.push(id);
  census.active += tally.active;
  if (tally.waiting > 0) census.waiting.push({ task, count: tally.waiting, active: tally.active });
}

function countTask(work: Work, task: CompiledTask, now: Instant, census: Census): void {
  const { id } = task.spec;
  const state = work.stateOf(id);
  if (isFinished(state)) return;
  census.unfinished++;
  if (state === null) {
    const owner = task.mappedGroup ?? id;
    if (work.run.expanding.has(owner) || work.expand.has(owner)) census.moving++;
    return;
  }
  census.moving++;

  const isWaiting = { task, count: 1, active: 0 };
  if (state === 'queued' || state === 'running' || state === 'restarting') census.active++;
  else if (state === 'up_for_retry' || state === 'up_for_reschedule') {
    if ((work.run.tasks.get(id)!.dueAt ?? now) > now) return;
    work.decide(id, 'scheduled', null);
    census.waiting.push(isWaiting);
  } else if (state === 'scheduled') {
    if (work.isAdmissible(id) && !work.run.held) census.active++;
    else {
      if (work.isAdmissible(id)) work.decide(id, 'scheduled', null, false);
      census.waiting.push(isWaiting);
    }
  }
}

/**
 * Only a pause withdraws an admission: a claim by another scheduler may turn `admissible` into `running` at any moment without
 * this run's lock, and as both count alike the limit stays exact.
 */
export function passGate(work: Work, { active, waiting }: Census): void {
  const { dagRoom } = work.run;
  let room = Math.min(work.dag.spec.maxActiveTasks - active, dagRoom?.tasks ?? Infinity);
  if (room <= 0 || waiting.length === 0) return;
  for (const each of waiting.sort((a, b) => b.task.priority - a.task.priority || a.task.index - b.task.index)) {
    const { id, maxActiveTisPerDagRun = Infinity } = each.task.spec;
    const count = Math.min(each.count, room, maxActiveTisPerDagRun - each.active, dagRoom?.byTask.get(id) ?? Infinity);
    if (count <= 0) continue;
    room -= count;
    if (work.isExpanded(id)) work.admitInstances(id, count);
    else work.decide(id, 'scheduled', null, true);
    if (room <= 0) return;
  }
}
