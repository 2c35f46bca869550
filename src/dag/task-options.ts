/** Options of every task: raw → over those of the groups and the DAG → checked → frozen. */
import { isDeepStrictEqual } from 'node:util';
import { ThenceError } from '../core/errors';
import { TRIGGER_RULES, WEIGHT_RULES } from '../dag-spec/spec';
import { callbacks } from './callbacks';
import { MOST_INSTANCES } from './expand';
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
  positiveDuration,
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
const resources: Check = (value) => {
  const { memoryMb, ...others } = (value ?? {}) as { memoryMb?: unknown };
  const good = typeof value === 'object' && Object.keys(others).length === 0 && (memoryMb === undefined || integer(16)(memoryMb) === null);
  return good ? null : '{ memoryMb }, a whole number from 16';
};

const weightRule: Check = (value) => {
  const wanted = typeof value === 'function' ? null : oneOf(...WEIGHT_RULES)(value);
  return wanted && `${wanted}, or a function that returns the weight`;
};
const jsonList = listOf((value) => (isJson(value) ? null : 'JSON: a string, a number, a boolean, null, a list or a plain object'));
const isJson = (value: unknown): boolean => {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text !== undefined && isDeepStrictEqual(JSON.parse(text), value);
  } catch {
    return false;
  }
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
  weightRule,
  queue: name,
  executor: name,
  isolation: oneOf('warm', 'fresh'),
  resources,
  rerunWhenLost: boolean,
  dependsOnPast: boolean,
  waitForDownstream: boolean,
  maxActiveTisPerDag: integer(1, INT32),
  maxActiveTisPerDagRun: integer(1, INT32),
  onExecute: callbacks,
  onSuccess: callbacks,
  onFailure: callbacks,
  onRetry: callbacks,
  onSkipped: callbacks,
  inlets: jsonList,
  outlets: jsonList,
  outputs: jsonList,
  maxMapLength: integer(1, MOST_INSTANCES),
  mapIndexTemplate: text,
  doc: text,
  owner: text,
};
const taskChecks: Checks = checks;
const wiringNames = ['dag', 'group', 'inputs', 'expand', 'expandZip'];
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
  return Object.freeze(Object.assign({}, ...defaults.map(given), oneNameForOutlets(given(raw), owner)) as TaskOptions);
}

/** `defaultArgs` of a DAG or a group. */
export function checkDefaultArgs(defaultArgs: unknown, owner: Owner): object {
  if (defaultArgs === undefined) return {};
  checkOptions(given(defaultArgs as object), () => `\`defaultArgs\` of ${owner()}`, taskChecks, TASK_OPTION_NAMES);
  return Object.freeze({ ...oneNameForOutlets(given(defaultArgs as object), owner) });
}

/** `outputs` is another name of `outlets`. */
function oneNameForOutlets<T extends TaskOptions>(options: T, owner: Owner): T {
  const { outputs, ...others } = options;
  if (outputs === undefined) return options;
  if (others.outlets !== undefined)
    throw new ThenceError('DAG_FILE', `${owner()} has both \`outlets\` and \`outputs\`, which are the same: give one of them`);
  return { ...others, outlets: outputs } as T;
}
