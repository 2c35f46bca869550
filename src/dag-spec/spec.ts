/**
 * The serialized form of a DAG: what the DAG processor stores and everything else reads. Plain JSON, canonical
 * (see canonical.ts): two files that mean the same give the same bytes, so that no version is made for nothing.
 * Holds no function, no absolute path and no version of thence.
 *
 * Optional fields are left out at their default, so that specs which were stored before a field existed stay readable, and a DAG that
 * does not use it keeps its hash.
 */
import type { JsonObject, JsonValue } from '../core/json';

export const SPEC_FORMAT = 1;

export const TRIGGER_RULES = [
  'all_success',
  'all_failed',
  'all_done',
  'all_done_min_one_success',
  'all_done_setup_success',
  'all_skipped',
  'one_success',
  'one_failed',
  'one_done',
  'none_failed',
  'none_failed_min_one_success',
  'none_skipped',
  'always',
] as const;
export type TriggerRule = (typeof TRIGGER_RULES)[number];

export const WEIGHT_RULES = ['downstream', 'upstream', 'absolute'] as const;
export type WeightRule = (typeof WEIGHT_RULES)[number];

/** What a wall-clock time means when the clocks change. */
export interface DstPolicy {
  /** A time that does not come that day. forward: moved on by as much as the clocks are · skip: no run. */
  readonly gap: 'forward' | 'skip';
  /** A time that comes twice. */
  readonly overlap: 'second' | 'first' | 'both';
}

/** Which days are worked. */
export interface CalendarSpec {
  /** 'YYYY-MM-DD', or 'MM-DD' for every year. Sorted. */
  readonly holidays: readonly string[];
  /** 1 Monday … 7 Sunday, sorted. Absent: Saturday and Sunday. */
  readonly weekend?: readonly number[];
}

export const BUSINESS_PERIODS = ['week', 'month', 'quarter', 'year'] as const;
export type BusinessPeriod = (typeof BUSINESS_PERIODS)[number];

/** Points in time, whatever they mean. Built by `ticksOf(spec)` in src/timetables. Time zones are IANA names. */
export type TickSpec =
  | { readonly kind: 'cron'; readonly expression: string; readonly timezone: string; readonly dst?: Partial<DstPolicy> }
  /** From startDate. */
  | { readonly kind: 'delta'; readonly delta: string; readonly timezone: string }
  | {
      readonly kind: 'workdays';
      readonly of: TickSpec;
      readonly calendar: CalendarSpec;
      /** Where a tick goes that falls on a day that is not worked. Absent: nowhere. */
      readonly onHoliday?: 'next' | 'previous';
      readonly timezone: string;
      readonly dst?: Partial<DstPolicy>;
    }
  | {
      readonly kind: 'nth-business-day';
      /** From 1; -1 is the last. */
      readonly n: number;
      readonly of: BusinessPeriod;
      /** 'HH:mm' or 'HH:mm:ss' */
      readonly at: string;
      readonly calendar: CalendarSpec;
      readonly timezone: string;
      readonly dst?: Partial<DstPolicy>;
    }
  /** Not on these days: 'YYYY-MM-DD' or 'MM-DD', sorted. */
  | { readonly kind: 'except'; readonly of: TickSpec; readonly days: readonly string[]; readonly timezone: string }
  | { readonly kind: 'union'; readonly of: readonly TickSpec[] };

/** When runs are due. Built by `timetableOf(spec)` in src/timetables. Durations are ISO 8601, so that months stay months. */
export type TimetableSpec =
  | { readonly kind: 'null' }
  | { readonly kind: 'once' }
  /** The next run begins when the one before has ended. */
  | { readonly kind: 'continuous' }
  | { readonly kind: 'cron-data-interval'; readonly expression: string; readonly timezone: string; readonly dst?: Partial<DstPolicy> }
  | { readonly kind: 'delta-data-interval'; readonly delta: string; readonly timezone: string }
  /** Runs stand for the time from one tick to the next. */
  | { readonly kind: 'data-interval'; readonly ticks: TickSpec }
  /** Runs come at the ticks; their data interval is empty, or the `interval` before the tick. */
  | {
      readonly kind: 'trigger';
      readonly ticks: TickSpec;
      readonly interval?: string;
      /** The very first run of a DAG without startDate. true: the tick that has just passed, else only when it is no older than this. */
      readonly runImmediately?: true | string;
    }
  | {
      readonly kind: 'events';
      /** ISO 8601 in UTC, sorted, without duplicates. Never empty. */
      readonly dates: readonly string[];
      /** In which people read them. */
      readonly timezone: string;
      /** A run triggered by hand takes the date of the last event. */
      readonly restrictToEvents?: true;
      readonly description?: string;
    }
  /** A Timetable class of the DAG file: only a process for user code can answer for it. */
  | { readonly kind: 'custom'; readonly className: string; readonly summary: string; readonly description: string };

