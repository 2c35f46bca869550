import { DAG, LatestOnlyOperator, ShortCircuitOperator, Timetable, type DagOptions } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { serializeDag } from '../../src/dag/serialize';
import type { TimetableInterval } from '../../src/dag/timetable';
import { choiceOf } from '../../src/runner/branch-choice';
import { contextFor } from '../support/task-context';

beforeEach(() => openRegistry());

test('a short circuit closes on what is not true: nothing follows then', async () => {
  const dag = new DAG('d');
  const task = new ShortCircuitOperator('gate', { dag, run: async ({ conf }) => conf['n'] as number });
  expect(await task.execute(contextFor({ conf: { n: 3 } }))).toBe(3);
  expect(choiceOf(task, 'short_circuit', 3)).toBeNull();
  for (const no of [false, 0, '', null, undefined]) expect(choiceOf(task, 'short_circuit', no)).toEqual([]);
  expect(choiceOf(task, 'task', false)).toBeNull();
});

test('its spec says whether all that follows is skipped, or what follows directly', () => {
  const dag = new DAG('d');
  new ShortCircuitOperator('all', { dag, run: () => true });
  new ShortCircuitOperator('direct', { dag, run: () => true, ignoreDownstreamTriggerRules: false });
  new LatestOnlyOperator('latest', { dag });
  const tasks = serializeDag(dag).spec.tasks;
  expect(tasks.map(({ kind, ignoreDownstreamTriggerRules }) => [kind, ignoreDownstreamTriggerRules])).toEqual([
    ['short_circuit', true],
    ['short_circuit', undefined],
    ['short_circuit', undefined],
  ]);
  expect(() => new ShortCircuitOperator('bad', { dag } as never)).toThrow(/needs `run`, a function/);
});

describe('LatestOnlyOperator', () => {
  const hour = 3_600_000;
  const startOfHour = Math.floor(Date.now() / hour) * hour;
  const iso = (at: number) => new Date(at).toISOString();
  const passes = (hoursAgo: number, runType: 'scheduled' | 'manual' | 'backfill', options: DagOptions = { schedule: '@hourly' }) => {
    const dag = new DAG('d', options);
    const end = startOfHour - hoursAgo * hour;
    const task = new LatestOnlyOperator('latest', { dag });
    openRegistry();
    return task.execute(contextFor({ dag, runType, logicalDate: iso(end - hour), dataIntervalEnd: iso(end) }));
  };

  it('passes in the newest run only', () => {
    expect(passes(0, 'scheduled')).toBe(true);
    expect(passes(1, 'scheduled')).toBe(false);
    expect(passes(0, 'backfill')).toBe(true);
    expect(passes(5, 'backfill')).toBe(false);
  });

  it('passes always in a run that was triggered, and where runs follow no clock', () => {
    expect(passes(5, 'manual')).toBe(true);
    expect(passes(5, 'scheduled', { schedule: '@once', startDate: '2026-01-01' })).toBe(true);
  });

  it('asks a timetable of the file', () => {
    class Hours extends Timetable {
      nextRun(last: TimetableInterval | null) {
        return last && { start: last.end, end: last.end.plus({ hours: 1 }) };
      }
      manualInterval() {
        return { start: 0, end: 0 };
      }
    }
    expect(passes(0, 'scheduled', { schedule: new Hours() })).toBe(true);
    expect(passes(2, 'scheduled', { schedule: new Hours() })).toBe(false);
  });
});
