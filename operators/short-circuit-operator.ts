import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import type { DataOptions, Home, Inputs, OperatorOptions, Run } from '../src/dag/types';
import type { TriggerRule } from '../src/dag-spec/spec';
import { boolean } from '../src/dag/option-checks';
import { checkRun } from './check-run';
import { checkOwnOptions } from './own-options';

export interface ShortCircuitOptions {
  /** true: a closed circuit skips all that comes after it; false: only what comes right after it, and their trigger rules decide on the rest. @default true */
  ignoreDownstreamTriggerRules?: boolean;
}
type AnyRun = (context: TaskContext) => unknown;
type AllOptions = ShortCircuitOptions & { run: AnyRun };

class ShortCircuits extends BaseOperator<unknown, AllOptions> {
  static override readonly optionNames = ['run', 'ignoreDownstreamTriggerRules'];
  static override readonly '~expandTarget' = 'input';
  static override get '~kind'(): 'short_circuit' {
    return 'short_circuit';
  }
  constructor(id: string, options: OperatorOptions<AllOptions>) {
    super(id, options);
    checkRun(this);
    checkOwnOptions(this, { ignoreDownstreamTriggerRules: boolean });
  }
  /** See TaskSpec.ignoreDownstreamTriggerRules. */
  get '~skipsAllBelow'(): boolean {
    return this['~written'].ignoreDownstreamTriggerRules ?? true;
  }
  execute(context: TaskContext): unknown {
    return this.options.run(context);
  }
}

/** Goes on when `run` returns something true; otherwise it succeeds too, and what follows is skipped (teardowns are not). */
export interface ShortCircuitOperator<out Output = unknown> extends BaseOperator<Output> {}
interface ShortCircuitOperatorClass {
  new <Result, Params, Expanded = {}, I extends Inputs = {}, Rule extends TriggerRule = 'all_success'>(
    id: string,
    options: Home<Params, Expanded> & DataOptions<I, Rule> & ShortCircuitOptions & { run: Run<Result, Params, I, Rule, Expanded> },
  ): ShortCircuitOperator<Awaited<Result>>;
}
export const ShortCircuitOperator = class ShortCircuitOperator extends ShortCircuits {} as unknown as ShortCircuitOperatorClass;
