/** A run in which every instance is known, changed as a ledger would: by what `resolve` answers, and by what happens in between. */
import { resolve } from '../../src/core/resolve';
import { TALLY_COUNTS, tallyCountOf } from '../../src/core/run-view';
import type { Change, Resolution, RunView, Tally, TallyCount, TaskSnapshot } from '../../src/core/run-view';
import { isFinished } from '../../src/core/states';
import type { TaskReason, TaskState } from '../../src/core/states';
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';
import { keyOf } from './naive-resolve';
import type { World } from './naive-resolve';

export const NOW = 1000;

export interface Row {
  readonly taskId: string;
  readonly mapIndex: number;
  state: TaskState;
  reason: TaskReason | null;
  admissible: boolean;
  branch: readonly string[] | null;
}

export class RunWorld implements World {
  instances: Row[];
  readonly lengths = new Map<string, number>();
  readonly expanding = new Set<string>();
  readonly waitsForPast = new Set<string>();
  held = false;
  dagRoom: World['dagRoom'] = null;

  constructor(readonly dag: CompiledDag) {
    this.instances = dag.order.map(({ spec }) => newRow(spec.id, -1));
  }

  of(taskId: string): Row[] {
    return this.instances.filter((row) => row.taskId === taskId);
  }

  /** Resolves as a ledger does, with as little of the mapped groups as it may, and applies the answer. */
  resolve(changed: readonly Change[] | null): Resolution {
    const shown = new Set<string>();
    const ask = () => resolve(this.dag, this.view(changed, shown), changed, NOW);
    let answer = ask();
    // What one group lets go on may make all of the next one wanted; each is asked for once.
    for (; answer.wants.length > 0; answer = ask()) {
      const again = answer.wants.filter((group) => shown.has(group));
      if (again.length > 0) throw new Error(`${again.join()} wanted again`);
      for (const group of answer.wants) shown.add(group);
    }
    this.apply(answer);
    return answer;
  }

  /** @param complete groups of which all instances are there, whatever changed */
  view(changed: readonly Change[] | null, complete: ReadonlySet<string>): RunView {
    const tasks = new Map<string, TaskSnapshot>();
    const instances = new Map<string, Map<number, TaskSnapshot>>();
    const indexes = new Set((changed ?? []).map(({ taskId, mapIndex }) => `${this.dag.tasks.get(taskId)!.mappedGroup} ${mapIndex}`));
    for (const row of this.instances) {
      const group = this.dag.tasks.get(row.taskId)!.mappedGroup;
      const snapshot = { ...row, dueAt: null };
      if (row.mapIndex < 0) tasks.set(row.taskId, snapshot);
      else if (group !== null && (changed === null || complete.has(group) || indexes.has(`${group} ${row.mapIndex}`))) {
        instances.set(row.taskId, (instances.get(row.taskId) ?? new Map<number, TaskSnapshot>()).set(row.mapIndex, snapshot));
      }
    }
    const mapped = new Map([...this.lengths].map(([taskId, length]) => [taskId, this.tally(taskId, length)]));
    const { expanding, held, waitsForPast, dagRoom } = this;
    return { tasks, mapped, instances, expanding, held, waitsForPast, dagRoom };
  }

  private tally(taskId: string, length: number): Tally {
    const counts = Object.fromEntries(TALLY_COUNTS.map((name) => [name, 0])) as Record<TallyCount, number>;
    for (const row of this.of(taskId)) {
      const count = tallyCountOf(row);
      if (count) counts[count]++;
    }
    return { length, ...counts };
  }

  private apply({ transitions, sweeps, withdraw, gates, expand, failFast }: Resolution): void {
    if (failFast) return this.stop();
    for (const { taskId, mapIndex, expected, state, reason, admissible } of transitions) {
      const row = this.of(taskId).find((each) => each.mapIndex === mapIndex)!;
      if (row.state !== expected || (mapIndex >= 0 && admissible))
        throw new Error(`${keyOf(row)} is ${row.state}, not ${expected}, or is admitted`);
      Object.assign(row, { state, reason, admissible });
    }
    for (const { taskId, state, reason } of sweeps) {
      for (const row of this.of(taskId)) if (row.mapIndex >= 0 && row.state === null) Object.assign(row, { state, reason });
    }
    for (const taskId of withdraw) for (const row of this.of(taskId)) row.admissible = false;
    for (const { taskId, count } of gates) {
      const waiting = this.of(taskId).filter((row) => row.state === 'scheduled' && !row.admissible);
      if (waiting.length < count) throw new Error(`${count} of ${taskId} admitted, and ${waiting.length} wait`);
      for (const row of waiting.sort((a, b) => a.mapIndex - b.mapIndex).slice(0, count)) row.admissible = true;
    }
    for (const owner of expand) this.expanding.add(owner);
  }

  private stop(): void {
    for (const row of this.instances) {
      if (isFinished(row.state) || this.dag.tasks.get(row.taskId)!.spec.teardown) continue;
      Object.assign(row, { state: row.state === 'running' ? 'failed' : 'skipped', reason: 'fail_fast', admissible: false });
    }
    this.expanding.clear();
    for (const taskId of this.lengths.keys()) this.lengths.set(taskId, this.of(taskId).filter(({ state }) => state !== 'removed').length);
  }

  /** Makes the instances that are missing, at most `chunk` of each task; true when the expansion is complete. */
  makeInstances(owner: string, length: number, chunk: number): boolean {
    const { kind, tasks } = this.dag.expansions.get(owner)!;
    let complete = true;
    for (const taskId of tasks) {
      const placeholder = this.of(taskId).find(({ mapIndex }) => mapIndex === -1);
      if (placeholder && placeholder.state !== null) continue;
      if (length === 0) {
        Object.assign(placeholder!, { state: 'skipped', reason: 'rule' });
        continue;
      }
      if (placeholder) {
        this.instances = this.instances.filter((row) => row !== placeholder);
        this.lengths.set(taskId, length);
      }
      const made = this.of(taskId).length;
      if (made >= this.lengths.get(taskId)!) continue;
      for (let i = made; i < Math.min(length, made + chunk); i++) {
        this.instances.push({ ...newRow(taskId, i), state: kind === 'task' ? 'scheduled' : null });
      }
      complete &&= made + chunk >= length;
    }
    if (complete) this.expanding.delete(owner);
    return complete;
  }

  /** For comparing. */
  states(): string[] {
    return this.instances.map((row) => `${keyOf(row)} ${row.state}${row.admissible ? ' admissible' : ''}`).sort();
  }
}

const newRow = (taskId: string, mapIndex: number): Row => ({
  taskId,
  mapIndex,
  state: null,
  reason: null,
  admissible: false,
  branch: null,
});
