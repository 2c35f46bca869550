import { RUN_STATES, TASK_STATES } from '../../src/core/states';
import { useTestDatabase } from '../support/database';
import { insertBackfill, insertDag, insertRun, insertTaskInstance, insertXcom } from '../support/factories';

const db = useTestDatabase();

it('makes runs and task instances in every state that the schema allows', async () => {
  await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b'], edges: [['a', 'b']] });
  const backfill = await insertBackfill(db.pool, { dagId: 'd', fromDate: '2026-01-01', toDate: '2026-01-02' });
  for (const state of RUN_STATES)
    await insertRun(db.pool, { dagId: 'd', state, runType: 'backfill', backfill: { id: backfill, ordinal: 1 } });
  const run = await insertRun(db.pool, { dagId: 'd', logicalDate: '2026-01-01' });
  for (const state of [null, ...TASK_STATES]) await insertTaskInstance(db.pool, { run, taskId: String(state), state });
  await insertXcom(db.pool, { run, taskId: 'success', value: { a: [1] } });

  const { rows } = await db.pool.query('SELECT count(*) AS n, count(*) FILTER (WHERE attempt IS NOT NULL) AS tried FROM task_instance');
  expect(rows).toEqual([{ n: TASK_STATES.length + 1, tried: 6 }]);
});

it('makes a second version of a DAG the current one', async () => {
  const first = await insertDag(db.pool, { dagId: 'versions' });
  const second = await insertDag(db.pool, { dagId: 'versions', tasks: ['a', 'b'] });
  const { rows } = await db.pool.query("SELECT current_version FROM dag WHERE dag_id = 'versions'");
  expect([first.number, second.number, rows[0]]).toEqual([1, 2, { current_version: second.version }]);
});

it('empties all tables between tests when asked to', async () => {
  await insertDag(db.pool, { dagId: 'gone' });
  await db.reset();
  const { rows } = await db.pool.query('SELECT (SELECT count(*) FROM dag) AS dags, (SELECT count(*) FROM pool) AS pools');
  expect(rows).toEqual([{ dags: 0, pools: 1 }]);
});
