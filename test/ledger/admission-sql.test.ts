import fc from 'fast-check';
import { admit } from '../../src/core/admission';
import type { Candidate, PoolUsage } from '../../src/core/admission';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { candidates, pools } from '../support/admission-arbitraries';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun } from '../support/factories';
import { Hand } from './conformance';

const db = useTestDatabase();

const lanes = fc.uniqueArray(fc.tuple(fc.constantFrom('local', 'thread'), fc.integer({ min: 0, max: 6 })), {
  selector: ([name]) => name,
});

it('the claim in SQL admits exactly what the pure function admits', async () => {
  const ledger = new PostgresLedger({ url: db.url });
  const hand = await new Hand(ledger).open();
  const names = Array.from({ length: 25 }, (_, i) => `t${i}`);
  const { version } = await insertDag(db.pool, { dagId: 'd', tasks: names });
  const run = await insertRun(db.pool, { dagId: 'd' });

  /** Task instances in the order of the candidates, so that their pks rank alike; `used` slots are held by a task of their own. */
  const prepare = async (waiting: readonly Candidate[], usage: ReadonlyMap<string, PoolUsage>) => {
    await db.pool.query('DELETE FROM task_instance');
    await db.pool.query('DELETE FROM pool');
    for (const [name, { slots, used }] of usage) {
      await db.pool.query('INSERT INTO pool (name, slots) VALUES ($1, $2)', [name, slots]);
      if (used === 0) continue;
      await db.pool.query(
        `WITH t AS (INSERT INTO task_instance (run, task_id, state, attempt, lane, pool, pool_slots, rank_class, priority, run_after)
           VALUES ($1, $2, 'running', gen_random_uuid(), 'local', $3, $4, 0, 0, now()) RETURNING pk, attempt)
         INSERT INTO attempt (id, ti, try_number, session, version, pool, slots) SELECT attempt, pk, 1, $5, $6, $3, $4 FROM t`,
        [run, `used ${name}`, name, used, hand.session, version],
      );
    }
    const of = (value: (one: Candidate) => unknown) => waiting.map(value);
    await db.pool.query(
      `INSERT INTO task_instance (run, task_id, state, admissible, lane, pool, pool_slots, rank_class, priority, run_after)
       SELECT $1, 't' || i - 1, 'scheduled', true, lane, pool, slots, rank, priority, to_timestamp(run_after)
       FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[]) WITH ORDINALITY
         AS n(lane, pool, slots, rank, priority, run_after, i) ORDER BY i`,
      [
        run,
        of((one) => one.lane),
        of((one) => one.pool),
        of((one) => one.slots),
        of((one) => one.rankClass),
        of((one) => one.priority),
        of((one) => one.runAfter),
      ],
    );
  };

  await fc.assert(
    fc.asyncProperty(candidates, pools, lanes, async (waiting, usage, capacity) => {
      await prepare(waiting, usage);
      const { claimed } = await hand.hop({ capacity: new Map(capacity) });
      const { admitted } = admit(waiting, usage, new Map(capacity.filter(([, slots]) => slots > 0)));
      expect(claimed.map(({ taskId }) => taskId)).toEqual(admitted.map(({ pk }) => `t${pk - 1}`));
    }),
    { numRuns: 60 },
  );
  await ledger.close();
});
