import type { TriggerRule } from '../src/dag-spec/spec';
import type { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import type { Expansion, Home, Inputs, MappedDataOptions, OperatorOptions, Run } from '../src/dag/types';
import { BaseSensor, type PokeResult, type SensorOptions } from './base-sensor';
import { checkRun } from './check-run';

type AnyRun = (context: TaskContext) => PokeResult | Promise<PokeResult>;

class Asks extends BaseSensor<unknown, { run: AnyRun }, string> {
  static override readonly optionNames = ['run'];
  static override readonly '~expandTarget' = 'input';
  constructor(id: string, options: OperatorOptions<{ run: AnyRun } & SensorOptions, string>) {
    super(id, options);
    checkRun(this);
  }
  poke(context: TaskContext): PokeResult | Promise<PokeResult> {
    return this.options.run(context);
  }
}

/** Waits until `run` returns true, or { done: true, value }: the value is the output. */
export interface FunctionSensor<out Output = unknown, out Mapped extends string = never> extends BaseOperator<Output, object, Mapped> {}
interface FunctionSensorClass {
  new <
    Value = undefined,
    Params = unknown,
    Expanded = {},
    I extends Inputs = {},
    Rule extends TriggerRule = 'all_success',
    E extends Expansion = {},
  >(
    id: string,
    options: Home<Params, Expanded> &
      MappedDataOptions<I, Rule, E> &
      SensorOptions & { run: Run<PokeResult<Value> | Promise<PokeResult<Value>>, Params, I, Rule, E & Expanded> },
  ): FunctionSensor<Value, keyof E & string>;
}
export const FunctionSensor = class FunctionSensor extends Asks {} as unknown as FunctionSensorClass;
