/** What every operator is built on. */
import { ThenceError } from '../core/errors';
import type { TaskKind } from '../dag-spec/spec';
import { BRAND, isBranded, type Brand } from './brand';
import type { TaskContext } from './context';
import { checkReach, mappedGroupOf, nestedMapping, parseExpand, sourcesOf, type Expand } from './expand';
import type { Graph } from './graph';
import { madeAt } from './location';
import { DagNode, type GroupNode } from './node';
import { show, type Owner } from './option-checks';
import { TaskOutput, taskOf } from './refs';
import { markSetup, markTeardown, type SetupRole, type TeardownOptions } from './setup-teardown';
import { resolveTaskOptions } from './task-options';
import type { Inputs, OperatorOptions, Ref, TaskOptions } from './types';

export { TaskOutput, taskOf } from './refs';

/**
 * Subclass it without a constructor: declare the options as the second type parameter, and read them from `this.options` in
 * `execute`, where their templates are rendered.
 *
 * @example
 * class Greet extends BaseOperator<string, { name: string }> {
 *   static override readonly templateFields = ['name'];
 *   static override readonly optionNames = ['name'];
 *   execute(context: TaskContext) { return `Hello ${this.options.name}`; }
 * }
 */
export abstract class BaseOperator<out Output = unknown, out Own extends object = object, out Mapped extends string = never>
  extends DagNode
  implements Ref<Output, Mapped>
{
  /** Options whose strings are templates (in lists and objects too). */
  static readonly templateFields: readonly string[] = [];
  /** A template option that ends in one of these is the name of a file beside the DAG file, read when the DAG is stored: ['.sql']. */
  static readonly templateExt: readonly string[] = [];
  /** Names of the class's own options: any other name is then an error. undefined: not checked. */
  static readonly optionNames: readonly string[] | undefined = undefined;
  /** With those of a base class that has options of its own, as sensors do. */
  static get '~optionNames'(): readonly string[] | undefined {
    return this.optionNames;
  }
  /** See TaskSpec.kind. */
  static get '~kind'(): TaskKind {
    return 'task';
  }
  /** Where the elements of `expand` stand: operators that run a function have them in `context.inputs`. */
  static readonly '~expandTarget': 'input' | 'option' = 'option';

  declare readonly '~output': Output;
  declare readonly '~mapped': Mapped;
  get [BRAND](): Brand {
    return 'task';
  }
  /** With the prefix of the groups around it. */
  readonly id: string;
  readonly dag: Graph;
  override readonly group: GroupNode | undefined;
  readonly inputs: Inputs;
  /** What the task itself is mapped over; null: it is not. */
  readonly '~expand': Expand | null;
  readonly '~role': SetupRole = { setup: false, teardown: null };
  /** Frozen. While the task executes: with its templates rendered. */
  readonly options: Readonly<Own & TaskOptions>;
  /** As the DAG file gave them, over the defaults of groups and DAG. */
  readonly '~written': Readonly<Own & TaskOptions>;

  constructor(id: string, options: OperatorOptions<Own, Mapped>) {
    super();
    const { dag, group, inputs, expand, expandZip, ...raw } = (options ?? {}) as OperatorOptions;
    const home = homeOf(() => `task ${show(id)}${madeAt(this)}`, dag, group);
    this.dag = home.dag;
    this.group = home.group;
    this.id = home.group ? `${home.group.id}.${id}` : id;
    const owner = (): string => `task "${this.id}"${madeAt(this)}`;
    const optionNames = new.target['~optionNames'];
    this['~written'] = resolveTaskOptions(raw, home.defaults, owner, optionNames ?? null) as Readonly<Own & TaskOptions>;
    this.options = this['~written'];
    this.inputs = checkInputs(inputs, owner, home);
    const target = new.target['~expandTarget'];
    this['~expand'] = parseExpand({
      expand,
      expandZip,
      owner,
      home,
      target,
      allowed: target === 'input' ? null : (optionNames ?? null),
      beside: target === 'input' ? this.inputs : raw,
      maxMapLength: this['~written'].maxMapLength,
    });
    this.checkMapping(owner);
    home.dag.add(this, 'task');
    const read = Object.values(this.inputs).flat();
    for (const upstream of new Set([...read.map((ref) => taskOf(ref)!), ...sourcesOf(this['~expand'])])) upstream.then<DagNode>(this);
  }

  /** The same reference without `then`: safe to return from an async function. */
  get output(): TaskOutput<Output, Mapped> {
    return new TaskOutput<Output, Mapped>(this);
  }

  /** Makes it a setup: what follows it, up to its teardowns, needs it to succeed. Returns the task. */
  asSetup(): this {
    markSetup(this);
    return this;
  }

  /**
   * Makes it a teardown: it runs when what is before it has ended, however, if one of its setups succeeded; and does not decide how
   * the run ends. Returns the task.
   */
  asTeardown(options: TeardownOptions = {}): this {
    markTeardown(this, options);
    return this;
  }

  /** Whether `expand` gives this option: it then has no value before an instance runs. */
  '~isExpanded'(option: string): boolean {
    return this['~expand']?.keys.some(({ name, target }) => name === option && target === 'option') ?? false;
  }

  /** Does the work. What it returns (JSON) is the task's output. */
  abstract execute(context: TaskContext): Output | Promise<Output>;

  /** Called when the try has to stop, before its process is. */
  onKill(): void | Promise<void> {}

  private checkMapping(owner: Owner): void {
    const outer = mappedGroupOf(this);
    const twice = outer?.['~expand']?.keys.find(({ name }) => name in this.inputs);
    if (twice)
      throw new ThenceError(
        'DAG_FILE',
        `input \`${twice.name}\` of ${owner()} is what its mapped group "${outer!.id}" is mapped over: give the input another name`,
      );
    if (!this['~expand']) return;
    if (outer) throw nestedMapping(owner, outer.id);
    const kind = (this.constructor as typeof BaseOperator)['~kind'];
    if (kind === 'task') return;
    const what =
      kind === 'empty'
        ? 'does nothing, and so has nothing to be mapped over'
        : 'decides what follows it, which it cannot do once per element: map a TaskGroup that holds it and what follows it';
    throw new ThenceError('DAG_FILE', `${owner()} has \`expand\` and ${what}`);
  }
}

