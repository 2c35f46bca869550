import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { insertDag, insertPool } from '../support/factories';
import { describeLedger } from './conformance';
import type { LedgerHarness } from './conformance';
import { describeVerdicts } from './verdicts';

const db = useTestDatabase();

const make = async (): Promise<LedgerHarness> => {
  await db.reset();
  const ledger = new PostgresLedger({ url: db.url });
  const wakeRuns = (dagId: string) =>
    `INSERT INTO run_wake (run, cause) SELECT pk, 'pause' FROM dag_run WHERE dag_id = '${dagId}' AND state = 'running'`;
  return {
    ledger,
    addDag: async (dag) => void (await insertDag(db.pool, dag)),
    setPaused: async (dagId, paused) => {
      await db.pool.query('UPDATE dag SET is_paused = $2 WHERE dag_id = $1', [dagId, paused]);
      await db.pool.query(wakeRuns(dagId));
    },
    setPool: (name, slots) => insertPool(db.pool, name, slots),
    run: async (pk) => {
      const run = await db.pool.query('SELECT state FROM dag_run WHERE pk = $1', [pk]);
      const tasks = await db.pool.query(
        `SELECT task_id, state, reason, try_number AS "tryNumber", retries_used AS "retriesUsed", admissible FROM task_instance WHERE run = $1`,
        [pk],
      );
      return { state: run.rows[0].state, tasks: Object.fromEntries(tasks.rows.map(({ task_id, ...task }) => [task_id, task])) };
    },
    xcom: async (run, taskId) => {
      const { rows } = await db.pool.query('SELECT value FROM xcom WHERE run = $1 AND task_id = $2', [run, taskId]);
      return rows[0]?.value ?? null;
    },
    advance: async (ms) => {
      await db.pool.query(`UPDATE task_instance SET due_at = due_at - $1 * interval '1 ms' WHERE due_at IS NOT NULL`, [ms]);
      await db.pool.query(`UPDATE session SET lease_until = lease_until - $1 * interval '1 ms'`, [ms]);
      // The rows were changed behind the ledger's back.
      await db.pool.query('UPDATE dag_run SET seq = seq + 1');
    },
    close: () => ledger.close(),
  };
};

describeLedger('PostgresLedger', make);
describeVerdicts('PostgresLedger', make);
