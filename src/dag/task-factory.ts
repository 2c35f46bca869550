/** `dag.task(id, options?, run)` and `group.task(…)`. */
import { FunctionOperator } from '../../operators/function-operator';
import { ThenceError } from '../core/errors';
import type { TriggerRule } from '../dag-spec/spec';
import { madeBy } from './location';
import { show } from './option-checks';
import type { Expansion, Home, Inputs, MappedDataOptions, Run } from './types';

/** Overloads of different arity: the compiler then reports the one error, and not "no overload matches". `Expanded`: by a mapped group. */
export interface TaskFactory<Params, Expanded = {}> {
  <Result>(id: string, run: Run<Result, Params, {}, 'all_success', Expanded>): FunctionOperator<Awaited<Result>>;
  <Result, I extends Inputs = {}, Rule extends TriggerRule = 'all_success', E extends Expansion = {}>(
    id: string,
    options: MappedDataOptions<I, Rule, E>,
    run: Run<Result, Params, I, Rule, E & Expanded>,
  ): FunctionOperator<Awaited<Result>, keyof E & string>;
}

export function makeTaskFactory<Params, Expanded = {}>(home: Home): TaskFactory<Params, Expanded> {
  return function task(id: string, ...rest: readonly unknown[]): FunctionOperator<never, never> {
    const [options, run] = rest.length > 1 ? rest : [{}, rest[0]];
    if (typeof options !== 'object' || options === null) {
      throw new ThenceError(
        'DAG_FILE',
        `task(${show(id)}, …) takes (id, run) or (id, options, run); the options given are ${show(options)}`,
      );
    }
    return madeBy(task, () => new FunctionOperator(id, { ...options, ...home, run: run as () => never }));
  };
}
