import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { BashOperator, BranchOperator, DAG, EmptyOperator, TaskGroup } from 'thence';
import { canonicalJson, specHash } from '../../src/dag-spec/canonical';
import { compileDag } from '../../src/dag-spec/compiled-dag';
import { openRegistry } from '../../src/dag/registry';
import { serializeDag } from '../../src/dag/serialize';
import type { DagOptions } from '../../src/dag/types';

beforeEach(() => openRegistry());

const specOf = <P>(options: DagOptions<P>) => serializeDag(new DAG('d', options)).spec;

test('a DAG becomes a plain spec with every default written out', () => {
  const dag = new DAG('etl', {
    schedule: '0 6 * * *',
    startDate: '2026-01-01',
    timezone: 'Europe/Zurich',
    tags: ['b', 'a', 'b'],
    defaultArgs: { retries: 2 },
  });
  const extract = new BashOperator('extract', { dag, command: 'echo {{ ds }}', retryDelay: ['PT1M', { minutes: 5 }] });
  const load = dag.task('load', { inputs: { extract, all: [extract] }, retries: 0 }, () => 1);
  load.then(new EmptyOperator('end', { dag }), { label: 'ok' });
  const { spec, warnings } = serializeDag(dag);
  expect(warnings).toEqual([]);
  expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
  expect(spec).toMatchObject({
    format: 1,
    dagId: 'etl',
    tags: ['a', 'b'],
    timezone: 'Europe/Zurich',
    timetable: { kind: 'cron-data-interval', expression: '0 6 * * *', timezone: 'Europe/Zurich' },
    startDate: '2025-12-31T23:00:00.000Z',
    endDate: null,
    catchup: false,
    maxActiveRuns: 16,
    params: null,
    edges: [
      { from: 'extract', to: 'load', label: null },
      { from: 'load', to: 'end', label: 'ok' },
    ],
  });
  expect(spec.tasks.map(({ id, operator, kind, retries, inputs }) => ({ id, operator, kind, retries, inputs }))).toEqual([
    { id: 'extract', operator: 'BashOperator', kind: 'task', retries: 2, inputs: {} },
    { id: 'load', operator: 'FunctionOperator', kind: 'task', retries: 0, inputs: { extract: 'extract', all: ['extract'] } },
    { id: 'end', operator: 'EmptyOperator', kind: 'empty', retries: 2, inputs: {} },
  ]);
  expect(spec.tasks[0]).toMatchObject({
    retryDelaysMs: [60_000, 300_000],
    templateFields: ['command', 'env', 'cwd'],
    options: { command: 'echo {{ ds }}' },
  });
  expect(spec.tasks[1]).toMatchObject({
    retryDelaysMs: [300_000],
    options: {},
    pool: 'default_pool',
    poolSlots: 1,
    weightRule: 'downstream',
  });
  expect(compileDag('v', spec).leaves).toEqual(['end']);
});

test('a group before a task stands for its last tasks, after a task for its first, also for tasks added later', () => {
  const dag = new DAG('d');
  const [start, end] = [new EmptyOperator('start', { dag }), new EmptyOperator('end', { dag })];
  const outer = new TaskGroup('outer', { dag, doc: 'text' });
  start.then(outer).then(end);
  const a = outer.task('a', () => 1);
  const inner = new TaskGroup('inner', { group: outer });
  a.then(inner);
  inner.task('b', () => 1).then(inner.task('c', () => 1));
  outer.task('alone', () => 1);
  const { spec } = serializeDag(dag);
  expect(spec.groups).toEqual([
    { id: 'outer', parent: null, doc: 'text' },
    { id: 'outer.inner', parent: 'outer', doc: null },
  ]);
  expect(spec.edges.map(({ from, to }) => `${from} > ${to}`)).toEqual([
    'outer.a > outer.inner.b',
    'outer.alone > end',
    'outer.inner.b > outer.inner.c',
    'outer.inner.c > end',
    'start > outer.a',
    'start > outer.alone',
  ]);
  expect(spec.tasks.find(({ id }) => id === 'outer.inner.b')).toMatchObject({ group: 'outer.inner' });
});

