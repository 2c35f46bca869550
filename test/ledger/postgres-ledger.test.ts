import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { insertDag, insertPool } from '../support/factories';
import { describeLedger } from './conformance';
import { describeSemantics } from './semantics';
import type { SemanticsHarness } from './semantics';
import { describeVerdicts } from './verdicts';

const db = useTestDatabase();

const make = async (): Promise<SemanticsHarness> => {
  await db.reset();
  const ledger = new PostgresLedger({ url: db.url });
  const wakeRuns = (dagId: string) =>
    `INSERT INTO run_wake (run, cause) SELECT pk, 'pause' FROM dag_run WHERE dag_id = '${dagId}' AND state = 'running'`;
  return {
    ledger,
    addDag: async (dag) => void (await insertDag(db.pool, dag)),
    setPaused: async (dagId, paused) => {
      await db.pool.query('UPDATE dag SET is_paused = $2 WHERE dag_id = $1', [dagId, paused]);
      const audit = `INSERT INTO audit_log (actor, via, action, dag_id) VALUES ('somebody', 'cli', $2, $1)`;
      await db.pool.query(audit, [dagId, paused ? 'pause_dag' : 'unpause_dag']);
      await db.pool.query(wakeRuns(dagId));
    },
    setPool: async (name, slots, includeDeferred = false) => {
      await insertPool(db.pool, name, slots);
      await db.pool.query('UPDATE pool SET include_deferred = $2 WHERE name = $1', [name, includeDeferred]);
    },
    run: async (pk) => {
      const run = await db.pool.query('SELECT state FROM dag_run WHERE pk = $1', [pk]);
      const tasks = await db.pool.query(
        `SELECT CASE WHEN map_index < 0 THEN task_id ELSE task_id || '[' || map_index || ']' END AS key, state, reason, try_number AS "tryNumber",
           retries_used AS "retriesUsed", admissible FROM task_instance WHERE run = $1 ORDER BY task_id, map_index`,
        [pk],
      );
      return { state: run.rows[0].state, tasks: Object.fromEntries(tasks.rows.map(({ key, ...task }) => [key, task])) };
    },
    error: async (run, taskId) => {
      const { rows } = await db.pool.query(
        `SELECT d.error->>'message' AS message FROM ti_detail d JOIN task_instance t ON t.pk = d.ti WHERE t.run = $1 AND t.task_id = $2 AND t.map_index = -1`,
        [run, taskId],
      );
      return rows[0]?.message ?? null;
    },
    waits: async (run) => {
      const { rows } = await db.pool.query(
        `SELECT w.id AS wait, w.generation, w.kind, t.task_id AS "taskId", t.map_index AS "mapIndex" FROM wait w JOIN task_instance t ON t.pk = w.ti
         WHERE w.run = $1 ORDER BY t.task_id, t.map_index`,
        [run],
      );
      return rows;
    },
    callbacks: async (run) => {
      const { rows } = await db.pool.query(
        `SELECT coalesce(t.task_id || CASE WHEN t.map_index < 0 THEN '' ELSE '[' || t.map_index || ']' END, 'run') || ' ' || c.event AS told
         FROM callback c LEFT JOIN task_instance t ON t.pk = c.ti WHERE c.run = $1 ORDER BY c.created_at, c.id`,
        [run],
      );
      return rows.map(({ told }) => told);
    },
    isPaused: async (dagId) => (await db.pool.query('SELECT is_paused FROM dag WHERE dag_id = $1', [dagId])).rows[0].is_paused,
    xcom: async (run, taskId, mapIndex = -1) => {
      const { rows } = await db.pool.query('SELECT value FROM xcom WHERE run = $1 AND task_id = $2 AND map_index = $3', [
        run,
        taskId,
        mapIndex,
      ]);
      return rows[0]?.value ?? null;
    },
    advance: async (ms) => {
      await db.pool.query(`UPDATE task_instance SET due_at = due_at - $1 * interval '1 ms' WHERE due_at IS NOT NULL`, [ms]);
      await db.pool.query(
        `UPDATE dag_run SET deadline_at = deadline_at - $1 * interval '1 ms', retry_at = retry_at - $1 * interval '1 ms'`,
        [ms],
      );
      await db.pool.query(`UPDATE session SET lease_until = lease_until - $1 * interval '1 ms'`, [ms]);
      // The rows were changed behind the ledger's back.
      await db.pool.query('UPDATE dag_run SET seq = seq + 1');
    },
    close: () => ledger.close(),
  };
};

describeLedger('PostgresLedger', make);
describeVerdicts('PostgresLedger', make);
describeSemantics('PostgresLedger', make);
