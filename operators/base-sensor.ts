/**
 * What every sensor is built on: it looks (`poke`) until what it waits for has come.
 *
 * mode 'poke': the task runs on, and holds its slot · 'reschedule': between two looks it ends and holds none · deferrable: the triggerer
 * looks in its place, by `waitFor`, and the task runs again when that says yes, to look once more itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { durationToMs, type DurationInput } from '../src/core/duration';
import { ThenceError } from '../src/core/errors';
import type { BuiltInWait } from '../src/core/waits';
import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import { madeAt } from '../src/dag/location';
import { boolean, oneOf, type Checks, positiveDuration } from '../src/dag/option-checks';
import { FailError, RescheduleError, SkipError, taskEndOf } from '../src/dag/task-errors';
import { DeferralTimeout, isTrigger, type Trigger } from '../src/dag/trigger';
import type { OperatorOptions, TaskOptions } from '../src/dag/types';
import { checkOwnOptions } from './own-options';
import { nowOf } from './engine-access';

export interface SensorOptions {
  /** Between two looks. @default 60 s */
  pokeInterval?: DurationInput;
  /** Counted from the beginning of the try, through all its pieces. Then the task fails, whatever `retries` is left. @default 7 days */
  timeout?: DurationInput;
  /** 'reschedule' holds no slot between two looks. @default 'poke' */
  mode?: 'poke' | 'reschedule';
  /** Skipped instead of failed when the time is over, or when a look throws FailError. @default false */
  softFail?: boolean;
  /** The time between two looks doubles with each. @default false */
  exponentialBackoff?: boolean;
  /** The longest time between two looks that doubling may reach. @default none but `timeout` */
  maxWait?: DurationInput;
  /** Waits in the triggerer, without a process. @default false */
  deferrable?: boolean;
}

/** `true`, or `done` with a value, which is the task's output. */
export type PokeResult<Value = unknown> = boolean | { readonly done: boolean; readonly value?: Value };

/** Node's timers know no longer one. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

const checks: Checks = {
  pokeInterval: positiveDuration,
  timeout: positiveDuration,
  mode: oneOf('poke', 'reschedule'),
  softFail: boolean,
  exponentialBackoff: boolean,
  maxWait: positiveDuration,
  deferrable: boolean,
} satisfies Record<keyof SensorOptions, unknown>;

/**
 * Subclass it and write `poke`. Options of one's own are declared as for BaseOperator; those of all sensors are there besides.
 *
 * @example
 * class TableSensor extends BaseSensor<undefined, { table: string }> {
 *   static override readonly templateFields = ['table'];
 *   static override readonly optionNames = ['table'];
 *   async poke(context: TaskContext) { return exists(this.options.table); }
 * }
 */
export abstract class BaseSensor<
  out Output = undefined,
  out Own extends object = object,
  out Mapped extends string = never,
