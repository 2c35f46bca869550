/** Attempts to break mapping, waits and the rules between runs: several schedulers at once, crashes in the middle. */
import { createCommands } from '../../src/commands/create-commands';
import { systemClock } from '../../src/core/time';
import type { Outcome } from '../../src/core/workload';
import type { ClaimedAttempt } from '../../src/ledger/ledger';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertDag, insertPool } from '../support/factories';
import { Hand, newRun, succeeded } from './conformance';
import { over } from './semantics';

const db = useTestDatabase();
const opened: PostgresLedger[] = [];
const open = () => {
  const ledger = new PostgresLedger({ url: db.url });
  opened.push(ledger);
  return ledger;
};
const hands = (count: number) => Promise.all(Array.from({ length: count }, () => new Hand(open()).open()));
const none = { capacity: new Map<string, number>() };
const slots = (count: number) => ({ capacity: new Map([['default', count]]) });
const count = async (sql: string): Promise<number> => (await db.pool.query(`SELECT count(*)::int AS n FROM ${sql}`)).rows[0].n;
const day = (n: number) => ({ logicalDate: Date.parse('2026-05-01T00:00:00Z') + n * 86_400_000, runAfter: n });
const deferred = {
  kind: 'deferred',
  wait: { kind: 'time', trigger: null, args: {}, firstCheckAt: null, intervalMs: null, timeoutAt: null, resume: 'go' },
} satisfies Outcome;

beforeEach(() => db.reset());
afterEach(async () => {
  await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
});

/** Everything that a scheduler does, in turns, until no run is left. No net below: a lost wake shows as a test that does not end. */
async function schedule(hand: Hand, free: number, outcomeOf: (attempt: ClaimedAttempt) => Outcome = () => succeeded()): Promise<void> {
  let mine: ClaimedAttempt[] = [];
  while ((await count(`dag_run WHERE state IN ('queued', 'running')`)) > 0 || mine.length > 0) {
    await hand.ledger.startQueuedRuns(100);
    await hand.ledger.expandTasks(5);
    const { runs } = await hand.ledger.attention(hand.session, ['default'], 1000);
    const outcomes = mine.map((attempt) => ({ attemptId: attempt.attemptId, outcome: outcomeOf(attempt), cpuMs: null, peakKb: null }));
    mine = [...(await hand.hop({ runs, outcomes, ...slots(free) })).claimed];
  }
}

/** The most that `sql` counts while `work` goes on. */
async function mostDuring(sql: string, work: Promise<unknown>): Promise<number> {
  let done = false;
  const finished = work.finally(() => (done = true));
  finished.catch(() => undefined);
  let most = 0;
  while (!done) most = Math.max(most, (await db.pool.query(`SELECT coalesce(${sql}, 0)::int AS n`)).rows[0].n);
  await finished;
  return most;
}

