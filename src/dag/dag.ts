import { closeNames } from '../core/did-you-mean';
import { BRAND, type Brand } from './brand';
import { Graph } from './graph';
import { checkId } from './ids';
import { captureSite, madeAt, siteText, type Site } from './location';
import { MAX_ACTIVE_RUNS_POLICIES } from '../dag-spec/spec';
import { callbacks } from './callbacks';
import { boolean, checkOptions, duration, given, integer, listOf, name, oneOf, positiveDuration, text, type Check } from './option-checks';
import { checkOpen, registerDag } from './registry';
import { makeTaskFactory, type TaskFactory } from './task-factory';
import { TASK_OPTION_NAMES, checkDefaultArgs } from './task-options';
import type { DagOptions } from './types';

const later: Check = () => null; // checked when the DAG is serialized, by the libraries that know
const object: Check = (value) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'an object');

const schema: Check = (value) =>
  object(value) === null || (typeof value === 'function' && '~standard' in value)
    ? null
    : 'a schema of an object: of zod or another Standard Schema library, or JSON Schema';

const missedRuns: Check = (value) => {
  const { window, ...rest } = (object(value) === null ? value : {}) as { window?: unknown };
  const isWindow = Object.keys(rest).length === 0 && duration(window) === null;
  return ['none', 'last', 'all'].includes(value as string) || isWindow ? null : "'none', 'last', 'all', or { window: a duration }";
};

const checks: { readonly [Option in keyof Required<DagOptions>]: Check } = {
  schedule: later,
  startDate: later,
  endDate: later,
  timezone: text,
  catchup: boolean,
  missedRuns,
  maxActiveRuns: integer(1, 1_000_000),
  onMaxActiveRuns: oneOf(...MAX_ACTIVE_RUNS_POLICIES),
  maxActiveTasks: integer(1, 1_000_000),
  maxActiveTasksPerDag: integer(1, 1_000_000),
  maxConsecutiveFailedRuns: integer(0, 1_000_000),
  dagrunTimeout: positiveDuration,
  failFast: boolean,
  onSuccess: callbacks,
  onFailure: callbacks,
  deadline: later,
  runRetries: integer(0, 1_000_000),
  runRetryDelay: duration,
  files: listOf(name),
  defaultArgs: object,
  params: schema,
  tags: listOf((tag) => (typeof tag === 'string' && /^.{1,100}$/.test(tag) ? null : 'a string of 1 to 100 characters')),
  description: text,
  docMd: text,
  owner: name,
  pausedUponCreation: boolean,
  rerunWithLatestVersion: boolean,
};

/** `new DAG(…, { retries: 3 })` means all of its tasks. */
const ofTasks = (written: string): string => {
  const [name] = closeNames(written, TASK_OPTION_NAMES);
  return name === undefined ? '' : `; \`${name}\` is an option of tasks: \`defaultArgs: { ${name}: … }\` gives it to all of the DAG`;
};

export const DAG_OPTION_NAMES: readonly string[] = Object.keys(checks);

/** A workflow: tasks, their order, and when it runs. Making one is enough, no export is needed. */
export class DAG<Params = Record<string, unknown>> extends Graph {
  declare readonly '~params': Params;
  get [BRAND](): Brand {
    return 'dag';
  }
  /** Frozen, as the file gave them. */
  readonly options: Readonly<DagOptions<Params>>;
  readonly defaultArgs: object;
  /** Sugar for `new FunctionOperator(id, { dag, …options, run })`. */
  readonly task: TaskFactory<Params> = makeTaskFactory<Params>({ dag: this as DAG<unknown> });
  private readonly site: Site;

  constructor(
    readonly id: string,
    options: DagOptions<Params> = {},
  ) {
    super();
    this.site = captureSite(new.target);
    const owner = (): string => `DAG "${id}"${madeAt(this)}`;
    checkOpen(owner);
    checkId('DAG', id, () => madeAt(this));
    checkOptions(given(options), owner, checks, DAG_OPTION_NAMES, ofTasks);
    this.options = Object.freeze(given(options));
    this.defaultArgs = checkDefaultArgs(options.defaultArgs, owner);
    registerDag(this as DAG<unknown> as DAG);
  }

  /** 'file:line:column' in the DAG file, or null. */
  get madeAt(): string | null {
    return siteText(this.site);
  }
}