> extends BaseOperator<Output, Own & SensorOptions, Mapped> {
  static override get '~optionNames'(): readonly string[] | undefined {
    return this.optionNames && [...this.optionNames, ...Object.keys(checks)];
  }

  constructor(id: string, options: OperatorOptions<Own & SensorOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, checks);
    const { mode, deferrable, maxWait, exponentialBackoff } = this.options as SensorOptions;
    const wrong =
      deferrable && mode !== undefined
        ? '`deferrable` and a `mode`, which says how a sensor waits that is not deferrable'
        : maxWait !== undefined && !exponentialBackoff
          ? '`maxWait`, which limits `exponentialBackoff`, but not that'
          : null;
    if (wrong) throw new ThenceError('DAG_FILE', `task "${this.id}"${madeAt(this)} has ${wrong}`);
  }

  /** One look: whether what is waited for has come. What it throws fails the try. */
  abstract poke(context: TaskContext): PokeResult<Output> | Promise<PokeResult<Output>>;

  /**
   * What a deferrable sensor waits for in the triggerer: a built-in wait, or a Trigger. It may say yes too early, as `poke` has the last
   * word, but not too late. null: the triggerer only waits for the time of the next look. A wait of kind 'time' is heeded in every mode.
   */
  waitFor(_context: TaskContext): BuiltInWait | Trigger | null | Promise<BuiltInWait | Trigger | null> {
    return null;
  }

  async execute(context: TaskContext): Promise<Output> {
    const plan = this.plan(context);
    for (let look = plan.looks; ; look++) {
      const found = await this.look(context);
      if (found) return found.value as Output;
      const now = nowOf(context);
      if (now >= plan.deadline) throw this.timedOut(plan);
      const wait = await this.waitFor(context);
      if (plan.deferrable) this.defer(context, plan, { wait, look, now });
      const at = Math.min(plan.deadline, timeOf(wait) ?? now + plan.delayMs(look));
      if (plan.reschedule) throw new RescheduleError(new Date(at));
      await sleep(Math.min(at - now, LONGEST_SLEEP_MS), undefined, { signal: context.signal }).catch(() => context.signal.throwIfAborted());
    }
  }

  /** Called when a deferral brought nothing. */
  async onDeferralError(context: TaskContext, error: Error): Promise<Output> {
    if (!(error instanceof DeferralTimeout)) throw error;
    const found = await this.look(context);
    if (found) return found.value as Output;
    throw this.timedOut(this.plan(context));
  }

  private async look(context: TaskContext): Promise<{ readonly value: unknown } | null> {
    try {
      const result = await this.poke(context);
      if (typeof result === 'object' && result !== null) return result.done ? { value: result.value } : null;
      return result ? { value: undefined } : null;
    } catch (error) {
      const isFinal = taskEndOf(error)?.kind === 'fail';
      throw isFinal && (this.options as SensorOptions).softFail ? new SkipError((error as Error).message) : error;
    }
  }

  private plan(context: TaskContext): Plan {
    const {
      pokeInterval = 60_000,
      timeout = { days: 7 },
      mode,
      exponentialBackoff,
      maxWait,
      deferrable,
    } = this.options as SensorOptions & TaskOptions;
    const intervalMs = durationToMs(pokeInterval, 'pokeInterval');
    const timeoutMs = durationToMs(timeout, 'timeout');
    const longestMs = maxWait === undefined ? timeoutMs : durationToMs(maxWait, 'maxWait');
    return {
      deferrable: deferrable ?? false,
      // On the clock of a test nobody sleeps.
      reschedule: mode === 'reschedule' || context['~engine']?.now !== undefined,
      timeoutMs,
      deadline: context.ti.startDate.toMillis() + timeoutMs,
      looks: context['~engine']?.piece ?? 0,
      backoffToMs: exponentialBackoff ? longestMs : null,
      delayMs: (look) => (exponentialBackoff ? Math.min(longestMs, intervalMs * 2 ** Math.min(look, 50)) : intervalMs),
    };
  }

  private defer(
    context: TaskContext,
    plan: Plan,
    { wait, look, now }: { wait: BuiltInWait | Trigger | null; look: number; now: number },
  ): never {
    const timeout = Math.max(1, plan.deadline - now);
    const intervalMs = plan.delayMs(look);
    const then = { resume: 'execute', timeout };
    if (wait === null) return context.defer({ kind: 'time', args: { at: now + intervalMs } }, then);
    if (isTrigger(wait) || wait.kind === 'time') return context.defer(wait, then);
    const args = plan.backoffToMs === null ? wait.args : { ...wait.args, backoffToMs: plan.backoffToMs };
    return context.defer({ firstCheckAt: now + intervalMs, intervalMs, ...wait, args } as BuiltInWait, then);
  }

  private timedOut({ timeoutMs }: Plan): Error {
    const message = `what it waits for did not come within its timeout of ${timeoutMs / 1000} s`;
    return (this.options as SensorOptions).softFail ? new SkipError(message) : new FailError(message);
  }
}

interface Plan {
  readonly deferrable: boolean;
  readonly reschedule: boolean;
  readonly timeoutMs: number;
  readonly deadline: number;
  /** How many times the try has looked in earlier pieces. */
  readonly looks: number;
  readonly backoffToMs: number | null;
  /** After the look of this number, from 0. */
  delayMs(look: number): number;
}

const timeOf = (wait: BuiltInWait | Trigger | null): number | null =>
  wait !== null && !isTrigger(wait) && wait.kind === 'time' ? wait.args.at : null;
