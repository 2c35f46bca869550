import fc from 'fast-check';
import { admit, compareRank } from '../../src/core/admission';
import type { Candidate } from '../../src/core/admission';
import { candidates, pools } from '../support/admission-arbitraries';

let pk = 0;
const candidate = (options: Partial<Candidate> = {}): Candidate => ({
  pk: ++pk,
  lane: 'local',
  pool: 'p',
  slots: 1,
  rankClass: 0,
  priority: 1,
  runAfter: 0,
  ...options,
});
const pool = (slots: number, used = 0) => new Map([['p', { slots, used }]]);
const lane = (free: number) => new Map([['local', free]]);
const pks = (list: readonly Candidate[]) => list.map((one) => one.pk);

describe('admission', () => {
  it('takes live runs first, then priority, then the older run, then the older row', () => {
    const backfill = candidate({ rankClass: 1, priority: 99 });
    const late = candidate({ runAfter: 2 });
    const early = candidate({ runAfter: 1 });
    const important = candidate({ priority: 5, runAfter: 9 });
    const twin = candidate({ runAfter: 1 });
    expect(pks(admit([backfill, late, early, important, twin], pool(-1), lane(9)).admitted)).toEqual(
      pks([important, early, twin, late, backfill]),
    );
  });

  it('the first that does not fit keeps those behind it waiting, and both are told why', () => {
    const wide = candidate({ slots: 4, priority: 9 });
    const narrow = candidate();
    const { admitted, blocked } = admit([narrow, wide], pool(4, 2), lane(9));
    expect(admitted).toEqual([]);
    expect(blocked.get(wide.pk)).toEqual({ kind: 'pool-full', pool: 'p', slots: 4, used: 2, wanted: 4 });
    expect(blocked.get(narrow.pk)).toEqual({ kind: 'behind', pool: 'p', head: wide.pk });
  });

  it('a full pool hides nobody elsewhere', () => {
    const blocked = Array.from({ length: 50 }, () => candidate({ priority: 1000 }));
    const other = candidate({ pool: 'q' });
    const usage = new Map([...pool(8, 8), ['q', { slots: 1, used: 0 }]]);
    expect(admit([...blocked, other], usage, lane(2)).admitted).toEqual([other]);
  });

  it('says when a pool does not exist and when only capacity is missing', () => {
    const lost = candidate({ pool: 'nowhere' });
    const [first, second] = [candidate(), candidate()];
    const elsewhere = candidate({ lane: 'queue' });
    const { admitted, blocked } = admit([lost, first, second, elsewhere], pool(-1), lane(1));
    expect(admitted).toEqual([first]);
    expect(blocked.get(lost.pk)).toEqual({ kind: 'no-such-pool', pool: 'nowhere' });
    expect(blocked.get(second.pk)).toEqual({ kind: 'no-capacity', lane: 'local' });
    expect(blocked.get(elsewhere.pk)).toEqual({ kind: 'no-capacity', lane: 'queue' });
  });

  it('never exceeds a pool or a capacity, never passes somebody over in a pool, and answers for everybody', () => {
    const capacities = fc.uniqueArray(fc.tuple(fc.constantFrom('local', 'thread'), fc.integer({ min: 0, max: 6 })), {
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(candidates, pools, capacities, (waiting, usage, lanes) => {
        const capacity = new Map(lanes);
        const { admitted, blocked } = admit(waiting, usage, capacity);
        expect(admitted.length + blocked.size).toBe(waiting.length);
        for (const [name, free] of capacity) expect(admitted.filter((one) => one.lane === name).length).toBeLessThanOrEqual(free);
        for (const [name, { slots, used }] of usage) {
          const taken = admitted.filter((one) => one.pool === name).reduce((sum, one) => sum + one.slots, 0);
          if (slots >= 0 && taken > 0) expect(used + taken).toBeLessThanOrEqual(slots);
        }
        for (const one of admitted) {
          const ahead = waiting.filter((other) => other.pool === one.pool && other.lane === one.lane && compareRank(other, one) < 0);
          expect(ahead.every((other) => admitted.includes(other))).toBe(true);
        }
      }),
    );
  });
});
