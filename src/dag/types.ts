/** The types of data passing and of options. Nothing here exists at run time. */
import type { DateTime, DurationLike } from 'luxon';
import type { DurationInput } from '../core/duration';
import type { TriggerRule, WeightRule } from '../dag-spec/spec';
import type { TaskContext } from './context';
import type { DAG } from './dag';
import type { Jsonify } from './jsonify';
import type { TaskGroup } from './task-group';
import type { Timetable } from './timetable';

/** An ISO 8601 string (without an offset: in the DAG's time zone), a Date, or a luxon DateTime. */
export type DateInput = string | Date | DateTime;

/**
 * What a task will have produced. Tasks are Refs; so is `task.output`, which has no `then` and may leave an async function.
 * `Mapped` holds the keys that a task is expanded over (`never`: it has one instance). The '~' properties exist in types only.
 */
export interface Ref<out Output = unknown, out Mapped extends string = string> {
  readonly id: string;
  readonly '~output': Output;
  readonly '~mapped': Mapped;
}

/** An input is a task, or a list of tasks (made in a loop). */
export type Inputs = Readonly<Record<string, Ref | readonly Ref[]>>;

/** An upstream's output as it arrives: after JSON. */
export type InputValue<T> =
  T extends Ref<infer Output> ? Jsonify<Output> : T extends readonly unknown[] ? { -readonly [I in keyof T]: InputValue<T[I]> } : never;

/** `context.inputs`. A trigger rule other than all_success may run a task without an upstream's output: `| undefined`. */
export type InputValues<I, Rule extends TriggerRule> = Flat<{
  -readonly [K in keyof I]: InputValue<I[K]> | ([Rule] extends ['all_success'] ? never : undefined);
}>;
type Flat<T> = { [K in keyof T]: T[K] } & {}; // makes the compiler show the members instead of the name

/** Where a task or group lives. A union, so that one with neither is a compile error. */
export type Home<Params = AnyParams> = { dag: DAG<Params>; group?: undefined } | { group: TaskGroup<Params>; dag?: undefined };
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a DAG with any params will do; `unknown` would refuse them all
export type AnyParams = any;

/** The options of every task, whatever its operator. */
export interface TaskOptions<Rule extends TriggerRule = TriggerRule> {
  /** Further tries after the first one fails. @default 0 */
  retries?: number;
  /** A duration, or one per retry, the last of them for all further ones. @default 5 minutes */
  retryDelay?: DurationInput | readonly DurationInput[];
  /** Doubles the delay with each retry. @default false */
  retryExponentialBackoff?: boolean;
  /** The longest delay that doubling may reach. */
  maxRetryDelay?: DurationInput;
  /** Asked with what the task threw; false fails it at once. @default all but FailError are tried again */
  retryWhen?: (error: unknown) => boolean;
  /** A try that takes longer is stopped and fails. */
  executionTimeout?: DurationInput;
  /** What has to have become of the upstream tasks. @default 'all_success' */
  triggerRule?: Rule;
  /** @default 'default_pool' */
  pool?: string;
  /** How many slots of its pool a try takes. @default 1 */
  poolSlots?: number;
  /** Larger begins first where slots are scarce. @default 1 */
  priorityWeight?: number;
  /** Whose weights are added to the task's own. @default 'downstream' */
  weightRule?: WeightRule;
  /** @default 'default' */
  queue?: string;
  /** Name of the executor, where several run. @default the first one */
  executor?: string;
  /** 'fresh': a new process for each try, for code that leaks. @default 'warm' */
  isolation?: 'warm' | 'fresh';
  resources?: { memoryMb?: number };
  /** A try that was lost by a crash of thence's own starts again without using up `retries`. @default true */
  rerunWhenLost?: boolean;
  /** Markdown. */
  doc?: string;
  owner?: string;
}

/** The second argument of an operator's constructor: its own options, those of every task, and where it lives. */
export type OperatorOptions<Own extends object = object, Mapped extends string = never> = Home &
  TaskOptions &
  Omit<Own, Mapped> & { inputs?: Inputs };

/** Options of a task that runs a function. */
export interface DataOptions<I, Rule extends TriggerRule> extends TaskOptions<Rule> {
  /** Upstream tasks by name: each implies an edge, and its output stands in `context.inputs` under that name. */
  inputs?: I;
}

export type Run<Result, Params, I, Rule extends TriggerRule> = (context: TaskContext<Params, InputValues<I, Rule>>) => Result;

/** Any schema library that speaks Standard Schema, such as zod >= 3.24: no library is named, so that the user's own copy fits. */
export interface ParamsSchema<Params> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: unknown; readonly output: Params } | undefined;
  };
}
export interface JsonSchema {
  readonly type: 'object';
  readonly [keyword: string]: unknown;
}

/** A cron string, a preset (`@daily`), '@once', '@continuous', a duration, a timetable, or null for a DAG that is only triggered. */
export type Schedule = string | DurationLike | Timetable | null;

export interface DagOptions<Params = Record<string, unknown>> {
  /** @default null: runs are triggered by hand */
  schedule?: Schedule;
  /** The first data interval begins here or later. Needed with `catchup`. */
  startDate?: DateInput;
  /** No run whose logical date is later. */
  endDate?: DateInput;
  /** IANA name: what cron and dates without an offset mean. @default 'UTC' */
  timezone?: string;
  /** Make all runs since startDate, not only the newest. @default false */
  catchup?: boolean;
  /**
   * Which runs are made up for that should have come while the DAG was paused, or no scheduler ran: none (a run that is late by less than a
   * tenth of the time between two runs, or five minutes, is not missed), the last one, all since startDate, or those of the last so many
   * hours or days. @default 'all' with `catchup: true`, else 'last'
   */
  missedRuns?: 'none' | 'last' | 'all' | { window: DurationInput };
  /** @default 16; with `@continuous` it is 1 */
  maxActiveRuns?: number;
  /** What becomes of a scheduled run that is due while maxActiveRuns is reached: it waits, is left out, or is made as a failed one. @default 'queue' */
  onMaxActiveRuns?: 'queue' | 'skip' | 'fail';
  /** Tasks at once in one run. @default 16 */
  maxActiveTasks?: number;
  /** For every task that does not say otherwise. */
  defaultArgs?: TaskOptions;
  /** What a run may be given: a schema of type object (Standard Schema, such as zod's, or JSON Schema). */
  params?: ParamsSchema<Params> | JsonSchema;
  tags?: readonly string[];
  description?: string;
  /** Markdown. */
  docMd?: string;
  owner?: string;
  /** @default as configured (true) */
  pausedUponCreation?: boolean;
  /** A cleared run takes the newest code. @default true */
  rerunWithLatestVersion?: boolean;
}
