import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import type { DAG } from '../src/dag/dag';
import { isTimetable } from '../src/dag/timetable';
import { toIsoDate } from '../src/dag/dates';
import type { AnyParams } from '../src/dag/types';
import type { Timetable } from '../src/timetables/timetable';
import { nowOf } from './engine-access';

/**
 * What comes right after it runs only in the newest run: not while a catch-up or a backfill makes up for older intervals. A run is the
 * newest until the one after it is due. Runs that a person or an operator triggered always pass. Output: whether it went on.
 */
export class LatestOnlyOperator extends BaseOperator<boolean> {
  static override readonly optionNames: readonly string[] | undefined = [];
  static override get '~kind'(): 'short_circuit' {
    return 'short_circuit';
  }

  execute(context: TaskContext): boolean {
    const { dag, dagRun, log } = context;
    const { dataIntervalStart, dataIntervalEnd } = dagRun;
    if (dagRun.runType === 'manual' || dataIntervalStart === null || dataIntervalEnd === null) {
      log.info('The run was triggered, or has no interval: it goes on.');
      return true;
    }
    const timetable = timetableOf(dag);
    const interval = { start: dataIntervalStart.toMillis(), end: dataIntervalEnd.toMillis() };
    // Nothing is left out between the two: this asks for the very next run, whether it is due or not.
    const next = timetable.nextRun(interval, { earliest: null, latest: null, catchup: true }, nowOf(context));
    const isLatest = next === null || !timetable.followsClock || next.runAfter > nowOf(context);
    if (isLatest) log.info('This is the newest run: it goes on.');
    else log.info(`The run after this one was due at ${new Date(next.runAfter).toISOString()}: what follows is skipped.`);
    return isLatest;
  }
}

/** Loaded here: importing thence in a DAG file stays light. */
function timetableOf({ options, id }: DAG<AnyParams>): Timetable {
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { parseTimetable } = require('../src/dag/schedule') as typeof import('../src/dag/schedule');
  const { timetableOf: make } = require('../src/timetables/timetable-of') as typeof import('../src/timetables/timetable-of');
  const { CheckedTimetable } = require('../src/user-code/checked-timetable') as typeof import('../src/user-code/checked-timetable');
  /* eslint-enable @typescript-eslint/no-require-imports */
  const timezone = options.timezone ?? 'UTC';
  const spec = parseTimetable(options.schedule, timezone, `DAG "${id}"`);
  if (spec.kind === 'custom' && isTimetable(options.schedule)) return new CheckedTimetable(options.schedule, timezone);
  return make(spec, options.startDate === undefined ? null : Date.parse(toIsoDate(options.startDate, timezone, 'startDate')));
}
