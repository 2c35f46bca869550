import { toJsonText } from '../../src/runner/json-value';

const text = (value: unknown, maxBytes = 1_000) => toJsonText(value, 'The return value of task "t"', maxBytes);
const circular: { self?: unknown } = {};
circular.self = circular;

test.each([
  ['nothing', undefined, null],
  ['null', null, 'null'],
  ['a plain object', { a: [1, 'x', true, null] }, '{"a":[1,"x",true,null]}'],
  ['a Date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ['a property that is undefined', { a: undefined }, '{}'],
  ['the same object twice', [{ b: 1 }].flatMap((one) => [one, one]), '[{"b":1},{"b":1}]'],
  ['NUL and a lone surrogate', '\u0000\ud800', '"\\u0000\\ud800"'],
])('%s is stored as JSON', (_name, value, expected) => {
  expect(text(value)).toBe(expected);
});

test.each([
  ['a BigInt', { rows: [{ id: 1n }] }, '`rows[0].id` is a BigInt (1n); use Number(…) or String(…)'],
  ['undefined in an array', { a: [1, undefined] }, '`a[1]` is undefined, which JSON would turn into null'],
  ['a hole', { a: [1, , 2] }, '`a[1]` is undefined'],
  ['a function', { run() {} }, '`run` is a function'],
  ['a circle', circular, '`self` is a circular reference'],
  ['NaN', { 'odd key': NaN }, '`["odd key"]` is NaN'],
  ['a generator', [].values(), 'it is a generator, which JSON would turn into {}; collect what it yields in a list'],
  ['an async generator', (async function* () {})(), 'it is a generator, which JSON would turn into {}'],
  ['a Map', new Map(), 'it is a Map, which JSON would turn into {}; use Object.fromEntries(…)'],
  ['a promise', { later: Promise.resolve() }, '`later` is a promise; await it'],
  ['an Error', [new Error('x')], '`[0]` is an Error'],
  ['an invalid Date', new Date(NaN), 'it is an invalid Date'],
  ['bytes', { b: new Uint8Array(2) }, '`b` is binary data'],
])('%s is refused with its path', (_name, value, message) => {
  expect(() => text(value)).toThrow(`The return value of task "t" cannot be stored as JSON: ${message}`);
});

test('the size is counted in bytes, and the message says what to do', () => {
  expect(text('ä'.repeat(499))).toHaveLength(501);
  expect(() => text('ä'.repeat(500))).toThrow(
    'too large: 1002 bytes as JSON, the limit is 1000 (THENCE_MAX_XCOM_BYTES). Write large data to a file',
  );
});
