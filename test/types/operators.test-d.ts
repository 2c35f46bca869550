// Compile-time tests of the library of operators: `npm run typecheck` is the runner.
import { z } from 'zod';
import {
  BaseSensor,
  DAG,
  EmailOperator,
  ExternalTaskSensor,
  FileSensor,
  FunctionSensor,
  HttpOperator,
  ShortCircuitOperator,
  SqlOperator,
  TriggerDagRunOperator,
  type JsonValue,
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
const one = dag.task('one', () => 1);
const paths = dag.task('paths', () => ['a', 'b']);

// ---- a sensor's value is its output
const found = new FunctionSensor('found', {
  dag,
  inputs: { one },
  mode: 'reschedule',
  run: ({ inputs, params }) => {
    is<number>()(inputs.one);
    is<string>()(params.region);
    return { done: inputs.one > 0, value: { id: inputs.one } };
  },
});
dag.task('after_found', { inputs: { found } }, ({ inputs }) => is<{ id: number }>()(inputs.found));
new FunctionSensor('yes', { dag, run: async () => true });
const file = new FileSensor('file', { dag, path: '/x' });
dag.task('after_file', { inputs: { file } }, ({ inputs }) => is<string[]>()(inputs.file));
// @ts-expect-error a sensor answers with a boolean or { done }
new FunctionSensor('wrong', { dag, run: () => 'yes' });
// @ts-expect-error not a mode
new FileSensor('wrong', { dag, path: '/x', mode: 'repoke' });

class TableSensor<Mapped extends string = never> extends BaseSensor<number, { table: string }, Mapped> {
  static override readonly optionNames = ['table'];
  poke(context: TaskContext) {
    return { done: this.options.table !== context.ds, value: 1 };
  }
}
const table = new TableSensor('table', { dag, table: 't', timeout: { hours: 1 } });
dag.task('after_table', { inputs: { table } }, ({ inputs }) => is<number>()(inputs.table));

// ---- mapped: the output is the list of those of all instances
const files = new FileSensor('files', { dag, expand: { path: paths }, deferrable: true });
dag.task('after_files', { inputs: { files } }, ({ inputs }) => is<string[][]>()(inputs.files));
const rows = new SqlOperator('rows', { dag, connection: 'db', expand: { sql: ['SELECT 1', 'SELECT 2'] } });
dag.task('after_rows', { inputs: { rows } }, ({ inputs }) =>
  is<{ [x: string]: JsonValue }[][]>()(inputs.rows.map((each) => each.map((row) => ({ ...row })))),
);
new HttpOperator('calls', { dag, method: 'POST', url: 'https://example.org', expand: { json: [{ a: 1 }, { a: 2 }] } });
new EmailOperator('mails', { dag, expand: { to: paths }, subject: 's', text: 't' });
const asked = new FunctionSensor('asked', { dag, expand: { path: paths }, run: ({ inputs }) => is<string>()(inputs.path) === undefined });
dag.task('after_asked', { inputs: { asked } }, ({ inputs }) => is<number>()(inputs.asked.length));

// ---- others
new ShortCircuitOperator('gate', { dag, inputs: { one }, run: ({ inputs }) => inputs.one > 1, ignoreDownstreamTriggerRules: false });
const child = new TriggerDagRunOperator('child', { dag, dagId: 'other', conf: { a: [1] }, waitForCompletion: true });
dag.task('after_child', { inputs: { child } }, ({ inputs }) => is<string>()(inputs.child.runId));
new ExternalTaskSensor('other', { dag, dagId: 'other', taskId: 'load', logicalDate: (date) => date.minus({ hours: 1 }) });
// @ts-expect-error not a state
new ExternalTaskSensor('wrong', { dag, dagId: 'other', allowedStates: ['done'] });
// @ts-expect-error the subject is missing
new EmailOperator('wrong', { dag, to: 'a@b.c', text: 't' });
