import { DateTime } from 'luxon';
import { macros } from '../../src/templates/macros';
import { renderTemplates, type FetchNeed, type Need, type Scope } from '../../src/templates/render';
import { renderFields } from '../../src/templates/render';
import { contextFor } from '../support/task-context';

const never: FetchNeed = (need) => Promise.reject(new Error(`nothing should be fetched, but ${need.kind} was`));
const render = (text: string, context = contextFor({})) => renderFields({ command: text }, context).then(({ command }) => command);

test('the context is there under camelCase and under the names of Airflow', async () => {
  const context = contextFor({ params: { region: 'eu' }, conf: { n: 1 } });
  expect(await render('{{ ds }} {{ dsNodash }} {{ ds_nodash }} {{ ts }}', context)).toBe(
    '2026-01-31 20260131 20260131 2026-01-31T00:00:00+00:00',
  );
  expect(await render('{{ dataIntervalEnd.toISODate() }} {{ data_interval_end | ds }} {{ logical_date | ts_nodash }}', context)).toBe(
    '2026-02-01 2026-02-01 20260131T000000',
  );
  expect(await render('{{ params.region }} {{ dag_run.conf.n }} {{ dagRun.runId }} {{ run_id }} {{ conf.n }}', context)).toBe(
    'eu 1 run-1 run-1 1',
  );
  expect(
    await render(
      '{{ dag.dag_id }}.{{ task.task_id }} {{ ti.task_id }} {{ ti.try_number }} {{ task_instance.tryNumber }} {{ try_number }}',
      context,
    ),
  ).toBe('etl.load load 2 2 2');
  expect(await render('{{ macros.ds_add(ds, 7) }} {{ macros.ds_format(ds, "%Y-%m-%d", "%d.%m.%y") }}', context)).toBe(
    '2026-02-07 31.01.26',
  );
});

test('what Airflow has beside it is there too', async () => {
  const context = Object.defineProperties(contextFor({}), {
    mapIndex: { value: 3 },
    expandedTiCount: { value: 7 },
    taskRescheduleCount: { value: 2 },
    inlets: { value: ['s3://in'] },
    prevStartDateSuccess: { value: Promise.resolve(DateTime.utc(2026, 1, 2)) },
    prevEndDateSuccess: { value: Promise.resolve(DateTime.utc(2026, 1, 3)) },
  });
  expect(
    await render('{{ map_index }} {{ expanded_ti_count }} {{ task_reschedule_count }} {{ inlets[0] }} {{ outlets.length }}', context),
  ).toBe('3 7 2 s3://in 0');
  expect(await render('{{ ts_nodash_with_tz }} {{ task_instance_key_str }} {{ logical_date | ts_nodash_with_tz }}', context)).toBe(
    '20260131T000000+0000 etl__load__20260131 20260131T000000+0000',
  );
  expect(await render('{{ prev_start_date_success | ds }} {{ prev_end_date_success | ds }}', context)).toBe('2026-01-02 2026-01-03');
  expect(await render('{{ task.pool }} {{ task.trigger_rule }} {{ task.retries }}', context)).toBe('default_pool all_success 0');
});

test('a date prints as ISO 8601', async () => {
  expect(await render('{{ data_interval_start }}/{{ dataIntervalEnd }} {% if true %}{{ logical_date }}{% endif %}')).toBe(
    '2026-01-31T00:00:00+00:00/2026-02-01T00:00:00+00:00 2026-01-31T00:00:00+00:00',
  );
});

test('strings in lists and objects are rendered, everything else is left as it is', async () => {
  const date = new Date(0);
  const fields = { list: ['{{ ds }}', 5, ['{{ ds_nodash }}']], map: { '{{ ds }}': '{{ ds }}!', date }, none: null, plain: 'a } b { c' };
  expect(await renderFields(fields, contextFor({}))).toEqual({
    list: ['2026-01-31', 5, ['20260131']],
    map: { '{{ ds }}': '2026-01-31!', date },
    none: null,
    plain: 'a } b { c',
  });
});

test('XComs, variables and connections are fetched when a template asks for them, each once', async () => {
  const context = contextFor({
    xcoms: { 'a/return_value': { rows: [1, 2] }, 'a/k': 'K', 'b/k': 'B' },
    variables: { x: 'X', j: '{"y":[3]}' },
  });
  const pull = jest.spyOn(context.xcom, 'pull');
  expect(
    await render(
      '{{ ti.xcom_pull("a").rows[1] }} {{ ti.xcom_pull(task_ids="a").rows.length }} {{ ti.xcomPull("a", { key: "k" }) }}',
      context,
    ),
  ).toBe('2 2 K');
  expect(pull).toHaveBeenCalledTimes(2);
  expect(await render('{{ ti.xcom_pull(task_ids=["a", "b"], key="k") | join("-") }}', context)).toBe('K-B');
  expect(await render('{{ ti.xcom_pull("nobody", default="none") }}', context)).toBe('none');
  expect(await render('{{ var.value.x }} {{ var.json.j.y[0] }} {{ var.value.get("missing", "else") }}', context)).toBe('X 3 else');
  expect(await render('{{ conn.examples.host }} {{ conn.examples.get_uri() }} {{ conn.examples.conn_type }}', context)).toBe(
    'localhost postgres://localhost/db postgres',
  );
});

