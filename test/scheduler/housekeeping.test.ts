import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { DeleteOldRuns } from '../../src/scheduler/delete-old-runs';
import { ReconcileRuns } from '../../src/scheduler/reconcile-runs';
import { silentLogger } from '../../src/telemetry/create-logger';
import { useTestDatabase } from '../support/database';
import { insertDag, insertRun, insertSession, insertTaskInstance } from '../support/factories';

const db = useTestDatabase();
const never = new AbortController().signal;
const now = Date.parse('2026-03-10T12:00:00Z');
const dayMs = 86_400_000;
beforeEach(() => db.reset());

describe('retention', () => {
  const retention = (retentionMs: number | null, deleted: string[] = []) =>
    new DeleteOldRuns({
      database: db.database,
      logs: { deleteRun: async (dagId: string, runId: string) => void deleted.push(`${dagId}/${runId}`) } as never,
      clock: { now: () => now },
      logger: silentLogger,
      retentionMs,
    });

  it('deletes runs that ended long ago with their rows and logs, and nothing else', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    const old = await insertRun(db.pool, { dagId: 'etl', runId: 'old', state: 'success', endDate: now - 40 * dayMs });
    await insertTaskInstance(db.pool, { run: old, taskId: 'a', state: 'success' });
    await insertRun(db.pool, { dagId: 'etl', runId: 'young', state: 'success', endDate: now - 20 * dayMs });
    await insertRun(db.pool, { dagId: 'etl', runId: 'long', state: 'running', startDate: now - 90 * dayMs });
    const deleted: string[] = [];
    await retention(30 * dayMs, deleted).runOnce(never);
    expect(deleted).toEqual(['etl/old']);
    expect((await db.pool.query('SELECT run_id FROM dag_run ORDER BY run_id')).rows).toEqual([{ run_id: 'long' }, { run_id: 'young' }]);
    expect((await db.pool.query('SELECT FROM task_instance')).rowCount).toBe(0);
  });

  it('keeps everything when none is set', async () => {
    await insertDag(db.pool, { dagId: 'etl' });
    await insertRun(db.pool, { dagId: 'etl', state: 'success', endDate: now - 4000 * dayMs });
    await retention(null).runOnce(never);
    expect((await db.pool.query('SELECT FROM dag_run')).rowCount).toBe(1);
  });
});

describe('reconciling', () => {
  it('wakes a run in which nothing is going on, once, and leaves the others alone', async () => {
    const ledger = new PostgresLedger({ url: db.url });
    let woken = 0;
    const reconcile = new ReconcileRuns({ database: db.database, ledger, onWoken: () => woken++ });
    await insertDag(db.pool, { dagId: 'etl' });
    const longAgo = Date.now() - 5 * 60_000;
    const asleep = await insertRun(db.pool, { dagId: 'etl', state: 'running', startDate: longAgo });
    await insertTaskInstance(db.pool, { run: asleep, taskId: 'a' });
    const busy = await insertRun(db.pool, { dagId: 'etl', state: 'running', startDate: longAgo });
    await insertTaskInstance(db.pool, { run: busy, taskId: 'a', state: 'running', session: await insertSession(db.pool) });
    const waiting = await insertRun(db.pool, { dagId: 'etl', state: 'running', startDate: longAgo });
    await insertTaskInstance(db.pool, { run: waiting, taskId: 'a', state: 'scheduled', admissible: true });
    await insertRun(db.pool, { dagId: 'etl', state: 'success', startDate: longAgo });
    await reconcile.runOnce();
    await reconcile.runOnce();
    expect((await db.pool.query('SELECT run, cause FROM run_wake')).rows).toEqual([{ run: asleep, cause: 'reconcile' }]);
    expect(woken).toBe(1);
    await ledger.close();
  });
});
