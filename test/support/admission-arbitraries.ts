/** Random admissible tasks and pools, for the property tests of admission in TypeScript and in SQL. */
import fc from 'fast-check';
import type { Candidate, PoolUsage } from '../../src/core/admission';

export const candidates: fc.Arbitrary<Candidate[]> = fc
  .array(
    fc.record({
      lane: fc.constantFrom('local', 'thread'),
      pool: fc.constantFrom('a', 'b', 'nowhere'),
      slots: fc.integer({ min: 1, max: 4 }),
      rankClass: fc.constantFrom(0, 1),
      priority: fc.integer({ min: -2, max: 2 }),
      runAfter: fc.integer({ min: 0, max: 2 }),
    }),
    { maxLength: 20 },
  )
  .map((list) => list.map((one, i) => ({ pk: i + 1, ...one })));

export const pools: fc.Arbitrary<Map<string, PoolUsage>> = fc
  .tuple(fc.integer({ min: -1, max: 8 }), fc.integer({ min: 0, max: 5 }), fc.integer({ min: -1, max: 8 }))
  .map(([a, usedA, b]) => new Map([['a', { slots: a, used: usedA }], ['b', { slots: b, used: 0 }]])); // prettier-ignore
