import { DateTime, Duration } from 'luxon';
import type { Instant } from '../core/time';
import type { Ticks } from './ticks';

/**
 * Steps of a fixed length from an anchor, in both directions: the n-th tick is anchor + n × delta, never "the last one + delta", so that
 * months from 31 January give the end of February and then 31 March. Months and years follow the calendar of the zone; weeks, days and
 * everything shorter are so many milliseconds, whatever the clocks do.
 */
export class DeltaTicks implements Ticks {
  private readonly anchor: DateTime;
  private readonly months: number;
  private readonly milliseconds: number;

  /** @throws RangeError when `delta` is no ISO 8601 duration or does not lead forward. */
  constructor(delta: string, anchor: Instant, timezone: string) {
    const duration = Duration.fromISO(delta);
    if (!duration.isValid) throw new RangeError(`"${delta}" is not an ISO 8601 duration such as PT6H or P1M`);
    this.months = duration.years * 12 + duration.quarters * 3 + duration.months;
    this.milliseconds = duration.minus({ years: duration.years, quarters: duration.quarters, months: duration.months }).toMillis();
    if (this.months < 0 || this.milliseconds < 0 || this.months + this.milliseconds <= 0 || !Number.isInteger(this.months)) {
      throw new RangeError(`the interval "${delta}" does not lead forward: give a duration above zero, in whole months`);
    }
    this.anchor = DateTime.fromMillis(anchor, { zone: this.months > 0 ? timezone : 'UTC' });
  }

  next(at: Instant): Instant {
    let n = this.roughly(at);
    while (this.tick(n) > at) n--;
    while (this.tick(n) <= at) n++;
    return this.tick(n);
  }

  previous(at: Instant): Instant {
    let n = this.roughly(at);
    while (this.tick(n) < at) n++;
    while (this.tick(n) >= at) n--;
    return this.tick(n);
  }

  private tick(n: number): Instant {
    if (this.months === 0) return this.anchor.toMillis() + n * this.milliseconds;
    return this.anchor.plus({ months: n * this.months }).toMillis() + n * this.milliseconds;
  }

  private roughly(at: Instant): number {
    return Math.round((at - this.anchor.toMillis()) / (this.months * 30.436875 * 86_400_000 + this.milliseconds));
  }
}