/** What `dag.task` returns, and every other task that is not mapped. */
export type Task<Output = unknown> = BaseOperator<Output, object, never>;

/** Before an attempt: `execute` finds these in `this.options`, over those of the file. On the task itself, for the sake of `#private` fields. */
export function setRenderedOptions(task: BaseOperator<unknown, object, string>, rendered: object): void {
  (task as { options: object }).options = Object.freeze({ ...task['~written'], ...rendered });
}

interface FoundHome {
  readonly dag: Graph;
  readonly group: GroupNode | undefined;
  /** Outermost first. */
  readonly defaults: readonly object[];
}

/** Where a new task or group lives. Plain JavaScript may give neither a DAG nor a group, or something else. */
export function homeOf(owner: Owner, dag: unknown, group: unknown): FoundHome {
  if (group !== undefined && dag !== undefined)
    throw new ThenceError('DAG_FILE', `${owner()} has both a \`dag\` and a \`group\`: give one of them`);
  if (group !== undefined) {
    if (!isBranded(group, 'group')) throw new ThenceError('DAG_FILE', `\`group\` of ${owner()} is no TaskGroup: ${show(group)}`);
    const node = group as GroupNode & { readonly defaultArgs: object };
    const outer = node.group ? homeOf(owner, undefined, node.group) : homeOf(owner, node.dag, undefined);
    return { dag: node.dag, group: node, defaults: [...outer.defaults, node.defaultArgs] };
  }
  if (isBranded(dag, 'dag'))
    return { dag: dag as Graph, group: undefined, defaults: [(dag as Graph & { defaultArgs: object }).defaultArgs] };
  throw new ThenceError(
    'DAG_FILE',
    dag === undefined ? `${owner()} needs a \`dag\` or a \`group\` to belong to` : `\`dag\` of ${owner()} is no DAG: ${show(dag)}`,
  );
}

function checkInputs(inputs: Inputs | undefined, owner: Owner, home: FoundHome): Inputs {
  if (inputs === undefined) return Object.freeze({});
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs) || taskOf(inputs) !== null) {
    throw new ThenceError(
      'DAG_FILE',
      `\`inputs\` of ${owner()} is ${show(inputs)}; allowed is an object of names and tasks, such as { orders }`,
    );
  }
  for (const [name, given] of Object.entries(inputs)) {
    const where = (): string => `input \`${name}\` of ${owner()}`;
    if (name === '__proto__') throw new ThenceError('DAG_FILE', `${where()}: this name is not possible`);
    if (Array.isArray(given) && given.length === 0)
      throw new ThenceError('DAG_FILE', `${where()} is an empty list: there is nothing to wait for`);
    const list: readonly unknown[] = Array.isArray(given) ? given : [given];
    const wrong = list.find((one) => taskOf(one) === null);
    if (wrong === undefined) {
      for (const one of list) checkReach(one, home, where);
      continue;
    }
    throw new ThenceError('DAG_FILE', `${where()} is ${show(wrong)}; allowed is a task, or a list of tasks`);
  }
  return Object.freeze({ ...inputs });
}
