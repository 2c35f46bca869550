/** Points on the time axis at which one data interval ends and the next begins. */
import type { Instant } from '../core/time';
import type { DstPolicy } from '../dag-spec/spec';
import type { CronExpression } from './cron-expression';
import type { WallTime, Zone } from './zone';

export interface Ticks {
  /** The first tick after `at`, or null for ever. Always later than `at`, and `previous` undoes it. */
  next(at: Instant): Instant | null;
  /** The last tick before `at`, or null. */
  previous(at: Instant): Instant | null;
}

/** `at` itself when it is a tick. */
export function alignToNext(ticks: Ticks, at: Instant): Instant | null {
  return ticks.next(at - 1);
}

/** `at` itself when it is a tick. */
export function alignToPrevious(ticks: Ticks, at: Instant): Instant | null {
  return ticks.previous(at + 1);
}

/** Longer than any change of a zone's clocks (Samoa left out a whole day). */
const NEAR = 26 * 3_600_000;

/**
 * A cron expression in a zone. The ticks are a set of instants, the same from wherever one starts:
 * - the hour field covers every hour: all instants at which the wall clock matches, so that each real hour has its ticks;
 * - else: the instants of each matching wall time, as the policy has it: usually one, in the gap moved forward, in the repeated hour the
 *   second occurrence.
 */
export class CronTicks implements Ticks {
  constructor(
    private readonly expression: CronExpression,
    private readonly zone: Zone,
    private readonly dst: Partial<DstPolicy> = {},
  ) {}

  next(at: Instant): Instant | null {
    const around = this.offsetsAround(at);
    let best: Instant | null = null;
    // Beginning at the smallest offset near, no wall time is left out whose instant is after `at`.
    for (let wall = this.expression.next(at + around.low); wall !== null; wall = this.expression.next(wall)) {
      // Wall times do not come in the order of their instants near a change of the clocks.
      if (best !== null && wall - this.offsetsAround(best).high >= best) return best;
      for (const instant of this.instantsOf(wall)) if (instant > at && (best === null || instant < best)) best = instant;
      if (best !== null && this.isSteady(best)) return best;
    }
    return best;
  }

  previous(at: Instant): Instant | null {
    const around = this.offsetsAround(at);
    for (let wall = this.expression.previous(at + around.low); wall !== null; wall = this.expression.previous(wall)) {
      let found = this.instantsOf(wall).find((instant) => instant < at);
      if (found === undefined) continue;
      if (around.low === around.high && this.isSteady(found)) return found;
      for (let next = this.next(found); next !== null && next < at; next = this.next(found)) found = next;
      return found;
    }
    return null;
  }

  private instantsOf(wall: WallTime): readonly Instant[] {
    return this.expression.coversEveryHour ? this.zone.instantsOf(wall) : instantsOf(this.zone, wall, this.dst);
  }

  private isSteady(at: Instant): boolean {
    const { low, high } = this.offsetsAround(at);
    return low === high;
  }

  private offsetsAround(at: Instant): { low: number; high: number } {
    const offsets = [this.zone.offset(at - NEAR), this.zone.offset(at), this.zone.offset(at + NEAR)];
    return { low: Math.min(...offsets), high: Math.max(...offsets) };
  }
}

/** When a clock on the wall is meant to show `wall`: once, or not at all or twice where the policy says so. Ascending. */
export function instantsOf(zone: Zone, wall: WallTime, { gap = 'forward', overlap = 'second' }: Partial<DstPolicy>): readonly Instant[] {
  const instants = zone.instantsOf(wall);
  if (instants.length === 0) return gap === 'skip' ? [] : [zone.fromWall(wall)];
  return overlap === 'both' ? instants : overlap === 'first' ? instants.slice(0, 1) : instants.slice(-1);
}

/** All ticks of several. */
export class UnionTicks implements Ticks {
  constructor(private readonly parts: readonly Ticks[]) {}

  next(at: Instant): Instant | null {
    const next = this.parts.flatMap((ticks) => ticks.next(at) ?? []);
    return next.length === 0 ? null : Math.min(...next);
  }

  previous(at: Instant): Instant | null {
    const previous = this.parts.flatMap((ticks) => ticks.previous(at) ?? []);
    return previous.length === 0 ? null : Math.max(...previous);
  }
}

/** A list of instants, ascending. */
export class ListedTicks implements Ticks {
  constructor(private readonly instants: readonly Instant[]) {}

  next(at: Instant): Instant | null {
    return this.instants.find((instant) => instant > at) ?? null;
  }

  previous(at: Instant): Instant | null {
    return this.instants.findLast((instant) => instant < at) ?? null;
  }
}
