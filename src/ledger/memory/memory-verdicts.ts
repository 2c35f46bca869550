/** Clearing and marking in memory: what clear-tasks.ts and mark-tasks.ts do to the tables. */
import { tasksBelow, withSetupsAndTeardowns } from '../../core/selection';
import { isFinished, isRunFinished } from '../../core/states';
import type { TaskReason } from '../../core/states';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { AttemptId, ChangedTask, ClearRequest, MarkRequest, TaskSelection, TaskVerdict } from '../ledger';
import type { MemoryAttempt, MemoryDag, MemoryRun, MemoryTask } from './memory-rows';

type Attempts = ReadonlyMap<AttemptId, MemoryAttempt>;

export function stopAttempts(attempts: Attempts, of: (attempt: MemoryAttempt) => boolean): void {
  for (const attempt of attempts.values()) if (attempt.state !== 'ended' && of(attempt)) attempt.state = 'ending';
}

export function markWholeRun(run: MemoryRun, attempts: Attempts, state: 'success' | 'failed', now: number): void {
  for (const task of run.tasks.values()) {
    if (task.state === 'removed' || (state === 'success' ? task.state === 'success' : isFinished(task.state))) continue;
    const began = ['running', 'restarting', 'deferred', 'up_for_reschedule'].includes(task.state ?? '');
    const to = state === 'success' ? 'success' : began ? 'failed' : 'skipped';
    Object.assign(task, { state: to, reason: to === 'skipped' ? 'run_ended' : 'marked', admissible: false, dueAt: null, endDate: now });
  }
  stopAttempts(attempts, (attempt) => attempt.task.run === run);
  Object.assign(run, { state, endDate: now, woken: true });
}

export function clearTasks(run: MemoryRun, attempts: Attempts, target: MemoryDag | null, request: Omit<ClearRequest, 'run'>): TaskVerdict {
  const { tasks, onlyStates, version, conf, keepRunState } = request;
  const from = run.state;
  const isAnew = tasks === null && !onlyStates;
  const meant = chooseTasks(run, tasks).filter((task) => !onlyStates || onlyStates.includes(task.state));
  const ids = meant.map((task) => task.id);
  // A task runs again with its setups and their teardowns, whatever states these are in.
  const helpers = target && !isAnew ? withSetupsAndTeardowns(target.dag, ids).map((taskId) => ({ taskId, mapIndexes: null })) : [];
  const chosen = [...new Set([...meant, ...chooseTasks(run, helpers)])];
  const changed = changedTasks(chosen);
  const known = { run: run.pk, tasks: changed, version: target?.version ?? null, from };
  if (chosen.length === 0 && !isAnew) return { ...known, below: [], added: [], to: from };

  stopAttempts(attempts, (attempt) => chosen.includes(attempt.task));
  const cleared = { reason: 'cleared', admissible: false, dueAt: null, startDate: null, endDate: null, branch: null } as const;
  for (const task of chosen) {
    const isLive = task.attempt !== null && attempts.get(task.attempt)!.state !== 'ended';
    Object.assign(task, cleared, { state: isLive ? 'restarting' : null, retriesUsed: 0, lostInARow: 0, piece: 0 });
  }
  const below = target ? undecideBelow(run, target.dag, chosen) : [];
  const added = target && target.version !== run.version ? [...target.dag.tasks.keys()].filter((id) => !run.tasks.has(id)) : [];
  if (from === 'queued' || ((isAnew || isRunFinished(from)) && !keepRunState)) {
    Object.assign(run, { state: 'queued', startDate: null, endDate: null });
  }
  Object.assign(run, { woken: true, changed: null, keepVersion: version === 'own' && run.version !== null, conf: conf ?? run.conf });
  return { ...known, below, added, to: run.state };
}

export function markTasks(
  run: MemoryRun,
  attempts: Attempts,
  dag: CompiledDag | null,
  { tasks, state }: Omit<MarkRequest, 'run'>,
  now: number,
): TaskVerdict {
  const from = run.state;
  const chosen = chooseTasks(run, tasks).filter((task) => task.state !== state);
  const known = { run: run.pk, tasks: changedTasks(chosen), added: [], version: run.version, from };
  if (chosen.length === 0) return { ...known, below: [], to: from };

  stopAttempts(attempts, (attempt) => chosen.includes(attempt.task));
  for (const task of chosen) {
    Object.assign(task, { state, reason: 'marked', admissible: false, dueAt: null, startDate: task.startDate ?? now, endDate: now });
  }
  const below = dag ? undecideBelow(run, dag, chosen) : [];
  if (isRunFinished(from)) {
    const goesOn = [...run.tasks.values()].some((task) => !isFinished(task.state));
    Object.assign(run, { state: goesOn ? 'queued' : 'running', endDate: null, keepVersion: true });
  }
  Object.assign(run, { woken: true, changed: null });
  return { ...known, below, to: run.state };
}

const decidedByTheRun: ReadonlySet<TaskReason | null> = new Set(['rule', 'branch', 'short_circuit', 'fail_fast', 'run_ended']);

function undecideBelow(run: MemoryRun, dag: CompiledDag, chosen: readonly MemoryTask[]): ChangedTask[] {
  const below = tasksBelow(
    dag,
    chosen.map((task) => task.id),
  );
  const open = [...run.tasks.values()].filter((task) => {
    if (!below.has(task.id) || chosen.includes(task)) return false;
    if (task.state === 'scheduled') return task.piece === 0;
    return (task.state === 'skipped' || task.state === 'upstream_failed') && decidedByTheRun.has(task.reason);
  });
  const changed = changedTasks(open);
  for (const task of open)
    Object.assign(task, { state: null, reason: null, admissible: false, dueAt: null, startDate: null, endDate: null });
  return changed;
}

function chooseTasks(run: MemoryRun, tasks: readonly TaskSelection[] | null): MemoryTask[] {
  const isMeant = ({ id }: MemoryTask) =>
    tasks === null || tasks.some(({ taskId, mapIndexes }) => taskId === id && (mapIndexes === null || mapIndexes.includes(-1)));
  return [...run.tasks.values()].filter((task) => task.state !== 'removed' && isMeant(task));
}

const changedTasks = (tasks: readonly MemoryTask[]): ChangedTask[] =>
  tasks.map(({ id: taskId, state: was }) => ({ taskId, mapIndex: -1, was }));
