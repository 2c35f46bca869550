import type { UserWork } from '../../src/core/workload';
import { describeEnd } from '../../executors/local/describe-end';

const end = { code: null, signal: null, stopped: null, stderrTail: '', killGraceMs: 1 };
const work = (kind: UserWork['kind']) => ({ kind, executionTimeoutMs: 300_000 }) as UserWork;

test('a callback that was killed from outside is lost, so that it is called again; a task has failed, and may have retries', () => {
  expect(describeEnd({ ...end, signal: 'SIGKILL', task: work('run-task') })).toMatchObject({ kind: 'failed', reason: 'killed' });
  expect(describeEnd({ ...end, signal: 'SIGKILL', task: work('run-callback') })).toEqual({
    kind: 'lost',
    message: expect.stringMatching(/^The callback's process was killed with SIGKILL/),
  });
});

test('a callback that ends its process, uses too much memory or never ends is not called again', () => {
  const task = work('run-callback');
  expect(describeEnd({ ...end, code: 0, task })).toMatchObject({
    kind: 'failed',
    error: {
      message:
        'The callback ended its process with exit code 0: something called process.exit(). Return from the callback, or throw, instead.',
    },
  });
  expect(describeEnd({ ...end, stderrTail: 'FATAL ERROR: Reached heap limit', signal: 'SIGABRT', task })).toMatchObject({
    kind: 'failed',
    reason: 'oom',
  });
  expect(describeEnd({ ...end, stopped: 'timeout', signal: 'SIGKILL', task })).toMatchObject({
    kind: 'failed',
    reason: 'timeout',
    error: {
      message: expect.stringMatching(
        /^The callback was stopped: it, or those of the same event together, ran longer than the limit of 300 s\. It did not end/,
      ),
    },
  });
});
