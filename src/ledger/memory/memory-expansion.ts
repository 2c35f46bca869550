/** Instances of mapped tasks and groups, made in one go: nothing here is so many that it would hold up anything. */
import { mapLengths, mapSourceOf } from '../../core/map-lengths';
import type { MapSource } from '../../core/map-lengths';
import type { Instant } from '../../core/time';
import { newTask } from './memory-rows';
import type { MemoryRun, MemoryTask } from './memory-rows';
import type { MemoryState } from './memory-state';

/** @param owner id of a mapped task or group */
export function expandOwner(state: MemoryState, run: MemoryRun, owner: string, now: Instant): void {
  const { dag } = state.versionOf(run);
  const { kind, spec, tasks } = dag.expansions.get(owner)!;
  const placeholders = tasks.map((taskId) => run.tasks.get(taskId)).filter((task): task is MemoryTask => task?.state === null);
  const found = lengthsOf(run, tasks) ?? mapLengths(owner, spec, (taskId) => sourceOf(run, taskId));
  for (const placeholder of placeholders) {
    if (!found.ok) {
      Object.assign(placeholder, { state: 'failed', reason: 'executed', error: found.error, startDate: now, endDate: now });
      if (placeholder.compiled.spec.callbacks?.includes('failure')) {
        const error = { name: 'ExpansionError', message: found.error, stack: null };
        state.callbacks.push({ run, task: placeholder, event: 'failure', tryNumber: 0, reason: 'executed', error });
      }
    } else if (found.length === 0) {
      Object.assign(placeholder, { state: 'skipped', reason: 'rule', startDate: now, endDate: now });
    } else makeInstances(state, run, placeholder, found, kind === 'task');
  }
  run.expanding.delete(owner);
  Object.assign(run, { woken: true, changed: null });
}

/** A task that came to a group which is expanded already has as many instances as the others. */
function lengthsOf(run: MemoryRun, tasks: readonly string[]): { ok: true; length: number; lengths: readonly number[] } | null {
  const other = tasks.map((taskId) => run.expanded.get(taskId)).find((expanded) => expanded !== undefined);
  return other ? { ok: true, ...other } : null;
}

/** An index that had an instance before has it again. */
function makeInstances(
  state: MemoryState,
  run: MemoryRun,
  placeholder: MemoryTask,
  { length, lengths }: { length: number; lengths: readonly number[] },
  isPlain: boolean,
): void {
  const { id, compiled } = placeholder;
  const former = run.instances.get(id) ?? new Map<number, MemoryTask>();
  const instances = new Map(former);
  for (let mapIndex = 0; mapIndex < length; mapIndex++) {
    const task = former.get(mapIndex) ?? newTask(state.nextPk(), compiled, run, mapIndex);
    const isLive = task.attempt !== null && state.attempts.get(task.attempt)!.state !== 'ended';
    const fresh = { reason: null, admissible: false, retriesUsed: 0, lostInARow: 0, piece: 0, branch: null, dueAt: null, startDate: null, endDate: null } as const; // prettier-ignore
    instances.set(mapIndex, Object.assign(task, fresh, { state: isLive ? 'restarting' : isPlain ? 'scheduled' : null }));
  }
  run.instances.set(id, instances);
  run.expanded.set(id, { length, lengths });
  run.tasks.delete(id);
}

function sourceOf(run: MemoryRun, taskId: string): MapSource {
  if (!run.expanded.has(taskId)) return mapSourceOf(run.tasks.get(taskId)?.xcoms.get('return_value') ?? null);
  const withOutput = [...run.instances.get(taskId)!.values()].filter(
    ({ state, xcoms }) => state !== 'removed' && xcoms.has('return_value'),
  );
  return { kind: 'elements', length: withOutput.length };
}
