/** What can only be checked when the whole DAG is there: roles, rules and mappings that do not go together. */
import { ThenceError } from '../core/errors';
import type { EdgeSpec } from '../dag-spec/spec';
import type { DAG } from './dag';
import { mappedGroupOf } from './expand';
import { madeAt } from './location';
import { triggerRuleOf, type AnyTask } from './task-spec';
import type { AnyParams } from './types';

/** @returns warnings, as sentences. @throws DAG_FILE naming the task and its place */
export function* checkGraph(dag: DAG<AnyParams>, tasks: readonly AnyTask[], edges: readonly EdgeSpec[]): Iterable<string> {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const { from, to } of edges) {
    checkSetupEdge(byId.get(from)!, byId.get(to)!);
    checkBranchEdge(byId.get(from)!, byId.get(to)!);
  }
  if (dag.options.failFast) for (const task of tasks) checkFailFast(dag, task);
  if (dag.options.runRetryDelay !== undefined && !dag.options.runRetries)
    yield `DAG "${dag.id}"${madeAt(dag)} has \`runRetryDelay\` and no \`runRetries\`: the delay is never used`;

  const above = neighbours(edges);
  for (const task of tasks) yield* warningsOf(task, dag, above, byId);
}

const nameOf = (task: AnyTask): string => `task "${task.id}"${madeAt(task)}`;

function checkSetupEdge(setup: AnyTask, next: AnyTask): void {
  const rule = triggerRuleOf(next);
  if (!setup['~role'].setup || next['~role'].teardown || rule === 'all_success') return;
  throw new ThenceError(
    'DAG_FILE',
    `${nameOf(next)} comes right after the setup "${setup.id}" and has the trigger rule '${rule}': what a setup prepares needs it to succeed, so only 'all_success' is allowed there`,
  );
}

/** A branch decides once per index of its group; what stands outside has no index. */
function checkBranchEdge(branch: AnyTask, next: AnyTask): void {
  const group = mappedGroupOf(branch);
  if (group === null || (branch.constructor as { '~kind'?: string })['~kind'] !== 'branch' || mappedGroupOf(next) === group) return;
  throw new ThenceError(
    'DAG_FILE',
    `${nameOf(next)} comes right after the branch "${branch.id}", and outside of its mapped group "${group.id}": the branch decides for each index, and there is only one of this task; put a join into the group, and this task after the group`,
  );
}

function checkFailFast(dag: DAG<AnyParams>, task: AnyTask): void {
  const rule = triggerRuleOf(task);
  if (rule === 'all_success' || (task['~role'].teardown && rule === 'all_done_setup_success')) return;
  throw new ThenceError(
    'DAG_FILE',
    `DAG "${dag.id}" has \`failFast\`, and ${nameOf(task)} has the trigger rule '${rule}': a run that ends with its first failure allows only 'all_success'`,
  );
}

function* warningsOf(
  task: AnyTask,
  dag: DAG<AnyParams>,
  above: ReadonlyMap<string, readonly string[]>,
  byId: ReadonlyMap<string, AnyTask>,
): Iterable<string> {
  const { retryDelay, retries = 0, mapIndexTemplate, maxMapLength } = task['~written'];
  if (Array.isArray(retryDelay) && retryDelay.length > retries)
    yield `${nameOf(task)} has ${retryDelay.length} retry delays and ${retries} retries: the last ones are never used`;
  const isMapped = task['~expand'] !== null || mappedGroupOf(task) !== null;
  const defaults = dag.defaultArgs as { mapIndexTemplate?: string; maxMapLength?: number };
  if (maxMapLength !== undefined && task['~expand'] === null && maxMapLength !== defaults.maxMapLength)
    yield `${nameOf(task)} has \`maxMapLength\` and no \`expand\`: there is nothing to limit${mappedGroupOf(task) === null ? '' : ' (that of a mapped group is an option of the group)'}`;
  if (mapIndexTemplate !== undefined && !isMapped && mapIndexTemplate !== defaults.mapIndexTemplate)
    yield `${nameOf(task)} has \`mapIndexTemplate\` and is not mapped: there is nothing to label`;
  for (const { name, source } of task['~expand']?.keys ?? [])
    if (source.kind === 'literal' && source.elements.length === 0)
      yield `${nameOf(task)} maps \`${name}\` over an empty list: it is skipped in every run`;
  if (task['~role'].teardown && !hasSetupAbove(task.id, above, byId))
    yield `${nameOf(task)} is a teardown with no setup before it: it runs whenever what is before it has ended. Name what it takes down: asTeardown({ setups })`;
}

function hasSetupAbove(start: string, above: ReadonlyMap<string, readonly string[]>, byId: ReadonlyMap<string, AnyTask>): boolean {
  const seen = new Set([start]);
  for (const id of seen) {
    if (byId.get(id)!['~role'].setup) return true;
    for (const up of above.get(id) ?? []) seen.add(up);
  }
  return false;
}

function neighbours(edges: readonly EdgeSpec[]): Map<string, string[]> {
  const above = new Map<string, string[]>();
  for (const { from, to } of edges) if (!above.get(to)?.push(from)) above.set(to, [from]);
  return above;
}