test('an edge to a group without tasks is an error, not a lost edge', () => {
  const dag = new DAG('d');
  new EmptyOperator('a', { dag }).then(new TaskGroup('g', { dag }));
  expect(() => serializeDag(dag)).toThrow(/group "g" \(made at .*serialize\.test\.ts:\d+:\d+\) of DAG "d" .* has no tasks/);
});

test('the hash depends on the meaning only', () => {
  const make = (reverse: boolean) => {
    const dag = new DAG('d', reverse ? { tags: ['y', 'x'], schedule: '@daily' } : { schedule: '0  0 * * *', tags: ['x', 'y'] });
    const [a, b, c] = [dag.task('a', () => 1), dag.task('b', () => 1), dag.task('c', () => 1)];
    if (reverse) {
      a.then(c);
      a.then(b);
    } else a.then([b, c]);
    return specHash(serializeDag(dag).spec);
  };
  expect(make(true)).toBe(make(false));
  expect(canonicalJson({ b: [{ y: 1, x: undefined, a: null }], a: '' })).toBe('{"a":"","b":[{"a":null,"y":1}]}');
});

test('schedules become timetables', () => {
  const timetable = (schedule: DagOptions['schedule']) => specOf({ schedule }).timetable;
  expect(timetable(null)).toEqual({ kind: 'null' });
  expect(timetable('@once')).toEqual({ kind: 'once' });
  expect(timetable('@quarterly')).toEqual({ kind: 'cron-data-interval', expression: '0 0 1 */3 *', timezone: 'UTC' });
  expect(timetable(' */10  *  * * * * ')).toEqual({ kind: 'cron-data-interval', expression: '*/10 * * * * *', timezone: 'UTC' });
  expect(timetable({ months: 1 })).toEqual({ kind: 'delta-data-interval', delta: 'P1M', timezone: 'UTC' });
  expect(timetable('PT90M')).toEqual({ kind: 'delta-data-interval', delta: 'PT90M', timezone: 'UTC' });
  expect(timetable(60_000)).toEqual({ kind: 'delta-data-interval', delta: 'PT60S', timezone: 'UTC' });
});

test.each<[DagOptions, RegExp]>([
  [{ schedule: '0 6 * *' }, /`schedule` of DAG "d" \(made at .*\) is "0 6 \* \* ?": it has 4 fields\. Allowed: 5 fields/],
  [{ schedule: '99 6 * * *' }, /is "99 6 \* \* \*": .*\. Allowed: 5 fields/],
  [{ schedule: '0 0 31 2 *' }, /such a date never comes/],
  [{ schedule: '@dayly' }, /is "@dayly"; did you mean "@daily"\?; allowed is/],
  [{ schedule: { minuts: 5 } as never }, /is \{"minuts":5\}; allowed is/],
  [{ schedule: 5 }, /the shortest interval is one second/],
  [{ schedule: '' }, /is ""/],
  [{ timezone: 'Europe/Zürich' }, /`timezone` of DAG "d" .* is no IANA time zone; .* did you mean "Europe\/Zurich"/],
  [{ startDate: '2026-02-30' }, /`startDate` of DAG "d" .* is "2026-02-30"; allowed is an ISO 8601 date/],
  [{ startDate: '2026-02-01', endDate: '2026-01-01' }, /ends before it begins/],
  [{ schedule: '@daily', catchup: true }, /`catchup: true` and no `startDate`/],
  [{ params: { type: 'object', properties: { n: { type: 'nmber' } } } }, /is no valid JSON Schema/],
  [
    { params: { n: { type: 'integer', default: 3 } } as never },
    /has "n", which is no keyword of JSON Schema; what a run may be given stands under `properties`/,
  ],
  [{ params: { type: 'object', propertys: {} } }, /has "propertys", which is no keyword of JSON Schema; did you mean "properties"/],
  [{ params: z.string() as never }, /is a schema of type "string"; allowed is a schema of an object/],
  [{ params: z.object({ n: z.number() }), schedule: '@daily' }, /`n` is required and has no default; a scheduled run is given no params/],
  [
    { params: { type: 'object', properties: { n: { type: 'integer', minimum: 3, default: 1 } } } },
    /`n` must be >= 3; a default has to satisfy/,
  ],
])('%j is refused when the DAG is stored', (options, message) => {
  expect(() => specOf(options)).toThrow(message);
});

