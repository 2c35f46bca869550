/** Wall-clock time of a zone. A wall time is a number too: the milliseconds that the clock on the wall would be if it showed UTC. */
import { IANAZone } from 'luxon';
import type { Instant } from '../core/time';

export type WallTime = number;

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const DAY = 24 * 60 * MINUTE;
const MOST_CACHED = 50_000;

export function isKnownZone(name: string): boolean {
  return name.trim() !== '' && IANAZone.isValidZone(name);
}

/** Offsets are cached: asking Intl costs 10 µs, and a backfill asks thousands of times. */
export class Zone {
  private static readonly byName = new Map<string, Zone>();
  private readonly zone: IANAZone;
  private readonly cache = new Map<Instant, number>();

  /** @throws RangeError for a name that is not in the IANA database. */
  static named(name: string): Zone {
    let zone = Zone.byName.get(name);
    if (!zone) Zone.byName.set(name, (zone = new Zone(name)));
    return zone;
  }

  private constructor(readonly name: string) {
    if (!isKnownZone(name)) throw new RangeError(`"${name}" is not a timezone of the IANA database`);
    this.zone = IANAZone.create(name);
  }

  /** Milliseconds to add to UTC. */
  offset(at: Instant): number {
    const day = Math.floor(at / DAY) * DAY;
    const morning = this.lookUp(day);
    // The clocks change at most once in a day: equal ends mean that they did not.
    if (morning === this.lookUp(day + DAY)) return morning;
    return this.lookUp(Math.floor(at / QUARTER) * QUARTER);
  }

  toWall(at: Instant): WallTime {
    return at + this.offset(at);
  }

  /** When the clock on the wall shows `wall`: once, twice in the hour that is repeated (earlier first), or never in the gap. */
  instantsOf(wall: WallTime): readonly Instant[] {
    const [before, after] = [this.offset(wall - DAY), this.offset(wall + DAY)];
    const instants: Instant[] = [];
    if (this.offset(wall - before) === before) instants.push(wall - before);
    if (after !== before && this.offset(wall - after) === after) instants.push(wall - after);
    return instants;
  }

  /** One instant for each wall time: the second occurrence of a repeated one; one in the gap moves forward by the gap. */
  fromWall(wall: WallTime): Instant {
    return this.instantsOf(wall).at(-1) ?? wall - this.offset(wall - DAY);
  }

  private lookUp(at: Instant): number {
    let offset = this.cache.get(at);
    if (offset === undefined) {
      if (this.cache.size >= MOST_CACHED) this.cache.clear();
      offset = Math.round(this.zone.offset(at) * MINUTE);
      this.cache.set(at, offset);
    }
    return offset;
  }
}
