/** Clearing and marking in memory: what clear-tasks.ts and mark-tasks.ts do to the tables. */
import { tasksBelow, withSetupsAndTeardowns } from '../../core/selection';
import { isFinished, isRunFinished } from '../../core/states';
import type { TaskReason } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { AttemptId, ChangedTask, ClearRequest, MarkRequest, TaskSelection, TaskVerdict } from '../ledger';
import { endWait } from './memory-endings';
import { everyTask, newTask } from './memory-rows';
import type { MemoryAttempt, MemoryDag, MemoryRun, MemoryTask } from './memory-rows';
import type { MemoryState } from './memory-state';

type Attempts = ReadonlyMap<AttemptId, MemoryAttempt>;

/** Deferred ones end at once, with their waits. */
export function stopAttempts(attempts: Attempts, of: (attempt: MemoryAttempt) => boolean): void {
  for (const attempt of attempts.values()) {
    if (attempt.state === 'ended' || !of(attempt)) continue;
    if (attempt.state === 'parked') attempt.state = 'ended';
    else attempt.state = 'ending';
    attempt.task.wait = null;
    attempt.task.resume = null;
  }
}

export function markWholeRun(
  { attempts, callbacks, versions }: MemoryState,
  run: MemoryRun,
  state: 'success' | 'failed',
  now: number,
): void {
  // Teardowns clean up behind a run that is marked failed; marked once more, it ends without them.
  const isSpared = ({ compiled, state: was }: MemoryTask) => compiled.spec.teardown !== undefined && !isFinished(was);
  const spares = state === 'failed' && run.state === 'running' && run.endReason !== 'marked' && [...everyTask(run)].some(isSpared);
  const spared = new Set(spares ? [...everyTask(run)].filter(isSpared) : []);
  for (const task of everyTask(run)) {
    if (spared.has(task)) continue;
    if (task.state === 'removed' || (state === 'success' ? task.state === 'success' : isFinished(task.state))) continue;
    const began = ['running', 'restarting', 'deferred', 'up_for_reschedule'].includes(task.state ?? '');
    const to = state === 'success' ? 'success' : began ? 'failed' : 'skipped';
    Object.assign(task, { state: to, reason: to === 'skipped' ? 'run_ended' : 'marked', admissible: false, dueAt: null, endDate: now });
  }
  stopAttempts(attempts, (attempt) => attempt.task.run === run && !spared.has(attempt.task));
  run.expanding.clear();
  Object.assign(run, { endReason: 'marked', woken: true });
  if (spares) return;
  Object.assign(run, { state, endDate: now, deadlineAt: null, retryAt: null, waitsForPast: false, woken: true });
  const event = state === 'success' ? 'success' : 'failure';
  if (run.version !== null && versions.get(run.version)!.dag.spec.callbacks?.includes(event)) {
    callbacks.push({ run, task: null, event, tryNumber: 0, reason: 'marked', error: null });
  }
}

export function clearTasks(state: MemoryState, run: MemoryRun, target: MemoryDag | null, request: Omit<ClearRequest, 'run'>): TaskVerdict {
  const { tasks, onlyStates } = request;
  const meant = chooseTasks(run, tasks).filter((task) => !onlyStates || onlyStates.includes(task.state));
  const isAnew = tasks === null && !onlyStates;
  const helpers = target && !isAnew ? helpersOf(run, target.dag, meant) : [];
  return clearChosen(state, run, target, request, [...new Set([...meant, ...helpers])]);
}

/** A task runs again with its setups and their teardowns, whatever states these are in; inside a mapped group, with those of its own index. */
function helpersOf(run: MemoryRun, dag: CompiledDag, meant: readonly MemoryTask[]): MemoryTask[] {
  return meant.flatMap(({ id, mapIndex }) => {
    const group = dag.tasks.get(id)?.mappedGroup ?? null;
    const helpers = withSetupsAndTeardowns(dag, [id]).filter((helper) => helper !== id);
    return chooseTasks(
      run,
      helpers.map((taskId) => {
        const sameIndex = group !== null && mapIndex >= 0 && dag.tasks.get(taskId)!.mappedGroup === group;
        return { taskId, mapIndexes: sameIndex ? [mapIndex] : null };
      }),
    );
  });
}