/** Which runs are made up for whose time passed while the DAG was paused or no scheduler ran. */
export type MissedRunsSpec = 'none' | { readonly window: string };

export const MAX_ACTIVE_RUNS_POLICIES = ['queue', 'skip', 'fail'] as const;
export type MaxActiveRunsPolicy = (typeof MAX_ACTIVE_RUNS_POLICIES)[number];

export interface DagSpec {
  readonly format: typeof SPEC_FORMAT;
  readonly dagId: string;
  readonly description: string | null;
  readonly docMd: string | null;
  readonly owner: string | null;
  /** Sorted, without duplicates. */
  readonly tags: readonly string[];
  /** IANA name. */
  readonly timezone: string;
  readonly timetable: TimetableSpec;
  /** ISO 8601 in UTC, or null. */
  readonly startDate: string | null;
  readonly endDate: string | null;
  /** All missed runs are made up for; false: only the newest, unless `missedRuns` says otherwise. */
  readonly catchup: boolean;
  readonly missedRuns?: MissedRunsSpec;
  readonly maxActiveRuns: number;
  /** What becomes of a scheduled run that is due while maxActiveRuns is reached. Absent: 'queue', it waits. */
  readonly onMaxActiveRuns?: Exclude<MaxActiveRunsPolicy, 'queue'>;
  /** Per run. */
  readonly maxActiveTasks: number;
  /** null: as configured. */
  readonly pausedUponCreation: boolean | null;
  readonly rerunWithLatestVersion: boolean;
  /** JSON Schema 2020-12 of type object, with defaults; null when the DAG has no params. */
  readonly params: JsonObject | null;
  /** In the order in which the file made them. */
  readonly tasks: readonly TaskSpec[];
  readonly groups: readonly GroupSpec[];
  /** Over all runs of the DAG together. Absent: no limit. */
  readonly maxActiveTasksPerDag?: number;
  /** So many failed runs in a row pause the DAG. Absent: never. */
  readonly maxConsecutiveFailedRuns?: number;
  readonly dagrunTimeoutMs?: number;
  readonly failFast?: true;
  readonly runRetries?: number;
  /** Absent: at once. */
  readonly runRetryDelayMs?: number;
  /** Which callbacks the file gives. */
  readonly callbacks?: readonly RunEvent[];
  /** When a run should have ended; each has its callbacks in the file, at the same place of the option. */
  readonly deadlines?: readonly DeadlineSpec[];
  /** Between tasks; group ends are resolved. Sorted by (from, to). */
  readonly edges: readonly EdgeSpec[];
}

