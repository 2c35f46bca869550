// Compile-time tests of mapped tasks: `npm run typecheck` is the runner. Each @ts-expect-error is an error when the line below compiles.
import { z } from 'zod';
import {
  BaseOperator,
  BashOperator,
  BranchOperator,
  DAG,
  EmptyOperator,
  FunctionOperator,
  TaskGroup,
  type CallbackContext,
  type Element,
  type Ref,
  type Task,
  type TaskCallbackContext,
  type TaskContext,
  type TaskOutput,
} from 'thence';

/** `is<Expected>()(value)`: the type of `value` is exactly Expected. */
const is =
  <Expected>() =>
  <Actual>(
    _: Actual,
    ..._same: (<T>() => T extends Actual ? 1 : 2) extends <T>() => T extends Expected ? 1 : 2 ? [] : ['not the expected type']
  ) => {};

const dag = new DAG('typed', { params: z.object({ region: z.string().default('eu') }) });
const orders = dag.task('orders', async () => [{ id: 1, at: new Date(0) }]);
const one = dag.task('one', () => 1);
const prices = dag.task('prices', () => ({ a: 1, b: 2 }));
const files = dag.task('files', () => ['a.csv', 'b.csv']);

// ---- elements
const ship = dag.task('ship', { expand: { order: orders }, retries: 3 }, ({ inputs, params }) => {
  is<{ order: { id: number; at: string } }>()(inputs); // after JSON
  return `${inputs.order.id} to ${params.region}`;
});
is<FunctionOperator<string, 'order'>>()(ship);
dag.task('both', { inputs: { orders }, expand: { order: orders, n: [1, 2] } }, ({ inputs }) =>
  is<{ orders: { id: number; at: string }[]; order: { id: number; at: string }; n: number }>()(inputs),
);
dag.task('literal', { expand: { at: [new Date(0)] } }, ({ inputs }) => is<Date>()(inputs.at)); // a literal never leaves the file
dag.task('object', { expand: { pair: { a: 1, b: 2 } } }, ({ inputs }) => is<[key: string, value: number]>()(inputs.pair));
dag.task('object_of_task', { expand: { pair: prices } }, ({ inputs }) => is<[key: string, value: number]>()(inputs.pair));
dag.task('zip', { expandZip: { order: orders, n: [1, 2] } }, ({ inputs }) => is<number>()(inputs.n + inputs.order.id));
dag.task('output', { expand: { order: orders.output } }, ({ inputs }) => is<number>()(inputs.order.id));
dag.task('of_tasks', { expand: { n: [one, one] } }, ({ inputs }) => is<number>()(inputs.n));
is<number>()(null as unknown as Element<readonly number[]>);

// ---- a mapped task is a list in `inputs`, and one element in another `expand`
dag.task('last', { inputs: { ship } }, ({ inputs }) => is<string[]>()(inputs.ship));
dag.task('lists', { inputs: { all: [ship, ship] } }, ({ inputs }) => is<string[][]>()(inputs.all));
dag.task('each', { expand: { shipped: ship } }, ({ inputs }) => is<string>()(inputs.shipped));
dag.task('late', { inputs: { ship }, triggerRule: 'all_done' }, ({ inputs }) => is<string[] | undefined>()(inputs.ship));
dag.task('late_each', { inputs: { one }, expand: { order: orders }, triggerRule: 'none_failed' }, ({ inputs }) => {
  is<number | undefined>()(inputs.one);
  is<number>()(inputs.order.id); // an instance always has its element
});
new FunctionOperator('fn', { run: ({ inputs }) => is<{ order: { id: number; at: string } }>()(inputs), dag, expand: { order: orders } });

// @ts-expect-error its output is a number
dag.task('wrong', { expand: { n: one } }, () => 1);
// @ts-expect-error a number is no list
dag.task('wrong', { expand: { n: 5 } }, () => 1);
// @ts-expect-error the element has no such field
dag.task('wrong', { expand: { order: orders } }, ({ inputs }) => inputs.order.name);
// @ts-expect-error the list is not the element
dag.task('wrong', { expand: { order: orders } }, ({ inputs }) => inputs.order.length);
// @ts-expect-error a mapped task has a list of outputs
export const notOne: Task<string> = ship;
// @ts-expect-error a branch cannot be mapped by itself
new BranchOperator('wrong', { dag, expand: { n: [1] }, run: () => 'a' });
// @ts-expect-error an EmptyOperator has nothing to be mapped over
new EmptyOperator('wrong', { dag, expand: { n: [1] } });

