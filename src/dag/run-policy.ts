/** When runs are made up for, and how many there may be: the options of a DAG that belong together → their part of its spec. */
import { durationToIso } from '../core/duration';
import { ThenceError } from '../core/errors';
import type { DagSpec } from '../dag-spec/spec';
import type { DagOptions } from './types';

type RunPolicy = Pick<DagSpec, 'catchup' | 'missedRuns' | 'maxActiveRuns' | 'onMaxActiveRuns'>;

/** @throws DAG_FILE for options that contradict each other */
export function runPolicy(
  options: DagOptions,
  { timetable, startDate }: Pick<DagSpec, 'timetable' | 'startDate'>,
  owner: string,
): RunPolicy {
  const { catchup, missedRuns, maxActiveRuns, onMaxActiveRuns = 'queue' } = options;
  const asCatchup = catchup === undefined ? undefined : catchup ? 'all' : 'last';
  if (asCatchup !== undefined && missedRuns !== undefined && asCatchup !== missedRuns) {
    throw new ThenceError(
      'DAG_FILE',
      `${owner} has \`catchup: ${catchup}\`, which means \`missedRuns: '${asCatchup}'\`, and \`missedRuns: ${JSON.stringify(missedRuns)}\`: leave catchup out`,
    );
  }
  const missed = missedRuns ?? asCatchup ?? 'last';
  if (missed === 'all' && timetable.kind !== 'null' && startDate === null) {
    throw new ThenceError(
      'DAG_FILE',
      `${owner} has \`${catchup ? 'catchup: true' : "missedRuns: 'all'"}\` and no \`startDate\`: give the date from which its runs are wanted, or leave ${catchup ? 'catchup' : 'missedRuns'} out`,
    );
  }
  if (timetable.kind === 'continuous' && maxActiveRuns !== undefined && maxActiveRuns !== 1) {
    throw new ThenceError(
      'DAG_FILE',
      `${owner} runs without a pause, one run after the other, and has \`maxActiveRuns: ${maxActiveRuns}\`: leave that out (it is 1)`,
    );
  }
  const window = typeof missed === 'object' ? { window: durationToIso(missed.window, `\`missedRuns\` of ${owner}`) } : null;
  return {
    catchup: missed === 'all',
    ...(window !== null ? { missedRuns: window } : missed === 'none' ? { missedRuns: 'none' as const } : {}),
    maxActiveRuns: maxActiveRuns ?? (timetable.kind === 'continuous' ? 1 : 16),
    ...(onMaxActiveRuns === 'queue' ? {} : { onMaxActiveRuns }),
  };
}
