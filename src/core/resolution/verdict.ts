/** What the rules say about one task instance: choices made above it, its setups, its trigger rule, the run before. */
import type { CompiledTask } from '../../dag-spec/compiled-dag';
import type { TaskReason, TaskState } from '../states';
import { evaluateRule, UpstreamCounter } from '../trigger-rules';
import { finishedIn } from './work';
import type { Work } from './work';

export type Verdict =
  | { readonly kind: 'wait' }
  | { readonly kind: 'ready' }
  /** For good, as long as the states above stay as they are. */
  | { readonly kind: 'decided'; readonly state: 'skipped' | 'upstream_failed'; readonly reason: TaskReason };

const WAIT: Verdict = { kind: 'wait' };
const READY: Verdict = { kind: 'ready' };
const byRule = (state: 'skipped' | 'upstream_failed'): Verdict => ({ kind: 'decided', state, reason: 'rule' });

/** @param mapIndex of an instance in a mapped group, which depends on those of its own index there; -1: of everything else */
export function verdictOf(work: Work, task: CompiledTask, mapIndex: number): Verdict {
  const choice = choiceVerdict(work, task, mapIndex);
  if (choice.kind !== 'ready') return choice;
  const fromSetups = setupVerdict(work, task, mapIndex);
  if (fromSetups.kind !== 'ready') return fromSetups;

  const counter = new UpstreamCounter();
  for (const id of task.upstream) {
    const isSetup = work.task(id).spec.setup === true;
    const state = stateFor(work, task, id, mapIndex);
    if (state === 'tally') counter.addTally(work.tally(id), isSetup);
    else counter.add(state, isSetup);
  }
  const verdict = evaluateRule(task.spec.triggerRule, counter.counts);
  if (verdict === 'wait') return WAIT;
  if (verdict !== 'ready') return byRule(verdict);
  if (!work.run.waitsForPast.has(task.spec.id)) return READY;
  work.forPast.add(task.spec.id);
  return WAIT;
}

/** One of the group's first tasks: nothing inside of the group has a say in it, so that all of its instances have one verdict. */
export function isFirstOfGroup(work: Work, { mappedGroup, upstream, setups, choosers }: CompiledTask): boolean {
  // Setups and choosers have one also from afar: by a way that leaves the group and comes back.
  return ![...upstream, ...setups, ...choosers].some((id) => work.task(id).mappedGroup === mappedGroup);
}

/** What an expansion is over: complete, or such that it never will be. */
export function sourcesVerdict(work: Work, owner: string): Verdict {
  const { kind, sources } = work.dag.expansions.get(owner)!;
  const states = sources.map((id) => sourceState(work, id, kind === 'group'));
  if (states.includes('upstream_failed')) return byRule('upstream_failed');
  if (states.includes('skipped')) return byRule('skipped');
  return states.includes('wait') ? WAIT : READY;
}

/** @param strict one failed instance is a failure: no rule of the group's tasks has a say before there are instances of them */
function sourceState(work: Work, id: string, strict: boolean): 'wait' | 'complete' | 'skipped' | 'upstream_failed' {
  if (work.isExpanded(id)) {
    const tally = work.tally(id);
    const failed = tally.failed + tally.upstreamFailed;
    if (strict && failed > 0) return 'upstream_failed';
    if (finishedIn(tally) < tally.length) return 'wait';
    return tally.success > 0 ? 'complete' : failed > 0 ? 'upstream_failed' : 'skipped';
  }
  switch (work.stateOf(id)) {
    case 'success':
      return 'complete';
    case 'failed':
    case 'upstream_failed':
      return 'upstream_failed';
    case 'skipped':
    case 'removed':
      return 'skipped';
    default:
      return 'wait';
  }
}

/** What `id` is to an instance of `task`: all of its instances, or one state. */
function stateFor(work: Work, task: CompiledTask, id: string, mapIndex: number): TaskState | 'tally' {
  if (!work.isExpanded(id)) return work.stateOf(id);
  return mapIndex >= 0 && work.task(id).mappedGroup === task.mappedGroup ? work.instanceState(id, mapIndex) : 'tally';
}

/** A finished branch decides for good: also for a task that was cleared afterwards. Ready: nobody above has left the task out. */
export function choiceVerdict(work: Work, task: CompiledTask, mapIndex: number): Verdict {
  for (const id of task.choosers) {
    const chooser = work.task(id);
    // A chooser inside of a mapped group chooses for its own index, and only there.
    const ofIndex = chooser.mappedGroup !== null && work.isExpanded(id);
    if (ofIndex && mapIndex < 0) continue;
    const state = ofIndex ? work.instanceState(id, mapIndex) : work.stateOf(id);
    const follows = (ofIndex ? work.instances(id).get(mapIndex) : work.run.tasks.get(id))?.branch ?? null;
    if (state !== 'success' || follows === null) continue;
    if (chooser.spec.kind === 'short_circuit') {
      if (follows.length === 0) return { kind: 'decided', state: 'skipped', reason: 'short_circuit' };
    } else if (work.leftOutBy(id, mapIndex, follows).has(task.spec.id)) return { kind: 'decided', state: 'skipped', reason: 'branch' };
  }
  return READY;
}

/**
 * Before the trigger rule: a task whose setup failed does not run, at whatever distance. Setups directly above are up to its rule
 * (all_success, as the author's side demands), and teardowns come after everything.
 */
function setupVerdict(work: Work, task: CompiledTask, mapIndex: number): Verdict {
  if (task.setups.length === 0 || task.spec.teardown) return READY;
  const counter = new UpstreamCounter();
  for (const id of task.setups) {
    if (task.upstream.includes(id)) continue;
    const state = stateFor(work, task, id, mapIndex);
    if (state === 'tally') counter.addTally(work.tally(id));
    else counter.add(state);
  }
  const verdict = evaluateRule('all_success', counter.counts);
  return verdict === 'ready' ? READY : verdict === 'wait' ? WAIT : byRule(verdict);
}
