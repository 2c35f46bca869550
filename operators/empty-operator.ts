import { BaseOperator } from '../src/dag/base-operator';

/** Does nothing: joins or names a point of the graph. Succeeds without taking a slot. */
export class EmptyOperator extends BaseOperator<undefined> {
  static override readonly optionNames: readonly string[] | undefined = [];
  static override readonly '~kind': 'task' | 'empty' = 'empty';
  execute(): undefined {}
}
