/** A task that runs a function. `dag.task(id, options?, run)` is short for it. */
import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import type { TriggerRule } from '../src/dag-spec/spec';
import { checkRun } from './check-run';
import type { DataOptions, Home, Inputs, OperatorOptions, Run } from '../src/dag/types';

type AnyRun = (context: TaskContext) => unknown;

class RunsFunction extends BaseOperator<unknown, { run: AnyRun }, string> {
  static override readonly optionNames = ['run'];
  constructor(id: string, options: OperatorOptions<{ run: AnyRun }, string>) {
    super(id, options);
    checkRun(this);
  }
  execute(context: TaskContext): unknown {
    return this.options.run(context);
  }
}

// The constructor has type parameters of its own (an interface with a `new` signature), so that the type of a task stays short:
// FunctionOperator<Output>. It is not meant for subclassing.
export interface FunctionOperator<out Output = unknown, out Mapped extends string = never> extends BaseOperator<Output, object, Mapped> {}
interface FunctionOperatorClass {
  new <Result, Params, I extends Inputs = {}, Rule extends TriggerRule = 'all_success'>(
    id: string,
    options: Home<Params> & DataOptions<I, Rule> & { run: Run<Result, Params, I, Rule> },
  ): FunctionOperator<Awaited<Result>>;
}
export const FunctionOperator = class FunctionOperator extends RunsFunction {} as unknown as FunctionOperatorClass;
