import { parseDuration, type DurationInput } from '../src/core/duration';
import type { BuiltInWait } from '../src/core/waits';
import type { TaskContext } from '../src/dag/context';
import { duration } from '../src/dag/option-checks';
import type { OperatorOptions } from '../src/dag/types';
import { BaseSensor, type SensorOptions } from './base-sensor';
import { checkOwnOptions } from './own-options';
import { nowOf } from './engine-access';

export interface TimeDeltaSensorOptions {
  /** After the end of the run's data interval; in a run without one, after the moment from which it could run. */
  delta: DurationInput;
}

/** Waits until some time after the data interval. Months and days are counted in the DAG's timezone. */
export class TimeDeltaSensor<Mapped extends string = never> extends BaseSensor<undefined, TimeDeltaSensorOptions, Mapped> {
  static override readonly optionNames: readonly string[] | undefined = ['delta'];

  constructor(id: string, options: OperatorOptions<TimeDeltaSensorOptions & SensorOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, { delta: duration }, ['delta']);
  }

  poke(context: TaskContext): boolean {
    return nowOf(context) >= this.target(context);
  }

  override waitFor(context: TaskContext): BuiltInWait {
    return { kind: 'time', args: { at: this.target(context) } };
  }

  private target({ dagRun, dag }: TaskContext): number {
    const from = (dagRun.dataIntervalEnd ?? dagRun.runAfter).setZone(dag.options.timezone ?? 'UTC');
    return from.plus(parseDuration(this.options.delta, `\`delta\` of task "${this.id}"`)).toMillis();
  }
}
