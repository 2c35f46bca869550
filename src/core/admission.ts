/**
 * Who may start now. Pure twin of the claim statement in src/ledger/postgres/claim.ts: the memory ledger admits with it, "why is it
 * not running" explains with it, and a property test holds the two equal.
 *
 * Rank: live runs before backfills, then priority, then the older run, then the older row. Inside a pool the first that does not fit
 * blocks those behind it, so that a task with many slots is not starved by small ones; a full pool never blocks another pool.
 * The free slots of the executor (by lane) go to the best ranked of what fits.
 */
import type { Instant } from './time';

export interface Candidate {
  readonly pk: number;
  /** Name of the executor. */
  readonly lane: string;
  readonly pool: string;
  readonly slots: number;
  /** 0 live, 1 backfill. */
  readonly rankClass: number;
  readonly priority: number;
  readonly runAfter: Instant;
}

export interface PoolUsage {
  /** -1: no limit. */
  readonly slots: number;
  readonly used: number;
}

/** Why a candidate is not admitted. */
export type Blocker =
  | { readonly kind: 'no-such-pool'; readonly pool: string }
  | { readonly kind: 'pool-full'; readonly pool: string; readonly slots: number; readonly used: number; readonly wanted: number }
  /** It would fit, but `head` stands before it in the pool and does not. */
  | { readonly kind: 'behind'; readonly pool: string; readonly head: number }
  | { readonly kind: 'no-capacity'; readonly lane: string };

export interface Admission {
  /** In the order of rank within each lane. */
  readonly admitted: readonly Candidate[];
  readonly blocked: ReadonlyMap<number, Blocker>;
}

/** Negative: `a` goes first. */
export function compareRank(a: Candidate, b: Candidate): number {
  return a.rankClass - b.rankClass || b.priority - a.priority || a.runAfter - b.runAfter || a.pk - b.pk;
}

/** Lanes are served in the order of `capacity`; a lane that is absent has no executor here. */
export function admit(
  candidates: readonly Candidate[],
  pools: ReadonlyMap<string, PoolUsage>,
  capacity: ReadonlyMap<string, number>,
): Admission {
  const room = new Map([...pools].map(([name, { slots, used }]) => [name, slots < 0 ? Infinity : slots - used]));
  const blocked = new Map<number, Blocker>();
  const admitted: Candidate[] = [];

  const ranked = [...candidates].sort(compareRank);
  for (const [lane, free] of capacity) {
    const fitting = ranked.filter((candidate) => candidate.lane === lane);
    const chosen = fitInPools(fitting, pools, new Map(room), blocked);
    for (const candidate of chosen.slice(Math.max(0, free))) blocked.set(candidate.pk, { kind: 'no-capacity', lane });
    for (const candidate of chosen.slice(0, Math.max(0, free))) {
      admitted.push(candidate);
      room.set(candidate.pool, room.get(candidate.pool)! - candidate.slots);
    }
  }
  for (const { pk, lane } of ranked) if (!capacity.has(lane)) blocked.set(pk, { kind: 'no-capacity', lane });
  return { admitted, blocked };
}

/** What the pools have room for, were the executor's capacity endless. Uses up `room`. */
function fitInPools(
  ranked: readonly Candidate[],
  pools: ReadonlyMap<string, PoolUsage>,
  room: Map<string, number>,
  blocked: Map<number, Blocker>,
): Candidate[] {
  const headOf = new Map<string, Candidate>();
  const fitting: Candidate[] = [];
  for (const candidate of ranked) {
    const { pk, pool, slots } = candidate;
    const free = room.get(pool);
    const head = headOf.get(pool);
    if (free === undefined) blocked.set(pk, { kind: 'no-such-pool', pool });
    else if (slots <= free && !head) {
      room.set(pool, free - slots);
      fitting.push(candidate);
    } else {
      if (!head) headOf.set(pool, candidate);
      const { slots: size } = pools.get(pool)!;
      blocked.set(
        pk,
        slots <= free
          ? { kind: 'behind', pool, head: head!.pk }
          : { kind: 'pool-full', pool, slots: size, used: size - free, wanted: slots },
      );
    }
  }
  return fitting;
}
