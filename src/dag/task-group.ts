import { ThenceError } from '../core/errors';
import { homeOf } from './base-operator';
import { mappedGroupOf, nestedMapping, MOST_INSTANCES, parseExpand, sourcesOf, type Expand } from './expand';
import type { Graph } from './graph';
import { madeAt } from './location';
import { GroupNode, type DagNode } from './node';
import { checkOptions, given, integer, show, text, type Check } from './option-checks';
import { TaskOutput, taskOf } from './refs';
import { makeTaskFactory, type TaskFactory } from './task-factory';
import { checkDefaultArgs } from './task-options';
import type { Expandable, Home, Ref, TaskOptions } from './types';

export type TaskGroupOptions<Params, Expanded = {}> = Home<Params> & {
  /** For the tasks inside, over the DAG's. */
  defaultArgs?: TaskOptions;
  /** Markdown. */
  doc?: string;
  /** The whole group runs once per element (per combination, the last key varying fastest); its tasks find it in their `inputs`. */
  expand?: Expandable<Expanded>;
  /** As `expand`, but the elements are paired. */
  expandZip?: Expandable<Expanded>;
  /** Of a mapped group: more than this fails it. @default 1024 */
  maxMapLength?: number;
};

const anything: Check = () => null;

/** Tasks under one name: a prefix of their ids, an end of edges, a box in the graph that folds. With `expand`: mapped as a whole. */
export class TaskGroup<Params = Record<string, unknown>, Expanded = {}> extends GroupNode {
  declare readonly '~params': Params;
  declare readonly '~expanded': Expanded;
  /** With the prefix of the groups around it: 'outer.inner'. */
  readonly id: string;
  readonly dag: Graph;
  override readonly group: GroupNode | undefined;
  readonly defaultArgs: object;
  readonly doc: string | null;
  readonly '~expand': Expand | null;
  /** As `dag.task`; the id gets the group's prefix. */
  readonly task: TaskFactory<Params, Expanded> = makeTaskFactory<Params, Expanded>({ group: this as TaskGroup<unknown, unknown> });

  constructor(id: string, options: TaskGroupOptions<Params, Expanded>) {
    super();
    const { dag, group, expand, expandZip, ...own } = given(options ?? {});
    const owner = (): string => `group ${show(id)}${madeAt(this)}`;
    const home = homeOf(owner, dag, group);
    const known = ['dag', 'group', 'expand', 'expandZip'];
    checkOptions(own, owner, { doc: text, defaultArgs: anything, maxMapLength: integer(1, MOST_INSTANCES) }, known);
    this.dag = home.dag;
    this.group = home.group;
    this.id = home.group ? `${home.group.id}.${id}` : id;
    this.defaultArgs = checkDefaultArgs(own.defaultArgs, owner);
    this.doc = own.doc ?? null;
    const beside = {};
    this['~expand'] = parseExpand({
      expand,
      expandZip,
      owner,
      home,
      target: 'input',
      allowed: null,
      beside,
      maxMapLength: own.maxMapLength,
    });
    this.checkMapping(owner, own.maxMapLength);
    this.dag.add(this, 'group');
    for (const source of sourcesOf(this['~expand'])) source.then<DagNode>(this);
  }

  /** Of a mapped group, for a task outside of it: the outputs of `task` at all indexes, as a list. Inside use the task itself. */
  all<Output>(task: Ref<Output, never>): TaskOutput<Output, 'all'> {
    const inner = taskOf(task);
    const owner = `group "${this.id}"${madeAt(this)}`;
    if (!this['~expand'])
      throw new ThenceError(
        'DAG_FILE',
        `all() of ${owner}: the group is not mapped, so that a task in it has one output; use the task itself`,
      );
    if (!inner) throw new ThenceError('DAG_FILE', `all() of ${owner} takes a task of the group; it was given ${show(task)}`);
    if (mappedGroupOf(inner) !== this)
      throw new ThenceError('DAG_FILE', `all() of ${owner} takes a task of the group, which task "${inner.id}"${madeAt(inner)} is not`);
    return new TaskOutput<Output, 'all'>(inner, true);
  }

  private checkMapping(owner: () => string, maxMapLength: number | undefined): void {
    if (!this['~expand']) {
      if (maxMapLength === undefined) return;
      throw new ThenceError('DAG_FILE', `${owner()} has \`maxMapLength\` and no \`expand\`: only a mapped group can be too long`);
    }
    const outer = mappedGroupOf(this);
    if (outer) throw nestedMapping(owner, outer.id);
  }
}
