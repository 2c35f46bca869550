/** References to what a task will have produced: the task itself, its `output`, or `group.all(task)`. */
import { BRAND, isBranded } from './brand';
import type { DagNode } from './node';
import type { Ref } from './types';

/** A task without `then`. */
export class TaskOutput<out Output = unknown, out Mapped extends string = string> implements Ref<Output, Mapped> {
  declare readonly '~output': Output;
  declare readonly '~mapped': Mapped;
  get [BRAND](): 'output' {
    return 'output';
  }
  constructor(
    readonly task: DagNode,
    /** Of a task in a mapped group: the list of its outputs at all indexes. */
    readonly all: boolean = false,
  ) {}
  get id(): string {
    return this.task.id;
  }
}

/** The task behind an input, or null when the value is neither a task nor its output. */
export function taskOf(ref: unknown): DagNode | null {
  if (isBranded(ref, 'task')) return ref as DagNode;
  return isBranded(ref, 'output') ? (ref as TaskOutput).task : null;
}

export function isAll(ref: unknown): boolean {
  return isBranded(ref, 'output') && (ref as TaskOutput).all === true;
}
