/** The outputs of upstream tasks that stand in `context.inputs`. */
import type { RunTask } from '../core/workload';
import { mappedGroupOf } from '../dag/expand';
import type { DagNode, GroupNode } from '../dag/node';
import type { ExecutionApi, XComEntry } from '../execution-api/execution-api';
import { valueOf } from './context';
import type { AnyTask } from './find-task';

/** In at most two questions: what has one value here, or a list of them; and, in a mapped group, what has the same index. */
export async function pullInputs(workload: RunTask, task: AnyTask, api: ExecutionApi): Promise<Record<string, unknown>> {
  const wanted = Object.entries(workload.inputs);
  if (wanted.length === 0) return {};
  const ids = [...new Set(wanted.flatMap(([, given]) => given))];
  const isSameIndex = (id: string) => workload.mapIndex >= 0 && sharesIndex(task, task.dag.nodes.get(id));
  const [same, all] = await Promise.all([
    ask(ids.filter(isSameIndex), [workload.mapIndex]),
    ask(
      ids.filter((id) => !isSameIndex(id)),
      null,
    ),
  ]);
  const valueFor = (id: string) => (isSameIndex(id) ? firstOf(same, id) : valueOf(all, id, isMapped(task.dag.nodes.get(id))));
  return Object.fromEntries(wanted.map(([name, given]) => [name, typeof given === 'string' ? valueFor(given) : given.map(valueFor)]));

  async function ask(taskIds: readonly string[], mapIndexes: readonly number[] | null): Promise<readonly XComEntry[]> {
    if (taskIds.length === 0) return [];
    return api.pullXComs(workload.attemptId, { taskIds, key: 'return_value', ...(mapIndexes && { mapIndexes }) });
  }
}

/** Both stand in one mapped group. */
function sharesIndex(task: DagNode, upstream: DagNode | undefined): boolean {
  const group: GroupNode | null = upstream ? mappedGroupOf(upstream) : null;
  return group !== null && group === mappedGroupOf(task);
}

function isMapped(node: DagNode | undefined): boolean {
  if (!node) return false;
  return Boolean((node as { '~expand'?: unknown })['~expand']) || mappedGroupOf(node) !== null;
}

function firstOf(entries: readonly XComEntry[], taskId: string): unknown {
  const entry = entries.find((one) => one.taskId === taskId);
  return entry && (JSON.parse(entry.value) as unknown);
}
