import { mapLengths, mapSourceOf } from '../../src/core/map-lengths';
import type { ExpandSpec } from '../../src/dag-spec/spec';

const over = (kind: ExpandSpec['kind'], sources: Record<string, number | string>, maxMapLength?: number): ExpandSpec => ({
  kind,
  keys: Object.entries(sources).map(([name, source]) => ({
    name,
    target: 'input',
    source: typeof source === 'number' ? { kind: 'literal', length: source } : { kind: 'task', taskId: source },
  })),
  ...(maxMapLength === undefined ? {} : { maxMapLength }),
});
const outputs = (values: Record<string, string | null>) => (taskId: string) => mapSourceOf(values[taskId] ?? null);
const none = outputs({});

it('multiplies the lengths of a product', () => {
  expect(mapLengths('t', over('product', { a: 2, b: 3 }), none)).toEqual({ ok: true, lengths: [2, 3], length: 6 });
  expect(mapLengths('t', over('product', { a: 2, b: 0 }), none)).toMatchObject({ ok: true, length: 0 });
});

it('counts the elements of lists, and the entries of objects', () => {
  const found = mapLengths('t', over('product', { a: 'list', b: 'object' }), outputs({ list: '[1,2,3]', object: '{"x":1,"y":2}' }));
  expect(found).toEqual({ ok: true, lengths: [3, 2], length: 6 });
});

it('pairs what is equally long, and says what is not', () => {
  expect(mapLengths('t', over('zip', { a: 3, b: 'list' }), outputs({ list: '[1,2,3]' }))).toMatchObject({ ok: true, length: 3 });
  const error = '"t" pairs lists that differ in length: a has 3, b has 4. They have to be equally long';
  expect(mapLengths('t', over('zip', { a: 3, b: 4 }), none)).toEqual({ ok: false, error });
});

it('keeps to maxMapLength', () => {
  expect(mapLengths('t', over('product', { a: 32, b: 32 }), none)).toMatchObject({ ok: true, length: 1024 });
  const tooMany = '"t" would be expanded to 1056 instances (a has 33, b has 32), and its maxMapLength allows 1024';
  expect(mapLengths('t', over('product', { a: 33, b: 32 }), none)).toEqual({ ok: false, error: tooMany });
  expect(mapLengths('t', over('product', { a: 33, b: 32 }, 2000), none)).toMatchObject({ ok: true, length: 1056 });
  expect(mapLengths('t', over('product', { a: 3 }, 2), none)).toMatchObject({ ok: false });
});

it.each([
  ['"text"', 'a string'],
  ['7', 'a number'],
  ['true', 'a boolean'],
  ['null', 'null'],
  [null, 'not there (it returned nothing)'],
])('refuses to map over %s', (output, what) => {
  const error = `"t" maps "x" over the output of "up", which is ${what}: it has to be a list or an object`;
  expect(mapLengths('t', over('product', { x: 'up' }), outputs({ up: output }))).toEqual({ ok: false, error });
});
