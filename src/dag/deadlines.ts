/** The DAG option `deadline`: when its runs should have ended, and whom to tell when they have not. */
import type { DurationInput } from '../core/duration';
import { durationToMs } from '../core/duration';
import { ThenceError } from '../core/errors';
import { DEADLINE_REFERENCES } from '../dag-spec/spec';
import type { DeadlineSpec } from '../dag-spec/spec';
import { callbacks } from './callbacks';
import { checkOptions, duration, integer, name, oneOf, show, type Check, type Checks } from './option-checks';
import type { RunCallbacks } from './types';

/** One of `by`, `after` and `longerThanUsual`. Told once a run, while it is queued or running. */
export interface DeadlineOptions {
  /** 'HH:MM' in the DAG's zone: the first such time after the run's run_after. */
  by?: string;
  /** So long after a moment of the run. */
  after?: DurationInput;
  /** @default 'runAfter' */
  from?: 'runAfter' | 'queuedAt' | 'startDate' | 'logicalDate';
  /**
   * So many times the average of the last runs that succeeded: 2 is twice as long. As an object: of how many runs (10), and how many there
   * must be before it is told (5).
   */
  longerThanUsual?: number | { factor: number; runs?: number; minRuns?: number };
  /** For messages and pages. */
  name?: string;
  onMissed: RunCallbacks;
}

const time: Check = (value) =>
  typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value) ? null : `a time of the day such as '07:00'`;
const factor: Check = (value) => (typeof value === 'number' && value > 0 && Number.isFinite(value) ? null : 'a number above 0');
const longerThanUsual: Check = (value) => {
  const wanted = 'a number above 0, or { factor, runs, minRuns }';
  if (typeof value === 'number') return factor(value);
  if (typeof value !== 'object' || value === null) return wanted;
  const { factor: times, runs = 10, minRuns = 5, ...others } = value as { factor?: unknown; runs?: unknown; minRuns?: unknown };
  const good =
    Object.keys(others).length === 0 && factor(times) === null && integer(1, 100)(runs) === null && integer(1, 100)(minRuns) === null;
  return good && (minRuns as number) <= (runs as number) ? null : wanted;
};
const checks: Checks = { by: time, after: duration, from: oneOf(...DEADLINE_REFERENCES), longerThanUsual, name, onMissed: callbacks };

export function deadlinesOf({ deadline }: { deadline?: DeadlineOptions | readonly DeadlineOptions[] }): readonly DeadlineOptions[] {
  return deadline === undefined ? [] : Array.isArray(deadline) ? (deadline as readonly DeadlineOptions[]) : [deadline as DeadlineOptions];
}

/** @throws DAG_FILE naming what is wrong */
export function deadlineSpecs(options: { deadline?: DeadlineOptions | readonly DeadlineOptions[] }, owner: string): DeadlineSpec[] {
  return deadlinesOf(options).map((given, index) => {
    const what = `\`deadline\`${Array.isArray(options.deadline) ? ` number ${index + 1}` : ''} of ${owner}`;
    if (typeof given !== 'object' || given === null) throw new ThenceError('DAG_FILE', `${what} is ${show(given)}; allowed is an object`);
    checkOptions(given, () => what, checks, Object.keys(checks));
    return deadlineSpec(given, what);
  });
}

function deadlineSpec(given: DeadlineOptions, what: string): DeadlineSpec {
  const { by, after, from, longerThanUsual: usual } = given;
  const kinds = [by, after, usual].filter((one) => one !== undefined);
  if (kinds.length !== 1)
    throw new ThenceError('DAG_FILE', `${what} takes one of \`by\`, \`after\` and \`longerThanUsual\`; it has ${kinds.length}`);
  if (from !== undefined && after === undefined) throw new ThenceError('DAG_FILE', `${what} has \`from\`, which belongs to \`after\``);
  if (given.onMissed === undefined) throw new ThenceError('DAG_FILE', `${what} has no \`onMissed\`: nobody would be told`);
  const named = { name: given.name ?? null };
  if (by !== undefined) return { ...named, kind: 'by', time: by };
  if (after !== undefined) return { ...named, kind: 'after', ms: durationToMs(after, `\`after\` of ${what}`), from: from ?? 'runAfter' };
  const { factor: times, runs = 10, minRuns = 5 } = typeof usual === 'number' ? { factor: usual } : usual!;
  return { ...named, kind: 'usual', factor: times, runs, minRuns: Math.min(minRuns, runs) };
}
