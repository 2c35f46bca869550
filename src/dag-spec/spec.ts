/**
 * The serialized form of a DAG: what the DAG processor stores and everything else reads. Plain JSON, canonical
 * (see canonical.ts): two files that mean the same give the same bytes, so that no version is made for nothing.
 * Holds no function, no absolute path and no version of thence.
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

/** When runs are due. Built by `timetableOf(spec)` in src/timetables. Durations are ISO 8601, so that months stay months. */
export type TimetableSpec =
  | { readonly kind: 'null' }
  | { readonly kind: 'once' }
  | { readonly kind: 'cron-data-interval'; readonly expression: string; readonly timezone: string }
  | { readonly kind: 'delta-data-interval'; readonly delta: string; readonly timezone: string };

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
  readonly catchup: boolean;
  readonly maxActiveRuns: number;
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
  /** Between tasks; group ends are resolved. Sorted by (from, to). */
  readonly edges: readonly EdgeSpec[];
}

export interface TaskSpec {
  readonly id: string;
  /** Innermost group's id. */
  readonly group: string | null;
  /** Class name, for people: 'BashOperator'. */
  readonly operator: string;
  /** empty: succeeds without an attempt · branch: its output names what follows · task: everything else. */
  readonly kind: 'task' | 'empty' | 'branch';
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
  readonly weightRule: WeightRule;
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
}

export interface GroupSpec {
  /** With the prefix of the groups around it: 'outer.inner'. */
  readonly id: string;
  readonly parent: string | null;
  readonly doc: string | null;
}

export interface EdgeSpec {
  readonly from: string;
  readonly to: string;
  readonly label: string | null;
}