describe('expansion', () => {
  const addMap = (length: number) => {
    const { expand } = over(length);
    return insertDag(db.pool, {
      dagId: 'd',
      tasks: [{ id: 'm', expand: { ...expand, maxMapLength: 100_000 } }, 'after'],
      edges: [['m', 'after']],
    });
  };
  const instances = () => count(`task_instance WHERE task_id = 'm' AND map_index >= 0 AND state = 'scheduled'`);

  it('by three schedulers at once makes every instance once', async () => {
    await addMap(4_500);
    const [hand, ...others] = (await hands(3)) as [Hand, Hand, Hand];
    await hand.start('d', {}, none);
    await Promise.all([hand, ...others].map(async ({ ledger }) => { while ((await ledger.expandTasks(1)).length > 0); })); // prettier-ignore
    expect(await instances()).toBe(4_500);
    const { rows } = await db.pool.query('SELECT length, waiting FROM task_tally');
    expect(rows).toEqual([{ length: 4_500, waiting: 4_500 }]);
    expect(await count('expansion')).toBe(0);
  });

  it('that is cut off in the middle of a chunk goes on where it was; meanwhile nothing takes the task for finished', async () => {
    await addMap(2_500);
    const [hand] = (await hands(1)) as [Hand];
    const { pk } = await hand.start('d', {}, none);
    await hand.ledger.expandTasks(1);

    const crashing = open();
    const holder = await db.pool.connect();
    await holder.query('BEGIN');
    await holder.query(`UPDATE task_tally SET lengths = lengths`);
    const cutOff = crashing.expandTasks(1);
    cutOff.catch(() => undefined);
    const blocked = `pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND application_name = 'thence-ledger'`;
    await eventually(async () => (await count(blocked)) > 0);
    await db.pool.query(`SELECT pg_terminate_backend(pid) FROM ${blocked}`);
    await expect(cutOff).rejects.toThrow();
    await holder.query('ROLLBACK');
    holder.release();
    expect(await instances()).toBe(1_000);

    // What there is of it may run and end; the join stays undecided.
    const { claimed } = await hand.look(slots(16));
    await hand.hop({ outcomes: claimed.map(({ attemptId }) => ({ attemptId, outcome: succeeded(), cpuMs: null, peakKb: null })), ...none });
    expect(await count(`task_instance WHERE task_id = 'after' AND state IS NULL`)).toBe(1);
    while ((await open().expandTasks(1)).length > 0);
    expect(await count(`task_instance WHERE run = ${pk} AND task_id = 'm'`)).toBe(2_500);
    expect(await count(`task_tally WHERE length = 2500 AND success = ${claimed.length} AND waiting + active + success = 2500`)).toBe(1);
  });

  it('that was asked for by a run which is marked or cleared at that moment leaves nothing behind that could stick', async () => {
    await addMap(1_500);
    const [hand, other] = (await hands(2)) as [Hand, Hand];
    for (let round = 0; round < 5; round++) {
      const { pk } = await hand.start('d', {}, none);
      await Promise.all([hand.ledger.expandTasks(1), round % 2 ? other.ledger.markRun(pk, 'failed') : other.ledger.clearRun(pk)]);
      await other.ledger.startQueuedRuns(10);
      await other.look(none);
      while ((await other.ledger.expandTasks(5)).length > 0);
      await other.ledger.markRun(pk, 'success');
      expect(await count(`task_instance WHERE run = ${pk} AND (state IS NULL OR state NOT IN ('success', 'removed'))`)).toBe(0);
    }
    expect(await count('expansion')).toBe(0);
  });
});