test('keys may be computed from what was fetched before, and stand in loops', async () => {
  const context = contextFor({ xcoms: { 'list/return_value': ['a', 'b'], 'a/return_value': 1, 'b/return_value': 2 } });
  expect(await render('{% for id in ti.xcom_pull("list") %}{{ ti.xcom_pull(id) }};{% endfor %}', context)).toBe('1;2;');
});

test('a template that is never satisfied ends after a bounded number of rounds', async () => {
  let round = 0;
  const scope: Scope = (ask) => ({ next: () => ask({ kind: 'variable', key: String(round++) }) });
  await expect(renderTemplates('{{ next() }}', scope, () => Promise.resolve('x'))).rejects.toThrow(/in each of 100 rounds/);
});

test('values are data: what looks like a template in them is printed as it is, and nothing is escaped', async () => {
  expect(await render('{{ conf.evil }}', contextFor({ conf: { evil: '{{ ds }} <b> & "' } }))).toBe('{{ ds }} <b> & "');
});

test('a string without template marks needs no context at all', async () => {
  const broken: Scope = () => {
    throw new Error('not needed');
  };
  expect(await renderTemplates(['plain'], broken, never)).toEqual(['plain']);
});

test.each<[string, RegExp]>([
  [
    'echo\n  {{ parms.x }}',
    /^template in `command`, line 2, column \d+: `\{\{ parms\.x \}\}` prints nothing: there is no `parms`; did you mean "params"\?$/,
  ],
  [
    '{{ params.nothing }}',
    /^template in `command`, line 1, column \d+: `\{\{ params\.nothing \}\}` prints nothing: the value is undefined or null$/,
  ],
  ['{{ var.value.nope }}', /`\{\{ var\.value\.nope \}\}` prints nothing: there is no variable "nope"/],
  ['a {{ ti.xcom_pull("x") }} b', /`\{\{ ti\.xcom_pull\("x"\) \}\}` prints nothing: there is no XCom "return_value" of x in this run/],
  ['{{ conn.nope.host }}', /^template in `command`: there is no connection "nope"/],
  ['{{ ds | nofilter }}', /^template in `command`.*filter not found: nofilter/],
  ['line\n{% if %}', /^template in `command`, line 2, column \d+: .*/],
  ['\n\n {{ macros.ds_add("x", 1) }}', /^template in `command`, line 3, column \d+: ds_add: "x" is not an ISO 8601 date/],
  ['{{ ti.xcom_pull("a", kee="k") }}', /has no argument `kee`; did you mean "key"\?/],
])('the error of %j says which field, where, and why', async (text, message) => {
  await expect(render(text)).rejects.toThrow(message);
});

test('in a run without a logical date its names say so when they are printed, and can be asked for', async () => {
  const context = contextFor({ logicalDate: null });
  await expect(render('{{ ds }}', context)).rejects.toThrow(/`\{\{ ds \}\}` prints nothing: this run has no logical date/);
  expect(await render('{{ "dated" if ds else "undated" }} {{ run_id }}', context)).toBe('undated run-1');
});

test('fetching goes on in parallel, and its failure names the field', async () => {
  const asked: Need[] = [];
  const scope: Scope = (ask) => ({ a: () => ask({ kind: 'variable', key: 'a' }), b: () => ask({ kind: 'variable', key: 'b' }) });
  const result = await renderTemplates({ x: '{{ a() }}', y: '{{ b() }}' }, scope, (need) => {
    asked.push(need);
    return Promise.resolve(need.kind === 'variable' ? need.key.toUpperCase() : null);
  });
  expect(result).toEqual({ x: 'A', y: 'B' });
  expect(asked).toHaveLength(2);
  await expect(renderTemplates({ x: ['', '{{ a() }}'] }, scope, () => Promise.reject(new Error('the database is away')))).rejects.toThrow(
    /template in `x\[1\]`: the database is away/,
  );
});

test('macros do calendar arithmetic', () => {
  expect(macros.ds_format_locale('2026-03-09', '%Y-%m-%d', '%A, %d. %B', 'de_CH')).toBe('Montag, 09. März');
  expect(macros.uuid.uuid4()).toMatch(/^[0-9a-f-]{36}$/);
  expect(macros.json.loads(macros.json.dumps({ a: [1] }))).toEqual({ a: [1] });
  expect(macros.dsAdd('2024-02-28', 2)).toBe('2024-03-01');
  expect(macros.ds_add('2024-03-01', -1)).toBe('2024-02-29');
  expect(macros.dsFormat('2026-01-31', 'yyyy-MM-dd', 'd LLL yyyy')).toBe('31 Jan 2026');
  expect(macros.ds_format('31/01/26', '%d/%m/%y', 'Week %V of %Y')).toBe('Week 05 of 2026');
  expect(() => macros.ds_format('x', '%Y', '%d')).toThrow(/"x" is not a date in the format "%Y"/);
  expect(() => macros.ds_format('2026', '%Y', '%Q')).toThrow(/unknown code %Q/);
  expect(macros.datetime_diff_for_humans('2026-01-01', DateTime.fromISO('2026-01-04', { zone: 'utc' }))).toBe('3 days ago');
});