export interface TaskSpec {
  readonly id: string;
  /** Innermost group's id. */
  readonly group: string | null;
  /** Class name, for people: 'BashOperator'. */
  readonly operator: string;
  /**
   * empty: succeeds without an attempt · branch: its output names which of its direct downstream follow · short_circuit: when it closes,
   * nothing follows · task: everything else.
   */
  readonly kind: TaskKind;
  /** Of a short circuit: also tasks further down are skipped, whatever their trigger rules. Absent: only those directly below. */
  readonly ignoreDownstreamTriggerRules?: true;
  readonly triggerRule: TriggerRule;
  readonly retries: number;
  /** One per retry, the last one for all further retries. Never empty. */
  readonly retryDelaysMs: readonly number[];
  readonly retryExponentialBackoff: boolean;
  readonly maxRetryDelayMs: number | null;
  readonly executionTimeoutMs: number | null;
  readonly pool: string;
  readonly poolSlots: number;
  readonly priorityWeight: number;
  /** custom: the DAG's own strategy, asked when the DAG was stored; `customWeight` is what it said. */
  readonly weightRule: WeightRule | 'custom';
  readonly customWeight?: number;
  readonly queue: string;
  /** Name of the executor; null is the default one. */
  readonly executor: string | null;
  readonly isolation: 'warm' | 'fresh';
  readonly memoryMb: number | null;
  readonly rerunWhenLost: boolean;
  /** Input name → the upstream task id, or the list of them. */
  readonly inputs: { readonly [name: string]: string | readonly string[] };
  /** Options that hold templates, in the order of the class. */
  readonly templateFields: readonly string[];
  /** The operator's own options that are JSON (what the code page and the details show); functions are left out. */
  readonly options: { readonly [name: string]: JsonValue };
  readonly owner: string | null;
  /** Markdown. */
  readonly doc: string | null;
  readonly dependsOnPast?: true;
  /** Implies dependsOnPast. */
  readonly waitForDownstream?: true;
  /** Over all runs of the DAG together. */
  readonly maxActiveTisPerDag?: number;
  readonly maxActiveTisPerDagRun?: number;
  readonly setup?: true;
  readonly teardown?: { readonly onFailureFailDagrun: boolean };
  /** What the task is mapped over. */
  readonly expand?: ExpandSpec;
  /** Template for the label of a mapped instance. */
  readonly mapIndexTemplate?: string;
  /** Which callbacks the file gives. */
  readonly callbacks?: readonly TaskEvent[];
  /** What the task reads and writes, for lineage: as the file wrote it. */
  readonly inlets?: readonly JsonValue[];
  readonly outlets?: readonly JsonValue[];
}

export const DEADLINE_REFERENCES = ['runAfter', 'queuedAt', 'startDate', 'logicalDate'] as const;

/**
 * by: at the first such time of the day (HH:MM) after the run's run_after, in the DAG's zone · after: so long after a moment of the run ·
 * usual: when it takes `factor` times as long as the last runs that succeeded did on average; not told before there are `minRuns` of them.
 */
export type DeadlineSpec = { readonly name: string | null } & (
  | { readonly kind: 'by'; readonly time: string }
  | { readonly kind: 'after'; readonly ms: number; readonly from: (typeof DEADLINE_REFERENCES)[number] }
  | { readonly kind: 'usual'; readonly factor: number; readonly runs: number; readonly minRuns: number }
);

export type TaskKind = 'task' | 'empty' | 'branch' | 'short_circuit';

export const TASK_EVENTS = ['execute', 'success', 'failure', 'retry', 'skipped'] as const;
/** A callback of a task: `onExecute`, `onSuccess` … */
export type TaskEvent = (typeof TASK_EVENTS)[number];
export const RUN_EVENTS = ['success', 'failure'] as const;
export type RunEvent = (typeof RUN_EVENTS)[number];

/** Map indexes count through the combinations of a product, the last key fastest; a zip pairs the elements. */
export interface ExpandSpec {
  readonly kind: 'product' | 'zip';
  /** In the order of the file. Never empty. */
  readonly keys: readonly ExpandKeySpec[];
  /** More instances than this fail the task. Absent: 1024. */
  readonly maxMapLength?: number;
}

export interface ExpandKeySpec {
  readonly name: string;
  /** input: `context.inputs[name]` is the element · option: `this.options[name]` is. */
  readonly target: 'input' | 'option';
  /** A literal's elements stay in the code; only how many there are is known here. */
  readonly source: { readonly kind: 'literal'; readonly length: number } | { readonly kind: 'task'; readonly taskId: string };
}

export const DEFAULT_MAX_MAP_LENGTH = 1024;

export interface GroupSpec {
  /** With the prefix of the groups around it: 'outer.inner'. */
  readonly id: string;
  readonly parent: string | null;
  readonly doc: string | null;
  /** A mapped group: each of its tasks has one instance per element, and depends on those of its own index inside the group. */
  readonly expand?: ExpandSpec;
}

export interface EdgeSpec {
  readonly from: string;
  readonly to: string;
  readonly label: string | null;
}
