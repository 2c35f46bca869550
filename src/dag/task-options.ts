/** Options of every task: raw → over those of the groups and the DAG → checked → frozen. */
import { durationToMs } from '../core/duration';
import { TRIGGER_RULES, WEIGHT_RULES } from '../dag-spec/spec';
import {
  boolean,
  checkOptions,
  duration,
  func,
  given,
  integer,
  listOf,
  name,
  oneOf,
  text,
  type Check,
  type Checks,
  type Owner,
} from './option-checks';
import type { TaskOptions } from './types';

const INT32 = 2_147_483_647;
const listOfDurations = listOf(duration);
const oneOrMoreDurations: Check = (value) =>
  !Array.isArray(value) ? duration(value) : value.length === 0 ? 'a duration, or a list of at least one' : listOfDurations(value);
const positiveDuration: Check = (value) => duration(value) ?? (durationToMs(value, '') > 0 ? null : 'a duration longer than 0');
const resources: Check = (value) => {
  const { memoryMb, ...others } = (value ?? {}) as { memoryMb?: unknown };
  const good = typeof value === 'object' && Object.keys(others).length === 0 && (memoryMb === undefined || integer(16)(memoryMb) === null);
  return good ? null : '{ memoryMb }, a whole number from 16';
};

const checks: { readonly [Option in keyof Required<TaskOptions>]: Check } = {
  retries: integer(0, 1_000_000),
  retryDelay: oneOrMoreDurations,
  retryExponentialBackoff: boolean,
  maxRetryDelay: duration,
  retryWhen: func,
  executionTimeout: positiveDuration,
  triggerRule: oneOf(...TRIGGER_RULES),
  pool: name,
  poolSlots: integer(1, INT32),
  priorityWeight: integer(-INT32 - 1, INT32),
  weightRule: oneOf(...WEIGHT_RULES),
  queue: name,
  executor: name,
  isolation: oneOf('warm', 'fresh'),
  resources,
  rerunWhenLost: boolean,
  doc: text,
  owner: text,
};
const taskChecks: Checks = checks;
const wiringNames = ['dag', 'group', 'inputs'];
export const TASK_OPTION_NAMES: readonly string[] = Object.keys(checks);

/**
 * @param defaults outermost first: the DAG's defaultArgs, then those of the groups
 * @param ownNames names of the operator's own options; null when its class does not say
 */
export function resolveTaskOptions(
  raw: object,
  defaults: readonly object[],
  owner: Owner,
  ownNames: readonly string[] | null,
): Readonly<TaskOptions> {
  checkOptions(given(raw), owner, taskChecks, ownNames && [...TASK_OPTION_NAMES, ...wiringNames, ...ownNames]);
  return Object.freeze(Object.assign({}, ...defaults.map(given), given(raw)) as TaskOptions);
}

/** `defaultArgs` of a DAG or a group. */
export function checkDefaultArgs(defaultArgs: unknown, owner: Owner): object {
  if (defaultArgs === undefined) return {};
  checkOptions(given(defaultArgs as object), () => `\`defaultArgs\` of ${owner()}`, taskChecks, TASK_OPTION_NAMES);
  return Object.freeze({ ...given(defaultArgs as object) });
}
