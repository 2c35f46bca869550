/** A task that runs a function. `dag.task(id, options?, run)` is short for it. */
import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import type { TriggerRule } from '../src/dag-spec/spec';
import { checkRun } from './check-run';
import type { Expansion, Home, Inputs, MappedDataOptions, OperatorOptions, Run } from '../src/dag/types';

type AnyRun = (context: TaskContext) => unknown;

class RunsFunction extends BaseOperator<unknown, { run: AnyRun }, string> {
  static override readonly optionNames = ['run'];
  static override readonly '~expandTarget' = 'input';
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
  new <Result, Params, Expanded = {}, I extends Inputs = {}, Rule extends TriggerRule = 'all_success', E extends Expansion = {}>(
    id: string,
    options: Home<Params, Expanded> & MappedDataOptions<I, Rule, E> & { run: Run<Result, Params, I, Rule, E & Expanded> },
  ): FunctionOperator<Awaited<Result>, keyof E & string>;
}
export const FunctionOperator = class FunctionOperator extends RunsFunction {} as unknown as FunctionOperatorClass;
