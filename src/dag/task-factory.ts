/** `dag.task(id, options?, run)` and `group.task(…)`. */
import { FunctionOperator } from '../../operators/function-operator';
import { ThenceError } from '../core/errors';
import type { TriggerRule } from '../dag-spec/spec';
import { madeBy } from './location';
import { show } from './option-checks';
import type { DataOptions, Home, Inputs, Run } from './types';

/** Overloads of different arity: the compiler then reports the one error, and not "no overload matches". */
export interface TaskFactory<Params> {
  <Result>(id: string, run: Run<Result, Params, {}, 'all_success'>): FunctionOperator<Awaited<Result>>;
  <Result, I extends Inputs = {}, Rule extends TriggerRule = 'all_success'>(
    id: string,
    options: DataOptions<I, Rule>,
    run: Run<Result, Params, I, Rule>,
  ): FunctionOperator<Awaited<Result>>;
}

export function makeTaskFactory<Params>(home: Home): TaskFactory<Params> {
  return function task(id: string, ...rest: readonly unknown[]): FunctionOperator<never> {
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
