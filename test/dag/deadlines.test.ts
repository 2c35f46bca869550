import { deadlineSpecs } from '../../src/dag/deadlines';

const onMissed = () => undefined;
const of = (deadline: object) => deadlineSpecs({ deadline: deadline as never }, 'DAG "d"');

it('a deadline is stored without its callbacks', () => {
  expect(of({ by: '07:00', name: 'morning', onMissed })).toEqual([{ name: 'morning', kind: 'by', time: '07:00' }]);
  expect(of({ after: { minutes: 5 }, onMissed })).toEqual([{ name: null, kind: 'after', ms: 300_000, from: 'runAfter' }]);
  expect(
    of([
      { longerThanUsual: 1.5, onMissed },
      { longerThanUsual: { factor: 3, runs: 4, minRuns: 2 }, onMissed: [onMissed] },
    ]),
  ).toEqual([
    { name: null, kind: 'usual', factor: 1.5, runs: 10, minRuns: 5 },
    { name: null, kind: 'usual', factor: 3, runs: 4, minRuns: 2 },
  ]);
});

it.each([
  [{ onMissed }, 'takes one of `by`, `after` and `longerThanUsual`; it has 0'],
  [{ by: '07:00', after: 5, onMissed }, 'it has 2'],
  [{ by: '7 am', onMissed }, "a time of the day such as '07:00'"],
  [{ by: '07:00', from: 'queuedAt', onMissed }, 'which belongs to `after`'],
  [{ by: '07:00' }, 'nobody would be told'],
  [{ longerThanUsual: { factor: 2, runs: 2, minRuns: 5 }, onMissed }, 'a number above 0, or'],
  [{ by: '07:00', onMised: onMissed }, 'onMissed'],
])('%j is refused with a sentence', (deadline, sentence) => {
  expect(() => of(deadline)).toThrow(sentence);
});