describe('admission', () => {
  it('never fills a pool beyond its slots with mapped and parked work, with three schedulers', async () => {
    await insertPool(db.pool, 'loose', 5);
    await insertPool(db.pool, 'strict', 5);
    await db.pool.query(`UPDATE pool SET include_deferred = true WHERE name = 'strict'`);
    const tasks = ['loose', 'strict'].map((pool) => ({ id: pool, pool, poolSlots: 2, ...over(16) }));
    await insertDag(db.pool, { dagId: 'd', maxActiveTasks: 500, tasks });
    const three = await hands(3);
    await three[0]!.ledger.createRuns([newRun('d'), newRun('d')]);

    let done = false;
    const triggerer = async () => {
      const ledger = open();
      while (!done) {
        const { rows } = await db.pool.query<{ id: string; generation: number }>('SELECT id, generation FROM wait');
        await ledger.fireWaits(rows.map(({ id, generation }) => ({ wait: id, generation, event: { kind: 'timeout' } })));
      }
    };
    const outcomeOf = ({ piece, mapIndex }: ClaimedAttempt) => (piece === 0 && mapIndex % 2 === 0 ? deferred : succeeded());
    const work = Promise.all(three.map((hand) => schedule(hand, 4, outcomeOf))).finally(() => (done = true));
    const held = (pool: string, states: string) =>
      `(SELECT sum(t.pool_slots) FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE a.pool = '${pool}' AND a.state NOT IN (${states}))`;
    const both = mostDuring(`greatest(${held('loose', `'ended', 'parked'`)}, ${held('strict', `'ended'`)})`, work);
    await Promise.all([triggerer(), both]);
    expect(await both).toBe(4); // two of two slots each: a fifth slot stays free
    expect(await count(`task_instance WHERE state = 'success'`)).toBe(64);
    expect(await count('wait')).toBe(0);
    expect(await count(`attempt WHERE state <> 'ended'`)).toBe(0);
  });

  it('a pool that begins to count deferred tasks counts those that wait already, and lets go of them again', async () => {
    await insertPool(db.pool, 'p', 2);
    await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b', 'c'].map((id) => ({ id, pool: 'p' })) });
    const [hand] = (await hands(1)) as [Hand];
    const commands = createCommands({ database: db.database, ledger: hand.ledger, clock: systemClock, wakeup: () => undefined });
    const { claimed } = await hand.start('d');
    const outcomes = claimed.map(({ attemptId }) => ({ attemptId, outcome: deferred, cpuMs: null, peakKb: null }));
    await hand.hop({ outcomes, ...none });
    const count = async (includeDeferred: boolean) => {
      await commands.storePools([{ name: 'p', includeDeferred }], {}, { user: 'ada', via: 'cli' });
      return (await hand.look()).claimed.length;
    };
    expect([await count(true), await count(false)]).toEqual([0, 1]);
  });

  it('never goes beyond the limits of a DAG over all its runs, with three schedulers, and loses no wake over them', async () => {
    const tasks = [...'abcde'].map((id) => ({ id, maxActiveTisPerDag: id === 'a' ? 1 : undefined }));
    await insertDag(db.pool, { dagId: 'd', maxActiveTasksPerDag: 4, tasks: [...tasks, { id: 'm', ...over(4) }] });
    const three = await hands(3);
    await three[0]!.ledger.createRuns(Array.from({ length: 6 }, () => newRun('d')));
    const work = Promise.all(three.map((hand) => schedule(hand, 3)));
    const ofA = `(SELECT count(*) FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE t.task_id = 'a' AND a.state <> 'ended')`;
    const [most, mostOfA] = await Promise.all([
      mostDuring(`(SELECT count(*) FROM attempt WHERE state <> 'ended')`, work),
      mostDuring(ofA, work),
    ]);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
    expect(mostOfA).toBe(1);
    expect(await count(`task_instance WHERE state = 'success'`)).toBe(6 * 9);
  });
});

describe('between runs', () => {
  it('fifty runs that depend on the past end one after the other, with two schedulers and no poll but for wakes', async () => {
    const tasks = [{ id: 'a', dependsOnPast: true as const }, { id: 'b', waitForDownstream: true as const }, 'c'];
    await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 50, tasks, edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore
    const two = await hands(2);
    await two[0]!.ledger.createRuns(Array.from({ length: 50 }, (_, i) => newRun('d', day(i))));
    await Promise.all(two.map((hand) => schedule(hand, 5)));
    expect(await count(`dag_run WHERE state = 'success'`)).toBe(50);
    const { rows } = await db.pool.query(
      `SELECT count(*)::int AS n FROM task_instance t JOIN dag_run r ON r.pk = t.run JOIN dag_run p ON p.logical_date = r.logical_date - interval '1 day'
         JOIN task_instance before ON before.run = p.pk AND before.task_id = CASE t.task_id WHEN 'b' THEN 'c' ELSE t.task_id END
       WHERE t.task_id IN ('a', 'b') AND t.start_date < before.end_date`,
    );
    expect(rows[0].n).toBe(0);
  });

  it('a cleared run starts beside the one that waits for it, however few may be active', async () => {
    await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 1, tasks: [{ id: 'a', dependsOnPast: true }, 'b'], edges: [['a', 'b']] });
    const [hand, other] = (await hands(2)) as [Hand, Hand];
    const runs = await hand.ledger.createRuns([1, 2, 3].map((n) => newRun('d', day(n))));
    const [one, two] = runs.map(({ run }) => run) as [number, number];
    expect(await hand.ledger.startQueuedRuns(10)).toEqual([one]);
    let running = [...(await hand.look()).claimed];
    while (running.length > 0) running = [...(await hand.end(running[0]!)).claimed];
    expect(await hand.ledger.startQueuedRuns(10)).toEqual([two]);
    await other.ledger.clearRun(one);
    await Promise.all([schedule(hand, 2), schedule(other, 2)]);
    expect(await count(`dag_run WHERE state = 'success'`)).toBe(3);
    expect(await count(`task_instance WHERE run = ${one} AND try_number = 2`)).toBe(2);
  });
});

