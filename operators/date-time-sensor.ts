import { DateTime } from 'luxon';
import { ThenceError } from '../src/core/errors';
import type { BuiltInWait } from '../src/core/waits';
import type { TaskContext } from '../src/dag/context';
import { show, type Check } from '../src/dag/option-checks';
import type { DateInput, OperatorOptions } from '../src/dag/types';
import { BaseSensor, type SensorOptions } from './base-sensor';
import { checkOwnOptions } from './own-options';
import { nowOf } from './engine-access';

export interface DateTimeSensorOptions {
  /** ISO 8601 text (a template; without an offset: in the DAG's timezone), a Date, or a luxon DateTime. */
  targetTime: DateInput;
}

const ALLOWED = 'an ISO 8601 date, a template of one, a Date, or a luxon DateTime';
const date: Check = (value) => {
  if (typeof value === 'string') return value.includes('{') || DateTime.fromISO(value).isValid ? null : ALLOWED;
  return (value instanceof Date && !Number.isNaN(value.getTime())) || (DateTime.isDateTime(value) && value.isValid) ? null : ALLOWED;
};

/** Waits until a point in time. */
export class DateTimeSensor<Mapped extends string = never> extends BaseSensor<undefined, DateTimeSensorOptions, Mapped> {
  static override readonly templateFields: readonly string[] = ['targetTime'];
  static override readonly optionNames: readonly string[] | undefined = ['targetTime'];

  constructor(id: string, options: OperatorOptions<DateTimeSensorOptions & SensorOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, { targetTime: date }, ['targetTime']);
  }

  poke(context: TaskContext): boolean {
    return nowOf(context) >= this.target(context);
  }

  override waitFor(context: TaskContext): BuiltInWait {
    return { kind: 'time', args: { at: this.target(context) } };
  }

  private target({ dag }: TaskContext): number {
    const given: unknown = this.options.targetTime;
    if (given instanceof Date || DateTime.isDateTime(given)) return given.valueOf();
    const parsed = DateTime.fromISO(String(given), { zone: dag.options.timezone ?? 'UTC' });
    if (parsed.isValid) return parsed.toMillis();
    throw new ThenceError('INVALID_VALUE', `\`targetTime\` of task "${this.id}" is ${show(given)}; allowed is ${ALLOWED}`);
  }
}
