/** Ticks that know the calendar: days left out, days moved, the n-th business day of a period. */
import type { Instant } from '../core/time';
import type { BusinessPeriod, DstPolicy } from '../dag-spec/spec';
import type { BusinessDays, Day } from './business-days';
import { DAY_MS, dayOf, firstDayOf, periodOf, startOf } from './business-days';
import { instantsOf, type Ticks } from './ticks';
import type { WallTime, Zone } from './zone';

/** Around a change of the clocks the days of a zone overlap by this much at most. */
const OVERLAP_MS = 3 * 3_600_000;
/** So many days in a row without a tick that stays: such a tick does not come. */
const MOST_TRIES = 1_000;

/** Days on which ticks stay. Both searches end, and go away from `day` until they find one. */
export interface AllowedDays {
  has(day: Day): boolean;
  from(day: Day): Day;
  upTo(day: Day): Day;
}

/** Ticks of another schedule, without those on days that are not allowed. */
export class FilteredTicks implements Ticks {
  constructor(
    private readonly of: Ticks,
    private readonly zone: Zone,
    private readonly days: AllowedDays,
  ) {}

  next(at: Instant): Instant | null {
    let tick = this.of.next(at);
    for (let tries = 0; tick !== null && tries < MOST_TRIES; tries++) {
      const day = dayOf(this.zone, tick);
      if (this.days.has(day)) return tick;
      tick = this.of.next(Math.max(tick, startOf(this.zone, this.days.from(day)) - OVERLAP_MS));
    }
    return null;
  }

  previous(at: Instant): Instant | null {
    let tick = this.of.previous(at);
    for (let tries = 0; tick !== null && tries < MOST_TRIES; tries++) {
      const day = dayOf(this.zone, tick);
      if (this.days.has(day)) return tick;
      tick = this.of.previous(Math.min(tick, startOf(this.zone, this.days.upTo(day) + 1) + OVERLAP_MS));
    }
    return null;
  }
}

/** Ticks of another schedule; those on a day that is not worked come at the same time of the next (or previous) business day. */
export class MovedTicks implements Ticks {
  /** By the business day on which they come. */
  private readonly cache = new Map<Day, readonly Instant[]>();

  constructor(
    private readonly of: Ticks,
    private readonly zone: Zone,
    private readonly days: BusinessDays,
    private readonly direction: 'next' | 'previous',
    private readonly dst: Partial<DstPolicy>,
  ) {}

  next(at: Instant): Instant | null {
    // From a day early on and to one day later, since the days of a zone overlap around a change of the clocks.
    let target = this.days.from(dayOf(this.zone, at) - 1);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const following = this.days.from(target + 1);
      const after = [target, following].flatMap((day) => this.ticksOf(day).find((tick) => tick > at) ?? []);
      if (after.length > 0) return Math.min(...after);
      const tick = this.of.next(startOf(this.zone, this.lastSource(following) + 1) - OVERLAP_MS);
      if (tick === null) return null;
      target = Math.max(this.targetOf(dayOf(this.zone, tick)), following);
    }
    return null;
  }

  previous(at: Instant): Instant | null {
    let target = this.days.upTo(dayOf(this.zone, at) + 1);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const preceding = this.days.upTo(target - 1);
      const before = [target, preceding].flatMap((day) => this.ticksOf(day).findLast((tick) => tick < at) ?? []);
      if (before.length > 0) return Math.max(...before);
      const tick = this.of.previous(startOf(this.zone, this.firstSource(preceding)) + OVERLAP_MS);
      if (tick === null) return null;
      target = Math.min(this.targetOf(dayOf(this.zone, tick)), preceding);
    }
    return null;
  }

  private ticksOf(target: Day): readonly Instant[] {
    let ticks = this.cache.get(target);
    if (ticks === undefined) {
      if (this.cache.size >= 1_000) this.cache.clear();
      this.cache.set(target, (ticks = this.findTicks(target)));
    }
    return ticks;
  }

  private findTicks(target: Day): readonly Instant[] {
    const [first, last] = [this.firstSource(target), this.lastSource(target)];
    const end = startOf(this.zone, last + 1) + OVERLAP_MS;
    const found = new Set<Instant>();
    for (let tick = this.of.next(startOf(this.zone, first) - OVERLAP_MS); tick !== null && tick < end; tick = this.of.next(tick)) {
      const day = dayOf(this.zone, tick);
      if (day < first || day > last) continue;
      const moved = day === target ? [tick] : instantsOf(this.zone, this.zone.toWall(tick) + (target - day) * DAY_MS, this.dst);
      for (const instant of moved) found.add(instant);
    }
    return [...found].sort((a, b) => a - b);
  }

  /** The days whose ticks come on this business day: itself, and the days off before it (or after it). */
  private firstSource(target: Day): Day {
    return this.direction === 'next' ? this.days.upTo(target - 1) + 1 : target;
  }

  private lastSource(target: Day): Day {
    return this.direction === 'next' ? target : this.days.from(target + 1) - 1;
  }

  private targetOf(day: Day): Day {
    return this.direction === 'next' ? this.days.from(day) : this.days.upTo(day);
  }
}

export interface NthBusinessDay {
  /** From 1; -1 is the last. */
  readonly n: number;
  readonly of: BusinessPeriod;
  /** Milliseconds from midnight on the wall. */
  readonly time: WallTime;
}

/** One tick a period, on its n-th business day; none in a period that has not so many. */
export class NthBusinessDayTicks implements Ticks {
  constructor(
    private readonly which: NthBusinessDay,
    private readonly zone: Zone,
    private readonly days: BusinessDays,
    private readonly dst: Partial<DstPolicy>,
  ) {}

  next(at: Instant): Instant | null {
    const first = this.periodAt(at) - 1;
    for (let period = first; period < first + MOST_TRIES; period++) {
      const tick = this.ticksOf(period).find((instant) => instant > at);
      if (tick !== undefined) return tick;
    }
    return null;
  }

  previous(at: Instant): Instant | null {
    const last = this.periodAt(at) + 1;
    for (let period = last; period > last - MOST_TRIES; period--) {
      const tick = this.ticksOf(period).findLast((instant) => instant < at);
      if (tick !== undefined) return tick;
    }
    return null;
  }

  private periodAt(at: Instant): number {
    return periodOf(dayOf(this.zone, at), this.which.of);
  }

  private ticksOf(period: number): readonly Instant[] {
    const { n, of, time } = this.which;
    const day = this.days.nth(n, firstDayOf(period, of), firstDayOf(period + 1, of));
    return day === null ? [] : instantsOf(this.zone, day * DAY_MS + time, this.dst);
  }
}