test('params become JSON Schema, from zod or as given', () => {
  expect(specOf({ params: z.object({ region: z.enum(['eu', 'us']).default('eu'), day: z.iso.date().optional() }) }).params).toMatchObject({
    type: 'object',
    properties: { region: { enum: ['eu', 'us'], default: 'eu' }, day: { format: 'date' } },
  });
  const schema = { type: 'object', required: ['n'], properties: { n: { type: 'number' } } } as const;
  expect(specOf({ params: schema }).params).toEqual(schema);
});

test('a schema that cannot be written as JSON Schema gives its names and defaults, with a warning', () => {
  const { spec, warnings } = serializeDag(
    new DAG('d', { schedule: '@daily', params: z3.object({ n: z3.number().default(3), s: z3.string().optional() }) }),
  );
  expect(spec.params).toEqual({ type: 'object', properties: { n: { default: 3 } } });
  expect(warnings).toContainEqual(expect.stringMatching(/`params` of DAG "d" .*: this zod schema cannot be written as JSON Schema/));
  expect(specOf({ params: z3.object({ n: z3.number() }) }).params).toEqual({ type: 'object' });
  expect(() => specOf({ schedule: '@daily', params: z3.object({ n: z3.number() }) })).toThrow(
    /`n`: Required; a scheduled run is given no params/,
  );
});

test('what JSON Schema has no form for is left to the parser, and a union of objects is an object', () => {
  expect(specOf({ params: z.object({ since: z.coerce.date() }) }).params).toMatchObject({ type: 'object', properties: { since: {} } });
  expect(specOf({ params: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]) }).params).toMatchObject({
    type: 'object',
    anyOf: [{}, {}],
  });
});

test('template files beside the DAG file are read into the result; a command that merely ends in .sh is not one', () => {
  const dagsFolder = mkdtempSync(path.join(tmpdir(), 'thence-templates-'));
  writeFileSync(path.join(dagsFolder, 'run.sh'), 'echo {{ ds }}');
  const dag = new DAG('d');
  new BashOperator('file', { dag, command: 'run.sh' });
  new BashOperator('command', { dag, command: 'bash run.sh' });
  expect(serializeDag(dag, { dagsFolder, filePath: 'etl.ts' }).files).toEqual({ 'run.sh': 'echo {{ ds }}' });
  expect(() => serializeDag(dag, { dagsFolder, filePath: 'sub/etl.ts' })).toThrow(
    /task "file" names the template file "run.sh", which cannot be read beside the DAG file/,
  );
});

test('text that Postgres cannot store is refused by name, ordinary unicode is not', () => {
  expect(() => specOf({ description: 'smile 😀 ü' })).not.toThrow();
  const dag = new DAG('d');
  new BashOperator('b', { dag, command: 'echo', env: { X: 'a\0b' } });
  expect(() => serializeDag(dag)).toThrow(/DAG "d" .*: the text of `tasks\.0\.options\.env\.X` has a NUL character/);
  expect(() => specOf({ docMd: '\ud800' })).toThrow(/the text of `docMd`/);
});

test('a subclass of EmptyOperator that does something is executed', () => {
  class Busy extends EmptyOperator {
    override execute(): undefined {
      return undefined;
    }
  }
  class Idle extends EmptyOperator {}
  const dag = new DAG('d');
  new Busy('busy', { dag });
  new Idle('idle', { dag });
  expect(serializeDag(dag).spec.tasks.map(({ id, kind, operator }) => [id, kind, operator])).toEqual([
    ['busy', 'task', 'Busy'],
    ['idle', 'empty', 'Idle'],
  ]);
});

test('a branch keeps its kind, and a DAG without tasks is a warning', () => {
  const dag = new DAG('d');
  expect(serializeDag(dag).warnings).toEqual([expect.stringMatching(/DAG "d".* has no tasks/)]);
  new BranchOperator('which', { dag, run: () => 'x' });
  expect(serializeDag(dag).spec.tasks[0]).toMatchObject({ kind: 'branch', operator: 'BranchOperator', options: {} });
});
