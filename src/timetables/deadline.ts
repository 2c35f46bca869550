/** When a run should have ended. Pure. */
import type { Instant } from '../core/time';
import type { DeadlineSpec } from '../dag-spec/spec';
import { Zone } from './zone';

export interface DeadlineRun {
  readonly runAfter: Instant;
  readonly queuedAt: Instant;
  /** Null: it has not started. */
  readonly startDate: Instant | null;
  readonly logicalDate: Instant | null;
  /** How long the last runs that succeeded took, newest first, as far as they are known. */
  readonly durationsMs: readonly number[];
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Null: there is none, or none that can be told before the run has started. */
export function deadlineOf(spec: DeadlineSpec, run: DeadlineRun, timezone: string): Instant | null {
  switch (spec.kind) {
    case 'by':
      return firstTimeAfter(run.runAfter, spec.time, Zone.named(timezone));
    case 'after': {
      const from = run[spec.from];
      return from === null ? null : from + spec.ms;
    }
    case 'usual': {
      const known = run.durationsMs.slice(0, spec.runs);
      if (run.startDate === null || known.length < spec.minRuns) return null;
      const average = known.reduce((sum, ms) => sum + ms, 0) / known.length;
      return run.startDate + Math.round(average * spec.factor);
    }
  }
}

/** Nothing that happens to the run later changes it. */
export function isSettled(spec: DeadlineSpec, run: DeadlineRun): boolean {
  const needsStart = spec.kind === 'usual' || (spec.kind === 'after' && spec.from === 'startDate');
  return !needsStart || run.startDate !== null;
}

/** Where the clocks leave the time out it moves forward with them; where they repeat it, the second one counts: as for cron. */
function firstTimeAfter(at: Instant, time: string, zone: Zone): Instant {
  const [hours, minutes] = time.split(':').map(Number) as [number, number];
  const today = Math.floor(zone.toWall(at) / DAY) * DAY;
  for (let day = today - DAY; ; day += DAY) {
    const instant = zone.fromWall(day + (hours * 60 + minutes) * MINUTE);
    if (instant > at) return instant;
  }
}
