import type { DeadlineSpec } from '../../src/dag-spec/spec';
import { WatchDeadlines } from '../../src/scheduler/watch-deadlines';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun } from '../support/factories';

const db = useTestDatabase();
let told = 0;
const service = () => new WatchDeadlines({ database: db.database, onMissed: () => told++ });

const HOUR = 3_600_000;
const after = (ms: number, from: 'runAfter' | 'startDate' = 'runAfter'): DeadlineSpec => ({ kind: 'after', name: null, ms, from });
async function insertDagWith(deadlines: readonly DeadlineSpec[]): Promise<void> {
  await insertDag(db.pool, { dagId: 'd', deadlines });
  await db.pool.query('UPDATE dag SET has_deadlines = true');
}
const hoursAgo = (hours: number) => new Date(Date.now() - hours * HOUR);
const callbacks = async () =>
  (await db.pool.query<{ run: number; deadline: number }>(`SELECT run, deadline FROM callback WHERE event = 'deadline' ORDER BY run, deadline`)).rows; // prettier-ignore

beforeEach(async () => {
  await db.reset();
  told = 0;
});

it('a run that has not ended by its deadline is told once, by whichever scheduler sees it', async () => {
  await insertDagWith([after(HOUR), after(3 * HOUR)]);
  const run = await insertRun(db.pool, { dagId: 'd', state: 'running', runAfter: hoursAgo(2) });
  await insertRun(db.pool, { dagId: 'd', state: 'queued', runAfter: hoursAgo(0.5) });
  await Promise.all([service().runOnce(), service().runOnce()]);
  await service().runOnce();
  expect(await callbacks()).toEqual([{ run, deadline: 0 }]);
  expect(told).toBe(1);
});

it('a run that ended in time is not told, one that ended after its deadline is', async () => {
  await insertDagWith([after(HOUR)]);
  const early = await insertRun(db.pool, { dagId: 'd', state: 'running', runAfter: hoursAgo(0.5) });
  const late = await insertRun(db.pool, { dagId: 'd', state: 'running', runAfter: hoursAgo(0.5) });
  await service().runOnce();
  await db.pool.query(`UPDATE deadline SET due_at = clock_timestamp() - interval '1 minute'`);
  await db.pool.query(`UPDATE dag_run SET state = 'success', end_date = clock_timestamp() - interval '2 minutes' WHERE pk = $1`, [early]);
  await db.pool.query(`UPDATE dag_run SET state = 'success', end_date = clock_timestamp() WHERE pk = $1`, [late]);
  await service().runOnce();
  expect(await callbacks()).toEqual([{ run: late, deadline: 0 }]);
});

it('one that counts from the start of the run is known once it has started', async () => {
  await insertDagWith([after(HOUR, 'startDate')]);
  const run = await insertRun(db.pool, { dagId: 'd', state: 'queued', runAfter: hoursAgo(9) });
  await service().runOnce();
  expect(await callbacks()).toEqual([]);
  await db.pool.query(`UPDATE dag_run SET state = 'running', start_date = $1, version = (SELECT current_version FROM dag) WHERE pk = $2`, [
    hoursAgo(2),
    run,
  ]);
  await service().runOnce();
  expect(await callbacks()).toEqual([{ run, deadline: 0 }]);
});

it('a run that takes longer than the last ones is told', async () => {
  await insertDagWith([{ kind: 'usual', name: null, factor: 2, runs: 10, minRuns: 2 }]);
  const run = await insertRun(db.pool, { dagId: 'd', state: 'running', runAfter: hoursAgo(3), startDate: hoursAgo(3) });
  await insertRun(db.pool, { dagId: 'd', state: 'success', runAfter: hoursAgo(9), startDate: hoursAgo(9), endDate: hoursAgo(8) });
  await service().runOnce();
  expect(await callbacks()).toEqual([]);
  await db.pool.query('DELETE FROM deadline');
  await insertRun(db.pool, { dagId: 'd', state: 'success', runAfter: hoursAgo(8), startDate: hoursAgo(8), endDate: hoursAgo(7) });
  await service().runOnce();
  expect(await callbacks()).toEqual([{ run, deadline: 0 }]);
});