export function clearChosen(
  state: MemoryState,
  run: MemoryRun,
  target: MemoryDag | null,
  { tasks, onlyStates, version, conf, keepRunState, runRetry }: Omit<ClearRequest, 'run'>,
  chosen: readonly MemoryTask[],
): TaskVerdict {
  const from = run.state;
  const isAnew = tasks === null && !onlyStates;
  const known = { run: run.pk, tasks: changedTasks(chosen), version: target?.version ?? null, from };
  const wanted = onlyStates ? [] : (tasks ?? []).flatMap(({ taskId, mapIndexes }) => (mapIndexes === null ? taskId : []));
  const isThere = (id: string) => (run.tasks.has(id) && run.tasks.get(id)!.state !== 'removed') || run.expanded.has(id);
  const missing = target && run.version !== null ? [...target.dag.tasks.keys()].filter((id) => !isThere(id)) : [];
  const added = missing.filter((id) => target!.version !== run.version || wanted.includes(id));
  if (chosen.length === 0 && !isAnew && !added.some((id) => wanted.includes(id))) return { ...known, below: [], added: [], to: from };

  const meant = new Set(chosen);
  stopAttempts(state.attempts, (attempt) => meant.has(attempt.task));
  for (const { mapIndex, compiled, id } of chosen) if (mapIndex < 0) run.expanding.delete(compiled.mappedGroup ?? id);
  const unexpanded = target && !onlyStates ? unexpand(state, run, target.dag, tasks) : new Set<string>();
  const cleared = { reason: 'cleared', admissible: false, dueAt: null, startDate: null, endDate: null, branch: null, error: null } as const;
  for (const task of chosen) {
    if (unexpanded.has(task.id)) continue;
    const isLive = task.attempt !== null && state.attempts.get(task.attempt)!.state !== 'ended';
    Object.assign(task, cleared, { state: isLive ? 'restarting' : null, retriesUsed: 0, lostInARow: 0, piece: 0 });
  }
  const below = target ? undecideBelow(run, target.dag, meant) : [];
  if (from === 'queued' || ((isAnew || isRunFinished(from)) && !keepRunState)) {
    const retriesUsed = runRetry ? run.retriesUsed + 1 : 0;
    Object.assign(run, { state: 'queued', startDate: null, endDate: null, deadlineAt: null, endReason: null, retryAt: null, retriesUsed });
  }
  if (run.state === 'running') run.endReason = null;
  const keepVersion = version === 'own' && run.version !== null;
  Object.assign(run, { woken: true, changed: null, waitsForPast: false, keepVersion, conf: conf ?? run.conf });
  return { ...known, below, added, to: run.state };
}

/**
 * Expanded tasks that are cleared as a whole become placeholders again, and are expanded anew. Those of a mapped group only together
 * with the whole group and with something that it maps over.
 */
function unexpand(state: MemoryState, run: MemoryRun, dag: CompiledDag, tasks: readonly TaskSelection[] | null): Set<string> {
  const isCleared = (id: string) => tasks === null || tasks.some(({ taskId, mapIndexes }) => taskId === id && mapIndexes === null);
  const found = [...run.expanded.keys()].filter((id) => {
    const group = dag.tasks.get(id)?.mappedGroup ?? null;
    if (!isCleared(id) || group === null) return isCleared(id);
    const { tasks: all, sources } = dag.expansions.get(group)!;
    return all.every(isCleared) && (sources.length === 0 || sources.some(isCleared));
  });
  for (const id of found) {
    const instances = [...run.instances.get(id)!.values()];
    for (const task of instances) {
      if (task.state !== 'removed') Object.assign(task, { state: 'removed', reason: 'cleared', admissible: false, dueAt: null });
      task.xcoms.clear();
    }
    run.expanded.delete(id);
    run.tasks.set(id, Object.assign(newTask(state.nextPk(), instances[0]!.compiled, run), { reason: 'cleared' }));
  }
  return new Set(found);
}

export function markTasks(
  state: MemoryState,
  run: MemoryRun,
  dag: CompiledDag | null,
  { tasks, state: to }: Omit<MarkRequest, 'run'>,
  now: number,
): TaskVerdict {
  const from = run.state;
  const chosen = chooseTasks(run, tasks).filter((task) => task.state !== to);
  const known = { run: run.pk, tasks: changedTasks(chosen), added: [], version: run.version, from };
  if (chosen.length === 0) return { ...known, below: [], to: from };

  const meant = new Set(chosen);
  stopAttempts(state.attempts, (attempt) => meant.has(attempt.task));
  for (const task of chosen) {
    endWait(state, task);
    Object.assign(task, { state: to, reason: 'marked', admissible: false, dueAt: null, startDate: task.startDate ?? now, endDate: now });
  }
  const below = dag ? undecideBelow(run, dag, meant) : [];
  if (isRunFinished(from)) {
    const goesOn = [...everyTask(run)].some((task) => !isFinished(task.state));
    Object.assign(run, { state: goesOn ? 'queued' : 'running', endDate: null, retryAt: null, keepVersion: true });
  }
  Object.assign(run, { woken: true, changed: null });
  return { ...known, below, to: run.state };
}

const decidedByTheRun: ReadonlySet<TaskReason | null> = new Set(['rule', 'branch', 'short_circuit', 'fail_fast', 'run_ended']);

function undecideBelow(run: MemoryRun, dag: CompiledDag, chosen: ReadonlySet<MemoryTask>): ChangedTask[] {
  const below = tasksBelow(
    dag,
    [...chosen].map((task) => task.id),
  );
  const open = [...everyTask(run)].filter((task) => {
    if (!below.has(task.id) || chosen.has(task)) return false;
    if (task.state === 'scheduled') return task.piece === 0;
    return (task.state === 'skipped' || task.state === 'upstream_failed') && decidedByTheRun.has(task.reason);
  });
  const changed = changedTasks(open);
  for (const task of open)
    Object.assign(task, { state: null, reason: null, admissible: false, dueAt: null, startDate: null, endDate: null });
  return changed;
}

function chooseTasks(run: MemoryRun, tasks: readonly TaskSelection[] | null): MemoryTask[] {
  const isMeant = ({ id, mapIndex }: MemoryTask) =>
    tasks === null || tasks.some(({ taskId, mapIndexes }) => taskId === id && (mapIndexes === null || mapIndexes.includes(mapIndex)));
  return [...everyTask(run)].filter((task) => task.state !== 'removed' && isMeant(task));
}

const changedTasks = (tasks: Iterable<MemoryTask>): ChangedTask[] =>
  [...tasks].map(({ id: taskId, mapIndex, state: was }) => ({ taskId, mapIndex, was }));