// ---- options of an operator
const bash = new BashOperator('bash', { dag, expand: { command: ['echo a', 'echo b'] } });
is<BashOperator<'command'>>()(bash);
dag.task('lines', { inputs: { bash } }, ({ inputs }) => is<string[]>()(inputs.bash));
new BashOperator('by_task', { dag, expand: { command: files } });
new BashOperator('by_mapped', { dag, expand: { command: ship } });
new BashOperator('two', { dag, expand: { command: ['echo'], env: [{ A: '1' }] } });
new BashOperator('paired', { dag, command: 'env', expandZip: { cwd: ['/'], env: [{ A: '1' }] } });
// @ts-expect-error command is neither given nor expanded
new BashOperator('wrong', { dag, expand: { cwd: ['/'] } });
// @ts-expect-error there is no such option
new BashOperator('wrong', { dag, command: 'x', expand: { comand: ['x'] } });
// @ts-expect-error the option is a string
new BashOperator('wrong', { dag, expand: { command: [1] } });
// @ts-expect-error the task returns one number
new BashOperator('wrong', { dag, expand: { command: one } });

class Post<Mapped extends string = never> extends BaseOperator<{ ok: boolean }, { url: string; body?: string }, Mapped> {
  static override readonly optionNames = ['url', 'body'];
  execute(_: TaskContext) {
    return { ok: this.options.url !== '' };
  }
}
const posts = new Post('posts', { dag, expand: { url: files } });
dag.task('posted', { inputs: { posts } }, ({ inputs }) => is<{ ok: boolean }[]>()(inputs.posts));
new Post('bodies', { dag, url: 'x', expand: { body: ['a', 'b'] } });
// @ts-expect-error url is not given
new Post('wrong', { dag, expand: { body: ['a'] } });

// ---- mapped groups
const group = new TaskGroup('group', { dag, expand: { order: orders, n: [1, 2] } });
const inner = group.task('inner', ({ inputs, params }) => {
  is<{ order: { id: number; at: string }; n: number }>()(inputs);
  return inputs.n + params.region.length;
});
const next = group.task('next', { inputs: { inner } }, ({ inputs }) => {
  is<number>()(inputs.inner); // the same index
  return inputs.order.id;
});
is<FunctionOperator<number>>()(next);
is<TaskOutput<number, 'all'>>()(group.all(next));
dag.task('sum', { inputs: { all: group.all(next) } }, ({ inputs }) => is<number[]>()(inputs.all));
dag.task('per_index', { expand: { n: group.all(next) } }, ({ inputs }) => is<number>()(inputs.n));
new BranchOperator('in_group', { group, inputs: { inner }, run: ({ inputs }) => (inputs.n > inputs.inner ? 'a' : null) });
new FunctionOperator('class_in_group', { group, run: ({ inputs }) => is<number>()(inputs.order.id) });
new TaskGroup('zipped', { dag, expandZip: { a: ['x'], b: [1] } }).task('t', ({ inputs }) => is<{ a: string; b: number }>()(inputs));
new TaskGroup('plain', { dag }).task('t', { inputs: { one } }, ({ inputs }) => is<{ one: number }>()(inputs));
// @ts-expect-error the group is mapped over no such name
group.task('wrong', ({ inputs }) => inputs.orders);
// @ts-expect-error a number is no list
new TaskGroup('wrong', { dag, expand: { n: one } });
// @ts-expect-error a list is no task
group.all([next]);

// ---- roles, callbacks, and what else a task may be given
is<FunctionOperator<number>>()(one.asSetup());
is<BashOperator<'command'>>()(bash.asTeardown({ setups: one, onFailureFailDagrun: true }));
one.asTeardown({ setups: [orders, bash] });
// @ts-expect-error a setup is a task
one.asTeardown({ setups: 'orders' });
dag.task(
  'told',
  {
    dependsOnPast: true,
    maxActiveTisPerDag: 1,
    weightRule: ({ priorityWeight, descendants }) => priorityWeight + descendants.length,
    inlets: ['s3://a', { table: 't' }],
    outputs: ['s3://b'],
    mapIndexTemplate: '{{ inputs.order.id }}',
    onSuccess: (context) => is<TaskCallbackContext>()(context),
    onFailure: [({ exception, ti }) => `${ti.taskId} ${exception?.message}`, { notify: (context: CallbackContext) => context.reason }],
  },
  () => 1,
);
new DAG('callbacks', {
  onFailure: ({ dagRun, task, reason }) => {
    is<string | null>()(reason);
    return `${dagRun.runId} ${task?.id}`;
  },
  failFast: true,
  files: ['sql/*.sql'],
  dagrunTimeout: 'PT1H',
});
// @ts-expect-error a weight is a number
dag.task('wrong', { weightRule: () => 'high' }, () => 1);
// @ts-expect-error a callback is a function or has notify()
dag.task('wrong', { onSuccess: 'mail' }, () => 1);
// @ts-expect-error there is no such option
dag.task('wrong', { onSucess: () => {} }, () => 1);

// ---- mapped tasks are not promises either
// @ts-expect-error TS1058: a mapped task returned from an async function
export const returned = async () => ship;
export const right = async (): Promise<Ref<string>> => ship.output;
// @ts-expect-error TS1320: a mapped task is awaited
export const awaited = async () => void (await ship); // eslint-disable-line @typescript-eslint/await-thenable -- typed lint refuses it as well
