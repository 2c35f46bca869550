/** `asSetup` and `asTeardown`: which role a task has beside its work. */
import { ThenceError } from '../core/errors';
import { madeAt } from './location';
import type { DagNode } from './node';
import { boolean, checkOptions, given, show } from './option-checks';
import { taskOf } from './refs';
import type { Ref } from './types';

export interface SetupRole {
  setup: boolean;
  teardown: { readonly onFailureFailDagrun: boolean } | null;
}

export interface TeardownOptions {
  /** What it takes down: these become setups, and come before it. */
  setups?: Ref | readonly Ref[];
  /** A failure of the teardown fails the run. @default false */
  onFailureFailDagrun?: boolean;
}

type RoleTask = DagNode & { readonly '~role': SetupRole };

/** undefined: a group. */
export const roleOf = (node: DagNode): SetupRole | undefined => (node as Partial<RoleTask>)['~role'];

export function markSetup(task: RoleTask): void {
  if (task['~role'].teardown)
    throw new ThenceError('DAG_FILE', `task "${task.id}"${madeAt(task)} is a teardown already and cannot be a setup as well`);
  task['~role'].setup = true;
}

export function markTeardown(task: RoleTask, options: TeardownOptions): void {
  const owner = (): string => `asTeardown() of task "${task.id}"${madeAt(task)}`;
  checkOptions(given(options), owner, { onFailureFailDagrun: boolean }, ['setups', 'onFailureFailDagrun']);
  const { setups, onFailureFailDagrun = false } = options;
  if (task['~role'].setup)
    throw new ThenceError('DAG_FILE', `task "${task.id}"${madeAt(task)} is a setup already and cannot be a teardown as well`);
  const list: readonly unknown[] = setups === undefined ? [] : Array.isArray(setups) ? setups : [setups];
  if (setups !== undefined && list.length === 0)
    throw new ThenceError('DAG_FILE', `\`setups\` of ${owner()} is an empty list: leave it out for a teardown of nothing in particular`);
  const tasks = list.map((one) => {
    const setup = taskOf(one);
    if (!setup) throw new ThenceError('DAG_FILE', `\`setups\` of ${owner()} is ${show(one)}; allowed is a task, or a list of tasks`);
    return setup as RoleTask;
  });
  for (const setup of tasks) {
    if (setup === task) throw new ThenceError('DAG_FILE', `${owner()} names the task itself among its setups`);
    markSetup(setup);
    setup.then<DagNode>(task);
  }
  task['~role'].teardown = { onFailureFailDagrun };
}
