import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import type { Home, DataOptions, Inputs, OperatorOptions, Run } from '../src/dag/types';
import type { TriggerRule } from '../src/dag-spec/spec';
import { checkRun } from './check-run';

/** Ids of tasks or groups right after the branch; null, undefined or [] follows none. */
export type Follow = string | readonly string[] | null | undefined;
type AnyRun = (context: TaskContext) => Follow | Promise<Follow>;

class Branches extends BaseOperator<Follow, { run: AnyRun }> {
  static override readonly optionNames = ['run'];
  static override readonly '~expandTarget' = 'input';
  static override get '~kind'(): 'branch' {
    return 'branch';
  }
  constructor(id: string, options: OperatorOptions<{ run: AnyRun }>) {
    super(id, options);
    checkRun(this);
  }
  execute(context: TaskContext): Follow | Promise<Follow> {
    return this.options.run(context);
  }
}

/**
 * `run` returns the ids of the tasks or groups to follow, among those right after it; the others are skipped. A join after it
 * wants `triggerRule: 'none_failed_min_one_success'`.
 */
export interface BranchOperator extends BaseOperator<Follow> {}
interface BranchOperatorClass {
  new <Params, Expanded = {}, I extends Inputs = {}, Rule extends TriggerRule = 'all_success'>(
    id: string,
    options: Home<Params, Expanded> & DataOptions<I, Rule> & { run: Run<Follow | Promise<Follow>, Params, I, Rule, Expanded> },
  ): BranchOperator;
}
export const BranchOperator = class BranchOperator extends Branches {} as unknown as BranchOperatorClass;
