/** People decide at the very moment at which schedulers do: on a real Postgres, in every order that comes up. */
import type { ClaimedAttempt } from '../../src/ledger/ledger';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { insertDag } from '../support/factories';
import { failed, Hand, newRun, succeeded } from './conformance';
import { over } from './semantics';

const db = useTestDatabase();
const opened: PostgresLedger[] = [];
const open = () => {
  const ledger = new PostgresLedger({ url: db.url });
  opened.push(ledger);
  return ledger;
};
const none = { capacity: new Map<string, number>() };
const whole = (...ids: string[]) => ids.map((taskId) => ({ taskId, mapIndexes: null }));
const count = async (sql: string): Promise<number> => (await db.pool.query(`SELECT count(*)::int AS n FROM ${sql}`)).rows[0].n;
const states = async (run: number) =>
  Object.fromEntries(
    (await db.pool.query('SELECT task_id, state FROM task_instance WHERE run = $1', [run])).rows.map(({ task_id, state }) => [
      task_id,
      state,
    ]),
  ) as Record<string, string | null>;

let hand: Hand;
let person: PostgresLedger;
beforeEach(async () => {
  await db.reset();
  hand = await new Hand(open()).open();
  person = open();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
});

/** Whatever is left to do is done. Returns what began. */
async function drain(running: readonly ClaimedAttempt[] = []): Promise<string[]> {
  const began: string[] = [];
  const left = [...running];
  for (;;) {
    await hand.ledger.startQueuedRuns(10);
    const expanded = await hand.ledger.expandTasks(10);
    left.push(...(await hand.look()).claimed);
    const attempt = left.shift();
    if (!attempt) {
      if (expanded.length === 0 && (await hand.ledger.expandTasks(10)).length === 0) return began;
      continue;
    }
    began.push(`${attempt.taskId}${attempt.mapIndex < 0 ? '' : `[${attempt.mapIndex}]`}#${attempt.tryNumber}`);
    left.push(...(await hand.end(attempt)).claimed);
  }
}
const consistent = async () => {
  expect(await count(`dag_run WHERE state IN ('queued', 'running')`)).toBe(0);
  expect(await count(`attempt WHERE state <> 'ended'`)).toBe(0);
  expect(
    await count(`task_instance WHERE state IS NULL OR state NOT IN ('success', 'removed', 'failed', 'skipped', 'upstream_failed')`),
  ).toBe(0);
};

it('a try that ends while its task is cleared counts or does not, and the task runs once more in either case', async () => {
  await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 100, tasks: ['a', 'b'], edges: [['a', 'b']] });
  for (let round = 0; round < 8; round++) {
    const { pk, claimed } = await hand.start('d');
    const [ended, verdict] = await Promise.all([
      hand.end(claimed[0]!, succeeded(), none),
      person.clearTasks({ run: pk, tasks: whole('a'), version: 'own', conf: null }),
    ]);
    expect(ended.refused).toEqual([]);
    expect(await states(pk)).toMatchObject({ a: verdict!.tasks[0]!.was === 'running' ? 'scheduled' : null });
    expect(await drain()).toEqual(['a#2', 'b#1']);
  }
  await consistent();
});

it('a task that is marked while it is claimed is as it was marked, and a claim that was quicker is stopped', async () => {
  await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 100, tasks: ['a', 'b'], edges: [['a', 'b']] });
  for (let round = 0; round < 8; round++) {
    const { pk } = await hand.start('d', {}, none);
    const [{ claimed }] = await Promise.all([hand.hop(), person.markTasks({ run: pk, tasks: whole('a'), state: 'success' })]);
    expect(await states(pk)).toMatchObject({ a: 'success' });
    const { cancels } = await hand.ledger.attention(hand.session, ['default'], 10);
    expect(cancels).toEqual(claimed.map(({ attemptId }) => ({ attemptId, why: 'marked' })));
    for (const attempt of claimed) expect((await hand.end(attempt, failed(), none)).refused).toEqual([attempt.attemptId]);
    expect(await drain()).toEqual(['b#1']);
    expect(await states(pk)).toEqual({ a: 'success', b: 'success' });
  }
  await consistent();
});

it('two people and a scheduler at once leave a run that comes to its end, with one live attempt per task at any time', async () => {
  await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 100, tasks: ['a', 'b', 'c'], edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore
  const other = open();
  for (let round = 0; round < 8; round++) {
    const { pk, claimed } = await hand.start('d');
    const [ended] = await Promise.all([
      hand.end(claimed[0]!, round % 3 === 0 ? failed(false) : succeeded()),
      person.clearTasks({ run: pk, tasks: whole('a', 'b', 'c'), version: 'latest', conf: null }),
      round % 2
        ? other.markTasks({ run: pk, tasks: whole('b'), state: 'success' })
        : other.clearTasks({ run: pk, tasks: null, version: 'latest', conf: null }),
    ]);
    await drain(ended.claimed);
    expect(await count(`dag_run WHERE pk = ${pk} AND state IN ('success', 'failed')`)).toBe(1);
  }
  await consistent();
});

it('a run that is deleted while its tasks are claimed is gone with nothing left, or stays because one has begun', async () => {
  await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 100, tasks: ['a', 'b'] });
  for (let round = 0; round < 8; round++) {
    const [created] = await hand.ledger.createRuns([newRun('d')]);
    const { run } = created!;
    await hand.ledger.startQueuedRuns(10);
    const [first, result] = await Promise.all([hand.look(), person.deleteRun(run)]);
    expect(result).toBe(first.claimed.length > 0 ? 'live' : 'deleted');
    await drain(first.claimed);
    expect(await count(`dag_run WHERE pk = ${run}`)).toBe(result === 'live' ? 1 : 0);
  }
  await consistent();
});

it('a mapped task that is cleared while it is expanded and while its instances run is expanded once more, and ends', async () => {
  await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 100, tasks: [{ id: 'm', ...over(3) }, 'after'], edges: [['m', 'after']] });
  for (let round = 0; round < 6; round++) {
    const { pk } = await hand.start('d');
    const clear = () => person.clearTasks({ run: pk, tasks: whole('m'), version: 'own', conf: null });
    await Promise.all([hand.ledger.expandTasks(1), ...(round % 2 ? [clear()] : [])]);
    while ((await hand.ledger.expandTasks(10)).length > 0);
    const { claimed } = await hand.look();
    await Promise.all([clear(), ...claimed.slice(0, 1).map((attempt) => hand.end(attempt, succeeded(), none))]);
    await drain(claimed.slice(1));
    expect(await states(pk)).toEqual({ m: 'success', after: 'success' });
    expect((await db.pool.query('SELECT length, success FROM task_tally WHERE run = $1', [pk])).rows).toEqual([{ length: 3, success: 3 }]);
  }
  await consistent();
});
