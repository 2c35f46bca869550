import { errorInfo } from '../../src/runner/error-info';

const stackOf = (...frames: string[]) =>
  errorInfo({ name: 'Error', message: 'x', stack: ['Error: x', ...frames.map((frame) => `    at ${frame}`)].join('\n') })
    .stack?.split('\n')
    .slice(1);

test('the frame of a function without a name, as most tasks and callbacks are, stays in the stack', () => {
  expect(stackOf('<anonymous> (/dags/a.ts:3:9)', 'async Promise.all (index 0)')).toHaveLength(2);
  expect(stackOf('/dags/a.ts:3:9')).toEqual(['    at /dags/a.ts:3:9']);
});

test('frames of Node, of V8 and of thence below it go', () => {
  const ours = `runTask (${require.resolve('../../src/runner/run-task')}:80:3)`;
  expect(
    stackOf('<anonymous> (/dags/a.ts:3:9)', 'Array.map (<anonymous>)', 'new Promise (<anonymous>)', ours, 'node:internal/timers:1:1'),
  ).toEqual(['    at <anonymous> (/dags/a.ts:3:9)']);
});
