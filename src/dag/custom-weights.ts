/** A `weightRule` that is a function: asked once, when the DAG is stored. */
import { ThenceError } from '../core/errors';
import type { EdgeSpec } from '../dag-spec/spec';
import { madeAt } from './location';
import { show } from './option-checks';
import type { AnyTask } from './task-spec';

const INT32 = 2_147_483_647;

/** @returns by task id, of the tasks that have such a function. @throws DAG_FILE when it throws, or answers with no number */
export function customWeights(tasks: readonly AnyTask[], edges: readonly EdgeSpec[]): ReadonlyMap<string, number> {
  const weighted = tasks.filter((task) => typeof task['~written'].weightRule === 'function');
  if (weighted.length === 0) return new Map();
  const [up, down] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const { from, to } of edges) {
    if (!down.get(from)?.push(to)) down.set(from, [to]);
    if (!up.get(to)?.push(from)) up.set(to, [from]);
  }
  return new Map(weighted.map((task) => [task.id, weigh(task, up, down)]));
}

type Neighbours = ReadonlyMap<string, readonly string[]>;

function weigh(task: AnyTask, up: Neighbours, down: Neighbours): number {
  const { weightRule, priorityWeight = 1, pool = 'default_pool', queue = 'default' } = task['~written'];
  if (typeof weightRule !== 'function') return priorityWeight;
  const where = `\`weightRule\` of task "${task.id}"${madeAt(task)}`;
  let weight: unknown;
  try {
    weight = weightRule({
      id: task.id,
      operator: task.constructor.name,
      group: task.group?.id ?? null,
      priorityWeight,
      pool,
      queue,
      upstream: up.get(task.id) ?? [],
      downstream: down.get(task.id) ?? [],
      ancestors: reach(task.id, up),
      descendants: reach(task.id, down),
    });
  } catch (error) {
    throw new ThenceError('DAG_FILE', `${where} threw: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (typeof weight !== 'number' || !Number.isFinite(weight))
    throw new ThenceError('DAG_FILE', `${where} returned ${show(weight)}; allowed is a number, larger for what begins first`);
  return Math.max(-INT32 - 1, Math.min(INT32, Math.round(weight)));
}

function reach(start: string, next: Neighbours): string[] {
  const seen = new Set([start]);
  for (const id of seen) for (const other of next.get(id) ?? []) seen.add(other);
  seen.delete(start);
  return [...seen];
}