describe('waits', () => {
  it('a deferral that is reported twice parks once, and is never handed out as a claim', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['a'] });
    const [hand] = (await hands(1)) as [Hand];
    const { claimed } = await hand.start('d');
    await hand.end(claimed[0]!, deferred);
    expect((await hand.end(claimed[0]!, deferred)).refused).toEqual([claimed[0]!.attemptId]);
    expect((await hand.end(claimed[0]!, succeeded())).refused).toEqual([claimed[0]!.attemptId]);
    expect(await count(`attempt WHERE state = 'parked' AND slots = 0`)).toBe(1);

    // A ledger that does not know whether its last COMMIT went through asks what its session has claimed.
    const again = new Hand(open());
    again.session = hand.session;
    (again.ledger as unknown as { context: { unanswered: boolean } }).context.unanswered = true;
    expect((await again.hop(slots(1))).claimed).toEqual([]);
    expect(await count('wait')).toBe(1);
  });

  it('a wait until a date that there is not fails its task, and holds up no other', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['never', 'far', 'again', 'good'] });
    const [hand] = (await hands(1)) as [Hand];
    const { claimed } = await hand.start('d');
    const outcomes: Record<string, Outcome> = {
      never: { kind: 'deferred', wait: { ...deferred.wait, timeoutAt: NaN } },
      far: { kind: 'deferred', wait: { ...deferred.wait, firstCheckAt: 8e15 } },
      again: { kind: 'rescheduled', at: Infinity },
      good: deferred,
    };
    await hand.hop({
      outcomes: claimed.map(({ attemptId, taskId }) => ({ attemptId, outcome: outcomes[taskId]!, cpuMs: null, peakKb: null })),
    });
    const { rows } = await db.pool.query(
      `SELECT t.task_id, t.state, a.error->>'message' AS message FROM task_instance t JOIN attempt a ON a.id = t.attempt`,
    );
    const stateOf = (taskId: string) => rows.find(({ task_id }) => task_id === taskId).state;
    expect(['never', 'far', 'again', 'good'].map(stateOf)).toEqual(['failed', 'failed', 'failed', 'deferred']);
    expect(rows.find(({ task_id }) => task_id === 'again').message).toMatch(
      /could not store .* Infinity milliseconds since 1970 is no date/,
    );
  });

  it('two triggerers that see the same wait come true resume it once', async () => {
    await insertDag(db.pool, { dagId: 'd', maxActiveTasks: 100, tasks: [{ id: 'm', ...over(40) }] });
    await db.pool.query('UPDATE pool SET slots = -1');
    const [hand, other] = (await hands(2)) as [Hand, Hand];
    await hand.start('d', {}, none);
    await hand.ledger.expandTasks(1);
    const { claimed } = await hand.look(slots(100));
    await hand.hop({ outcomes: claimed.map(({ attemptId }) => ({ attemptId, outcome: deferred, cpuMs: null, peakKb: null })) });
    const { rows } = await db.pool.query<{ id: string }>('SELECT id FROM wait');
    const events = rows.map(({ id }) => ({ wait: id, generation: 0, event: { kind: 'timeout' } as const }));
    const fired = await Promise.all([hand, other].map(({ ledger }) => ledger.fireWaits(events)));
    expect(fired[0]! + fired[1]!).toBe(40);
    const again = await hand.look(slots(100));
    expect(again.claimed).toHaveLength(40);
    expect(new Set(again.claimed.map(({ piece, tryNumber }) => `${tryNumber} ${piece}`))).toEqual(new Set(['1 1']));
  });
});
