import { homeOf } from './base-operator';
import type { Graph } from './graph';
import { madeAt } from './location';
import { GroupNode } from './node';
import { checkOptions, given, show, text, type Check } from './option-checks';
import { makeTaskFactory, type TaskFactory } from './task-factory';
import { checkDefaultArgs } from './task-options';
import type { Home, TaskOptions } from './types';

export type TaskGroupOptions<Params> = Home<Params> & {
  /** For the tasks inside, over the DAG's. */
  defaultArgs?: TaskOptions;
  /** Markdown. */
  doc?: string;
};

const anything: Check = () => null;

/** Tasks under one name: a prefix of their ids, an end of edges, a box in the graph that folds. */
export class TaskGroup<Params = Record<string, unknown>> extends GroupNode {
  declare readonly '~params': Params;
  /** With the prefix of the groups around it: 'outer.inner'. */
  readonly id: string;
  readonly dag: Graph;
  override readonly group: GroupNode | undefined;
  readonly defaultArgs: object;
  readonly doc: string | null;
  /** As `dag.task`; the id gets the group's prefix. */
  readonly task: TaskFactory<Params> = makeTaskFactory<Params>({ group: this as TaskGroup<unknown> });

  constructor(id: string, options: TaskGroupOptions<Params>) {
    super();
    const { dag, group, ...own } = given(options ?? {});
    const owner = (): string => `group ${show(id)}${madeAt(this)}`;
    const home = homeOf(owner, dag, group);
    checkOptions(own, owner, { doc: text, defaultArgs: anything }, ['dag', 'group']);
    this.dag = home.dag;
    this.group = home.group;
    this.id = home.group ? `${home.group.id}.${id}` : id;
    this.defaultArgs = checkDefaultArgs(own.defaultArgs, owner);
    this.doc = own.doc ?? null;
    this.dag.add(this, 'group');
  }
}
