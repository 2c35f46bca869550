import { BaseOperator } from '../src/dag/base-operator';

/** Does nothing: joins or names a point of the graph. Succeeds without taking a slot. */
export class EmptyOperator extends BaseOperator<undefined> {
  static override readonly optionNames: readonly string[] | undefined = [];
  /** A subclass that does something is a task like any other. */
  static override get '~kind'(): 'task' | 'empty' {
    return this.prototype.execute === EmptyOperator.prototype.execute ? 'empty' : 'task';
  }
  execute(): undefined {}
}
