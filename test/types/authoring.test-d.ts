// Compile-time tests: `npm run typecheck` is the runner. Each @ts-expect-error is itself an error when the line below compiles.
import { DateTime } from 'luxon';
import { z } from 'zod';
import {
  BaseOperator,
  BashOperator,
  BranchOperator,
  chain,
  crossDownstream,
  DAG,
  CronTriggerTimetable,
  EmptyOperator,
  FunctionOperator,
  nthBusinessDay,
  TaskGroup,
  Timetable,
  workdays,
  type Jsonify,
  type JsonValue,
  type Ref,
  type Task,
  type TaskContext,
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

// ---- outputs and inputs
is<FunctionOperator<{ id: number; at: Date }[]>>()(orders);
const total = dag.task('total', { inputs: { orders } }, ({ inputs, params }) => {
  is<{ id: number; at: string }[]>()(inputs.orders); // as it arrives: after JSON
  is<string>()(params.region);
  return inputs.orders.length;
});
is<FunctionOperator<number>>()(total);
export const asTask: Task<number> = total;
// @ts-expect-error its output is a number
export const notText: Task<string> = total;
dag.task('list', { inputs: { all: [one, one] } }, ({ inputs }) => is<number[]>()(inputs.all));
dag.task('pair', { inputs: { both: [orders, one] as const } }, ({ inputs }) => is<[{ id: number; at: string }[], number]>()(inputs.both));
dag.task('late', { inputs: { one }, triggerRule: 'all_done' }, ({ inputs }) => is<number | undefined>()(inputs.one));
dag.task('strict', { inputs: { one }, triggerRule: 'all_success' }, ({ inputs }) => is<number>()(inputs.one));
dag.task('output', { inputs: { one: one.output } }, ({ inputs }) => is<number>()(inputs.one));
new FunctionOperator('fn', { run: ({ inputs }) => is<{ one: number }>()(inputs), inputs: { one }, dag }); // in any order
new TaskGroup('g', { dag }).task('t', { inputs: { one } }, ({ inputs, params }) => `${inputs.one}${params.region}`);
new BranchOperator('which', { dag, inputs: { one }, run: ({ inputs }) => (inputs.one > 1 ? ['a', 'b'] : null) });
const bash = new BashOperator('bash', { dag, command: 'echo {{ ds }}', inputs: { one } });
dag.task('last_line', { inputs: { bash } }, ({ inputs }) => is<string>()(inputs.bash));

// @ts-expect-error the input is a list of orders, not a number
dag.task('wrong', { inputs: { orders } }, ({ inputs }) => inputs.orders * 1);
// @ts-expect-error there is no such input
dag.task('wrong', { inputs: { orders } }, ({ inputs }) => inputs.order);
// @ts-expect-error a Date arrives as text
dag.task('wrong', { inputs: { orders } }, ({ inputs }) => inputs.orders[0]!.at.getTime());
// @ts-expect-error the value may be missing under this rule
dag.task('wrong', { inputs: { one }, triggerRule: 'one_failed' }, ({ inputs }) => inputs.one.toFixed());
// @ts-expect-error the params have no such field
dag.task('wrong', ({ params }) => params.regio);
// @ts-expect-error an input is a task
dag.task('wrong', { inputs: { x: 5 } }, () => 1);
// @ts-expect-error a branch follows ids
new BranchOperator('wrong', { dag, run: () => 5 });

// ---- options
// @ts-expect-error a misspelled option
dag.task('wrong', { retrys: 1 }, () => 1);
// @ts-expect-error '5m' is no ISO 8601 duration
dag.task('wrong', { retryDelay: '5m' }, () => 1);
dag.task('right', { retryDelay: ['PT5M', { minutes: 10 }, 1000], executionTimeout: { hours: 1 } }, () => 1);
// @ts-expect-error neither a DAG nor a group
new EmptyOperator('wrong', {});
// @ts-expect-error no command
new BashOperator('wrong', { dag });
// @ts-expect-error not a trigger rule
new EmptyOperator('wrong', { dag, triggerRule: 'all_good' });
// @ts-expect-error a misspelled option of a DAG
new DAG('wrong', { shedule: '@daily' });
new DAG('json', { params: { type: 'object', properties: {} }, startDate: DateTime.utc(), schedule: { hours: 1 } }).task('t', ({ params }) =>
  is<Record<string, unknown>>()(params),
);

// ---- groups hand on the params of their DAG, and a DAG in full
const group = new TaskGroup('group', { dag, defaultArgs: { retries: 1 } });
new FunctionOperator('in_group', {
  group,
  inputs: { one },
  run: ({ inputs, params }) => is<{ n: number; r: string }>()({ n: inputs.one, r: params.region }),
});
new BranchOperator('branch_in_group', { group: new TaskGroup('inner', { group }), run: ({ params }) => params.region });
new FunctionOperator('no_return', {
  dag,
  run: async ({ ti, ds, log, dagRun, conf, xcom, variables, connections, signal, macros }) => {
    log.info(ti.taskId, ds, dagRun.logicalDate?.toISO(), conf, signal.aborted, macros.ds_add(ds, 1));
    await xcom.push('k', await variables.get('v'));
    is<string | null>()(await variables.get('v', null));
    is<unknown>()(await xcom.pull('a', { key: 'k' }));
    is<number | null>()((await connections.get('c')).port);
  },
});
const sales = new DAG('daily_sales', {
  schedule: '0 6 * * *',
  startDate: '2026-01-01',
  endDate: new Date(),
  timezone: 'Europe/Zurich',
  catchup: true,
  params: z.object({ region: z.string().default('eu') }),
  defaultArgs: { retries: 2, retryDelay: { minutes: 5 } },
  tags: ['sales'],
});
is<{ region: string }>()(sales['~params']);
// @ts-expect-error the params of the group's DAG have no such field
group.task('wrong', ({ params }) => params.regio);
// @ts-expect-error a group of groups has no task without a home
new TaskGroup('wrong', {});

// ---- classes of one's own
class Post<Mapped extends string = never> extends BaseOperator<{ ok: boolean }, { url: string }, Mapped> {
  static override readonly optionNames = ['url'];
  execute(context: TaskContext) {
    is<string>()(context.ds);
    return { ok: this.options.url !== '' };
  }
}
const post = new Post('post', { dag, url: 'https://example.org' });
dag.task('posted', { inputs: { post } }, ({ inputs }) => is<boolean>()(inputs.post.ok));
// @ts-expect-error the url is missing
new Post('wrong', { dag });

// ---- wiring
is<EmptyOperator>()(orders.then(new EmptyOperator('next', { dag })));
chain(orders, [one, total], post);
crossDownstream([orders], [one]);
orders.then([one, total]).then(post, { label: 'ok' });
is<FunctionOperator<number>[]>()(post.after([one, total]));
// @ts-expect-error a DAG cannot be wired
orders.then(dag);
// @ts-expect-error nor can text
orders.then('one');
// @ts-expect-error nor a function
orders.then(() => {});

// ---- tasks are not promises
// @ts-expect-error TS1058: a task returned from an async function
export const returned = async () => orders;
export const awaited = async () => {
  // @ts-expect-error TS1320: a task that is awaited
  await orders; // eslint-disable-line @typescript-eslint/await-thenable -- typed lint refuses it as well
};
export const good = async () => ({ orders });
export const ref = async (): Promise<Ref<number, never>> => one.output;

// ---- what arrives after JSON
is<{ a?: string; b: null; e: string[]; f: [string, 1] }>()(
  null as unknown as Jsonify<{ a?: Date; b: null; c: () => void; readonly e: Date[]; f: [Date, 1]; [Symbol.iterator]: 1 }>,
);
is<{ a?: number }>()(null as unknown as Jsonify<{ a: number | undefined }>);
is<{ [key: string]: string }>()(null as unknown as Jsonify<Record<string, Date>>);
is<never>()(null as unknown as Jsonify<Map<string, number>>);
is<never>()(null as unknown as Jsonify<bigint>);
is<{ x?: unknown }>()(null as unknown as Jsonify<{ x: unknown }>);
is<string | undefined>()(null as unknown as Jsonify<Date | undefined>);
export const json = (value: Jsonify<JsonValue>): JsonValue => value;
interface Tree {
  at: Date;
  children: Tree[];
}
is<string>()((null as unknown as Jsonify<Tree>).children[0]!.children[0]!.at);

// ---- schedules
new DAG('trigger', { schedule: new CronTriggerTimetable('0 6 * * *', { interval: { days: 1 }, dst: { gap: 'skip' } }) });
new DAG('calendar', { schedule: workdays('0 6 * * *', { holidays: { holidays: ['12-25'], weekend: ['friday'] }, onHoliday: 'next' }) });
new DAG('policies', { schedule: { hours: 6 }, missedRuns: { window: 'PT12H' }, onMaxActiveRuns: 'skip' });
// @ts-expect-error a misspelled policy
new DAG('policy', { missedRuns: 'newest' });
// @ts-expect-error a misspelled option
new CronTriggerTimetable('0 6 * * *', { timezon: 'UTC' });
// @ts-expect-error the time of day is missing
nthBusinessDay(3, { of: 'month' });
// @ts-expect-error a day that does not exist
workdays('@daily', { weekend: ['saterday'] });
// @ts-expect-error no timetable without manualInterval
export class Half extends Timetable {
  override nextRun() {
    return null;
  }
}
export class Whole extends Timetable {
  override readonly summary = 'whole';
  override nextRun(last: { end: DateTime } | null, _restriction: unknown, now: DateTime) {
    return { start: last?.end ?? now, end: now };
  }
  override manualInterval(at: DateTime) {
    return { start: at, end: at };
  }
}
new DAG('own', { schedule: new Whole() });
