/** A task or group as its file made it → its part of the spec. */
import { durationToMs } from '../core/duration';
import type { JsonObject, JsonValue } from '../core/json';
import { TASK_EVENTS, type GroupSpec, type TaskSpec, type TriggerRule } from '../dag-spec/spec';
import { taskOf, type BaseOperator } from './base-operator';
import { callbacksOf } from './callbacks';
import { expandSpec } from './expand';
import type { TaskGroup } from './task-group';
import { TASK_OPTION_NAMES } from './task-options';

export type AnyTask = BaseOperator<unknown, object, string>;
type TaskClass = typeof BaseOperator;

const DEFAULT_RETRY_DELAY_MS = 300_000;

/** @param customWeight what the file's own weight function answered */
export function taskSpec(task: AnyTask, customWeight: number | undefined): TaskSpec {
  const written = task['~written'];
  const own = `of task "${task.id}"`;
  const retryDelays = Array.isArray(written.retryDelay) ? written.retryDelay : [written.retryDelay ?? DEFAULT_RETRY_DELAY_MS];
  const Class = task.constructor as TaskClass;
  return {
    id: task.id,
    group: task.group?.id ?? null,
    operator: Class.name,
    kind: Class['~kind'],
    // Of a short circuit that shuts out all below it, not only what comes right after it.
    ...((task as { '~skipsAllBelow'?: boolean })['~skipsAllBelow'] && { ignoreDownstreamTriggerRules: true as const }),
    triggerRule: triggerRuleOf(task),
    retries: written.retries ?? 0,
    retryDelaysMs: retryDelays.map((delay) => durationToMs(delay, `\`retryDelay\` ${own}`)),
    retryExponentialBackoff: written.retryExponentialBackoff ?? false,
    maxRetryDelayMs: written.maxRetryDelay === undefined ? null : durationToMs(written.maxRetryDelay, `\`maxRetryDelay\` ${own}`),
    executionTimeoutMs:
      written.executionTimeout === undefined ? null : durationToMs(written.executionTimeout, `\`executionTimeout\` ${own}`),
    pool: written.pool ?? 'default_pool',
    poolSlots: written.poolSlots ?? 1,
    priorityWeight: written.priorityWeight ?? 1,
    weightRule: typeof written.weightRule === 'function' ? 'custom' : (written.weightRule ?? 'downstream'),
    ...(customWeight !== undefined && { customWeight }),
    queue: written.queue ?? 'default',
    executor: written.executor ?? null,
    isolation: written.isolation ?? 'warm',
    memoryMb: written.resources?.memoryMb ?? null,
    rerunWhenLost: written.rerunWhenLost ?? true,
    inputs: inputIds(task),
    templateFields: [...Class.templateFields],
    options: ownOptions(task),
    owner: written.owner ?? null,
    doc: written.doc ?? null,
    ...(written.dependsOnPast && { dependsOnPast: true }),
    ...(written.waitForDownstream && { waitForDownstream: true }),
    ...(written.maxActiveTisPerDag !== undefined && { maxActiveTisPerDag: written.maxActiveTisPerDag }),
    ...(written.maxActiveTisPerDagRun !== undefined && { maxActiveTisPerDagRun: written.maxActiveTisPerDagRun }),
    ...(task['~role'].setup && { setup: true }),
    ...(task['~role'].teardown && { teardown: { ...task['~role'].teardown } }),
    ...(task['~expand'] && { expand: expandSpec(task['~expand']) }),
    ...(written.mapIndexTemplate !== undefined && { mapIndexTemplate: written.mapIndexTemplate }),
    ...callbackNames(task),
    ...(written.inlets?.length && { inlets: written.inlets }),
    ...(written.outlets?.length && { outlets: written.outlets }),
  };
}

/** A teardown runs when what is before it has ended, unless the file says otherwise. */
export function triggerRuleOf(task: AnyTask): TriggerRule {
  return task['~written'].triggerRule ?? (task['~role'].teardown ? 'all_done_setup_success' : 'all_success');
}

function callbackNames(task: AnyTask): Pick<TaskSpec, 'callbacks'> {
  const callbacks = TASK_EVENTS.filter((event) => callbacksOf(task['~written'], event).length > 0);
  return callbacks.length > 0 ? { callbacks } : {};
}

function inputIds(task: AnyTask): TaskSpec['inputs'] {
  const idOf = (ref: unknown): string => taskOf(ref)!.id;
  return Object.fromEntries(Object.entries(task.inputs).map(([name, ref]) => [name, Array.isArray(ref) ? ref.map(idOf) : idOf(ref)]));
}

/** The operator's own options as JSON; what is no JSON (functions, circles) is left out. */
function ownOptions(task: AnyTask): JsonObject {
  const options: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(task['~written'])) {
    if (TASK_OPTION_NAMES.includes(name)) continue;
    const text = tryStringify(value);
    if (text !== undefined) options[name] = JSON.parse(text) as JsonValue;
  }
  return options;
}

function tryStringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

export function groupSpec(group: TaskGroup): GroupSpec {
  const expand = group['~expand'];
  return { id: group.id, parent: group.group?.id ?? null, doc: group.doc, ...(expand && { expand: expandSpec(expand) }) };
}
