/** The types of data passing and of options. Nothing here exists at run time. */
import type { DateTime, DurationLike } from 'luxon';
import type { DurationInput } from '../core/duration';
import type { JsonValue } from '../core/json';
import type { TriggerRule, WeightRule } from '../dag-spec/spec';
import type { CallbackContext, TaskCallbackContext, TaskContext } from './context';
import type { DAG } from './dag';
import type { DeadlineOptions } from './deadlines';
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

/** An upstream's output as it arrives: after JSON. Of a mapped task: the list of the outputs of its instances, in their order. */
export type InputValue<T> =
  T extends Ref<infer Output, infer Mapped>
    ? [Mapped] extends [never]
      ? Jsonify<Output>
      : Jsonify<Output>[]
    : T extends readonly unknown[]
      ? { -readonly [I in keyof T]: InputValue<T[I]> }
      : never;

/** What `expand` walks over: a literal as it stands in the file, or what a task gives, after JSON. */
type Source<T> = T extends Ref ? InputValue<T> : T;
type ElementOf<List> = unknown extends List
  ? List
  : [List] extends [readonly (infer Item)[]]
    ? Item extends Ref
      ? InputValue<Item>
      : Item
    : [key: string, value: List[keyof List]];
/** Seen through `expand`: one element of a list, one [key, value] of an object, the output of one instance of a mapped task. */
export type Element<T> = ElementOf<Source<T>>;
/** What may be given to `expand`, by name. */
export type Expansion = Readonly<Record<string, unknown>>;
/** Replaces the type of a key that cannot be expanded by the sentence that says so. */
export type Expandable<E> = {
  [K in keyof E]: unknown extends Source<E[K]>
    ? E[K]
    : [Source<E[K]>] extends [object]
      ? E[K]
      : 'expand takes a list, an object, or a task that always returns one';
};

/**
 * `context.inputs`. A trigger rule other than all_success may run a task without an upstream's output: `| undefined`.
 * What the task or a group around it is expanded over (E) is always there.
 */
export type InputValues<I, Rule extends TriggerRule, E = {}> = Flat<{
  -readonly [K in keyof I | keyof E]: K extends keyof E
    ? Element<E[K]>
    : K extends keyof I
      ? InputValue<I[K]> | ([Rule] extends ['all_success'] ? never : undefined)
      : never;
}>;
type Flat<T> = { [K in keyof T]: T[K] } & {}; // makes the compiler show the members instead of the name

/** Where a task or group lives. A union, so that one with neither is a compile error. */
export type Home<Params = AnyParams, Expanded = AnyParams> =
  { dag: DAG<Params>; group?: undefined } | { group: TaskGroup<Params, Expanded>; dag?: undefined };
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
  /** Whose weights are added to the task's own; or a function that gives the weight. @default 'downstream' */
  weightRule?: WeightRule | ((task: WeightInfo) => number);
  /** @default 'default' */
  queue?: string;
  /** Name of the executor, where several run. @default the first one */
  executor?: string;
  /** 'fresh': a new process for each try, for code that leaks. @default 'warm' */
  isolation?: 'warm' | 'fresh';
  resources?: { memoryMb?: number };
  /** A try that was lost by a crash of thence's own starts again without using up `retries`. @default true */
  rerunWhenLost?: boolean;
  /** Waits until this task has succeeded, or was skipped, in the run before. @default false */
  dependsOnPast?: boolean;
  /** Waits also for the tasks right after it in the run before; implies dependsOnPast. @default false */
  waitForDownstream?: boolean;
  /** At once, over all runs of the DAG together. @default no limit */
  maxActiveTisPerDag?: number;
  /** Instances of a mapped task at once in one run. @default no limit */
  maxActiveTisPerDagRun?: number;
  /** Called in the task's own process before each try. What it throws is logged, and the try goes on. */
  onExecute?: TaskCallbacks;
  onSuccess?: TaskCallbacks;
  /** The task failed for good. */
  onFailure?: TaskCallbacks;
  /** A try failed, and there will be another one. */
  onRetry?: TaskCallbacks;
  /** The task skipped itself; not when a rule or a branch skips it. */
  onSkipped?: TaskCallbacks;
  /** What the task reads, for lineage: any JSON. Stored and shown. */
  inlets?: readonly JsonValue[];
  /** What the task writes, for lineage: any JSON. Stored and shown. */
  outlets?: readonly JsonValue[];
  /** The same as `outlets`. */
  outputs?: readonly JsonValue[];
  /** A mapped task of more instances than this fails. @default 1024 */
  maxMapLength?: number;
  /** Template for the label of a mapped instance, such as '{{ inputs.file }}'; `output` is what the instance returned. */
  mapIndexTemplate?: string;
  /** Markdown. */
  doc?: string;
  owner?: string;
}

