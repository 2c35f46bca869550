/** A run that uses what the showcase's plain DAGs do not: mapped tasks and groups, setup and teardown, a deferred task, a callback, deadlines. */
import type { Pool } from 'pg';
import type { MemoryLogs } from './ui-fixtures';
import { insertDag, insertRun, insertSession, insertTaskInstance } from './factories';

const EXPANDED = { kind: 'product', keys: [{ name: 'file', target: 'input', source: { kind: 'task', taskId: 'list_files' } }] } as const;

/** Instances of `load`: by default 12, of which two failed. */
export async function fillMapped(
  pool: Pool,
  { dagId = 'file_loads', instances = 12, logs }: { dagId?: string; instances?: number; logs?: MemoryLogs } = {},
): Promise<{ run: number; runId: string }> {
  const dag = await insertDag(pool, {
    dagId,
    description: 'Loads each file that has come',
    tasks: [
      { id: 'make_schema', setup: true },
      { id: 'list_files', retries: 2 },
      { id: 'load', expand: EXPANDED, mapIndexTemplate: '{{ inputs.file }}', retries: 1, callbacks: ['failure'] },
      { id: 'check.count', group: 'check' },
      { id: 'check.report', group: 'check' },
      { id: 'wait_for_partner', operator: 'HttpSensor' },
      { id: 'wait_for_desk', operator: 'FunctionSensor', options: { timeout: { hours: 2 } } },
      { id: 'drop_schema', teardown: { onFailureFailDagrun: false }, triggerRule: 'all_done_setup_success' },
    ],
    groups: [{ id: 'check', parent: null, doc: null, expand: EXPANDED }],
    edges: [
      ['make_schema', 'list_files'],
      ['list_files', 'load'],
      ['load', 'wait_for_partner'],
      ['check.count', 'check.report'],
      ['wait_for_partner', 'drop_schema'],
      ['list_files', 'wait_for_desk'],
      ['wait_for_desk', 'drop_schema'],
      ['make_schema', 'drop_schema'],
    ],
    deadlines: [{ name: 'finance reads it', kind: 'after', ms: 60_000, from: 'runAfter' }],
    maxConsecutiveFailedRuns: 3,
    dagrunTimeoutMs: 3_600_000,
    failFast: true,
    callbacks: ['failure'],
  });
  const runId = 'manual__2026-03-01T00:00:00.000Z_mapped';
  const start = Date.now() - 120_000;
  const run = await insertRun(pool, { dagId, runId, state: 'running', startDate: start, note: 'The partner was told.' });
  const session = await insertSession(pool, { kind: 'scheduler', leaseMs: 86_400_000 });
  await insertTaskInstance(pool, { run, taskId: 'make_schema', state: 'success', startDate: start, endDate: start + 2000, session });
  await insertTaskInstance(pool, { run, taskId: 'list_files', state: 'success', startDate: start + 2000, endDate: start + 5000, session });
  await pool.query(
    `WITH made AS (
       INSERT INTO task_instance (run, task_id, map_index, state, reason, lane, pool, pool_slots, rank_class, priority, run_after, try_number, start_date, end_date)
       SELECT $1, 'load', i, s, CASE WHEN s IS NOT NULL AND s <> 'scheduled' THEN 'executed' END, 'local', 'default_pool', 1, 0, 1, clock_timestamp(),
              CASE WHEN s IN ('success', 'failed') THEN 1 ELSE 0 END, CASE WHEN s IN ('success', 'failed') THEN clock_timestamp() - interval '60 seconds' END,
              CASE WHEN s IN ('success', 'failed') THEN clock_timestamp() - interval '50 seconds' END
       FROM generate_series(0, $2::int - 1) i, LATERAL (SELECT CASE WHEN i IN (3, 7) THEN 'failed' WHEN i < $2::int - 3 THEN 'success' ELSE 'scheduled' END AS s) states
       RETURNING pk, map_index)
     INSERT INTO ti_detail (ti, map_label) SELECT pk, 'orders-' || to_char(map_index, 'FM000000') || '.csv' FROM made`,
    [run, instances],
  );
  await pool.query(
    `INSERT INTO task_tally (run, task_id, lengths, length, success, failed, waiting) VALUES ($1, 'load', ARRAY[$2::int], $2, $2::int - 5, 2, 3)`,
    [run, instances],
  );
  await insertTaskInstance(pool, { run, taskId: 'check.count' });
  await insertTaskInstance(pool, { run, taskId: 'check.report' });
  const { pk } = await insertTaskInstance(pool, { run, taskId: 'wait_for_partner', state: 'deferred' });
  await pool.query(
    `INSERT INTO wait (ti, run, attempt, kind, args, version, resume, interval_ms, next_check_at, timeout_at)
     VALUES ($1, $2, gen_random_uuid(), 'http', '{"request": {"url": "https://partner.example/ready"}}', $3, 'resume', 60000,
       clock_timestamp() + interval '40 seconds', clock_timestamp() + interval '1 hour')`,
    [pk, run, dag.version],
  );
  await insertTaskInstance(pool, { run, taskId: 'drop_schema' });
  const desk = await insertTaskInstance(pool, { run, taskId: 'wait_for_desk', state: 'up_for_reschedule', startDate: start + 5000 });
  await pool.query(`UPDATE task_instance SET due_at = clock_timestamp() + interval '3 minutes' WHERE pk = $1`, [desk.pk]);
  const { rows: called } = await pool.query<{ id: string; event: string; mapIndex: number | null }>(
    `WITH made AS (
       INSERT INTO callback (run, ti, event, version, try_number, tries, reason, done_at, outcome)
       SELECT $1, pk, 'failure', $2::uuid, 1, 1, 'executed', clock_timestamp(), 'success' FROM task_instance WHERE run = $1 AND task_id = 'load' AND map_index = 3
       RETURNING *),
     told AS (
       INSERT INTO callback (run, event, version, tries, reason, deadline, done_at, outcome)
       VALUES ($1, 'deadline', $2::uuid, 1, 'deadline missed', 0, clock_timestamp(), 'failed') RETURNING *)
     SELECT id, event, 3 AS "mapIndex" FROM made UNION ALL SELECT id, event, NULL FROM told`,
    [run, dag.version],
  );
  for (const { id, event, mapIndex } of called) {
    const ref = { dagId, runId, taskId: mapIndex === null ? null : 'load', mapIndex: mapIndex ?? -1, event, callback: id };
    const time = new Date(start + 60_000).toISOString();
    await logs?.append(ref, { time, level: 'info', source: 'task', message: 'telling the finance desk' });
    if (mapIndex === null)
      await logs?.append(ref, { time, level: 'error', source: 'thence', message: 'the mail server refused: 550 no such user' });
  }
  await pool.query(
    `INSERT INTO deadline (run, number, due_at, settled, missed_at) VALUES ($1, 0, clock_timestamp() - interval '1 minute', true, clock_timestamp())`,
    [run],
  );
  return { run, runId };
}
