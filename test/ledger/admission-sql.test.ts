import fc from 'fast-check';
import { admit } from '../../src/core/admission';
import type { Candidate, PoolUsage } from '../../src/core/admission';
import type { Decide, RunPk } from '../../src/ledger/ledger';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { candidates, pools } from '../support/admission-arbitraries';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun } from '../support/factories';
import { Hand } from './conformance';

const db = useTestDatabase();

const lanes = fc.uniqueArray(fc.tuple(fc.constantFrom('local', 'thread'), fc.integer({ min: 0, max: 6 })), {
  selector: ([name]) => name,
});

/** A run whose task instances stand in the order of the candidates, so that their pks rank alike. The used slots belong to tasks of their own. */
async function prepare(
  waiting: readonly Candidate[],
  isStored: (i: number) => boolean,
  usage: ReadonlyMap<string, PoolUsage>,
  session: string,
): Promise<RunPk> {
  await db.pool.query('TRUNCATE dag, pool CASCADE');
  const tasks = waiting.map(({ lane, pool, slots }, i) => ({ id: `t${i}`, executor: lane, pool, poolSlots: slots }));
  const { version } = await insertDag(db.pool, { dagId: 'd', tasks });
  const run = await insertRun(db.pool, { dagId: 'd' });
  for (const [name, { slots, used }] of usage) {
    await db.pool.query('INSERT INTO pool (name, slots) VALUES ($1, $2)', [name, slots]);
    if (used === 0) continue;
    await db.pool.query(
      `WITH t AS (INSERT INTO task_instance (run, task_id, state, attempt, lane, pool, pool_slots, rank_class, priority, run_after)
         VALUES ($1, $2, 'running', gen_random_uuid(), 'local', $3, $4, 0, 0, now()) RETURNING pk, attempt)
       INSERT INTO attempt (id, ti, try_number, session, version, pool, slots) SELECT attempt, pk, 1, $5, $6, $3, $4 FROM t`,
      [run, `used ${name}`, name, used, session, version],
    );
  }
  const of = (value: (one: Candidate, i: number) => unknown) => waiting.map(value);
  await db.pool.query(
    `INSERT INTO task_instance (run, task_id, state, admissible, lane, pool, pool_slots, rank_class, priority, run_after)
     SELECT $1, 't' || i - 1, CASE WHEN stored THEN 'scheduled' END, stored, lane, pool, slots, rank, priority, to_timestamp(run_after)
     FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::bool[]) WITH ORDINALITY
       AS n(lane, pool, slots, rank, priority, run_after, stored, i) ORDER BY i`,
    [
      run,
      of((one) => one.lane),
      of((one) => one.pool),
      of((one) => one.slots),
      of((one) => one.rankClass),
      of((one) => one.priority),
      of((one) => one.runAfter),
      of((_, i) => isStored(i)),
    ],
  );
  return run;
}

const nothingElse = { sweeps: [], gates: [], withdraw: [], expand: [], failFast: false, wants: [], waitsForPast: false, ends: null };

it('the claim in SQL admits exactly what the pure function admits, whether it waited already or became ready just now', async () => {
  const ledger = new PostgresLedger({ url: db.url });
  const { session } = await new Hand(ledger).open();
  const scheduleTheRest: Decide = (runs) =>
    runs.map((run) => ({
      run: run.pk,
      ...nothingElse,
      transitions: [...run.view.tasks]
        .filter(([, { state }]) => state === null)
        .map(([taskId]) => ({ taskId, mapIndex: -1, expected: null, state: 'scheduled', reason: null, admissible: true })),
    }));

  await fc.assert(
    fc.asyncProperty(candidates, pools, lanes, fc.func(fc.boolean()), async (waiting, usage, capacity, isStored) => {
      const run = await prepare(waiting, (i) => isStored(i), usage, session);
      const request = { session, outcomes: [], started: [], runs: [run], capacity: new Map(capacity) };
      const { claimed } = await ledger.hop(request, scheduleTheRest);
      const { admitted } = admit(waiting, usage, new Map(capacity.filter(([, slots]) => slots > 0)));
      expect(claimed.map(({ taskId }) => taskId)).toEqual(admitted.map(({ pk }) => `t${pk - 1}`));

      const { rows } = await db.pool.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM task_instance WHERE state = 'scheduled' AND admissible`,
      );
      expect(rows[0]!.n).toBe(waiting.length - admitted.length);
    }),
    { numRuns: 50 },
  );
  await ledger.close();
});