/** A function, or an object with `notify(context)` such as a Notifier. */
export type Callback<Context> = ((context: Context) => unknown) | { notify(context: Context): unknown };
export type TaskCallbacks = Callback<TaskCallbackContext> | readonly Callback<TaskCallbackContext>[];
export type RunCallbacks = Callback<CallbackContext> | readonly Callback<CallbackContext>[];

/** What a weight is made of. */
export interface WeightInfo {
  readonly id: string;
  /** Class name: 'BashOperator'. */
  readonly operator: string;
  readonly group: string | null;
  readonly priorityWeight: number;
  readonly pool: string;
  readonly queue: string;
  /** Ids of the tasks right before and right after it. */
  readonly upstream: readonly string[];
  readonly downstream: readonly string[];
  /** All of them, at any distance. */
  readonly ancestors: readonly string[];
  readonly descendants: readonly string[];
}

/** Values for an operator's option: a list or object of them, a task that returns one, or a mapped task. */
type OptionSource<V> = readonly V[] | Ref<readonly V[], never> | Ref<V, string>;
type ExpandOf<Own, Mapped extends string> = {
  [K in Mapped]: K extends keyof Own ? OptionSource<Exclude<Own[K], undefined>> : 'this operator has no such option';
};

/** The second argument of an operator's constructor: its own options, those of every task, and where it lives. */
export type OperatorOptions<Own extends object = object, Mapped extends string = never> = Home &
  TaskOptions &
  Omit<Own, Mapped> & {
    inputs?: Inputs;
    /** One instance per element (per combination, the last key varying fastest): option → its values. */
    expand?: ExpandOf<Own, Mapped>;
    /** As `expand`, but the elements are paired. */
    expandZip?: ExpandOf<Own, Mapped>;
  } & ([Mapped] extends [never] ? NotMapped : {});
/** Of classes that do not hand on a `Mapped`: without this any `expand` would do. */
interface NotMapped {
  expand?: undefined;
  expandZip?: undefined;
}

/** Options of a task that runs a function. */
export interface DataOptions<I, Rule extends TriggerRule> extends TaskOptions<Rule> {
  /** Upstream tasks by name: each implies an edge, and its output stands in `context.inputs` under that name. */
  inputs?: I;
}

/** Options of a task that runs a function and may be mapped. */
export interface MappedDataOptions<I, Rule extends TriggerRule, E> extends DataOptions<I, Rule> {
  /** One instance per element (per combination, the last key varying fastest), which stands in `context.inputs`. */
  expand?: Expandable<E>;
  /** As `expand`, but the elements are paired. */
  expandZip?: Expandable<E>;
}

export type Run<Result, Params, I, Rule extends TriggerRule, E = {}> = (context: TaskContext<Params, InputValues<I, Rule, E>>) => Result;

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
  /** Tasks at once over all runs together. @default no limit */
  maxActiveTasksPerDag?: number;
  /** So many failed runs in a row pause the DAG. @default 0: never */
  maxConsecutiveFailedRuns?: number;
  /** A run that takes longer fails. */
  dagrunTimeout?: DurationInput;
  /** The first task that fails ends the run: what runs is stopped, what has not begun is skipped. @default false */
  failFast?: boolean;
  /** Called when a run has succeeded. */
  onSuccess?: RunCallbacks;
  /** Called when a run has failed for good. */
  onFailure?: RunCallbacks;
  /** When a run should have ended, and whom to tell when it has not. The run goes on. */
  deadline?: DeadlineOptions | readonly DeadlineOptions[];
  /** How often a run that failed starts again with its failed tasks. @default 0 */
  runRetries?: number;
  /** @default at once */
  runRetryDelay?: DurationInput;
  /** Files that travel with the code, in patterns as in a .gitignore, relative to the DAG file: ['sql/*.sql']. */
  files?: readonly string[];
  /** For every task that does not say otherwise. */
  defaultArgs?: TaskOptions;
  /** What a run may be given: a schema of type object (Standard Schema, such as zod's, or JSON Schema). */
  params?: ParamsSchema<Params> | JsonSchema;
  tags?: readonly string[];
  description?: string;
  /** Markdown; or the name of a .md file beside the DAG file. */
  docMd?: string;
  owner?: string;
  /** @default as configured (true) */
  pausedUponCreation?: boolean;
  /** A cleared run takes the newest code. @default true */
  rerunWithLatestVersion?: boolean;
}
