import type { Database } from '../db/database';
import type { Ledger } from '../ledger/ledger';

const BATCH = 1_000;

/**
 * The net under the events: runs in which nothing runs, waits for a time or has been announced are looked at once more. On a sound
 * database this changes nothing. It also drops the figures of processes that ended.
 */
export class ReconcileRuns {
  readonly name = 'reconcile-runs';

  constructor(private readonly deps: { readonly database: Database; readonly ledger: Ledger; readonly onWoken: () => void }) {}

  async runOnce(): Promise<void> {
    const { database, ledger, onWoken } = this.deps;
    const { rows } = await database.pool.query<{ pk: number }>(
      `SELECT r.pk FROM dag_run r WHERE r.state = 'running' AND r.start_date < clock_timestamp() - interval '1 minute'
          AND NOT EXISTS (SELECT FROM run_wake w WHERE w.run = r.pk)
          AND NOT EXISTS (SELECT FROM task_instance t WHERE t.run = r.pk AND (t.admissible OR t.state IN ('queued', 'running', 'restarting', 'up_for_retry', 'up_for_reschedule', 'deferred')))
        LIMIT $1`,
      [BATCH],
    );
    if (rows.length > 0) {
      await ledger.wake(
        rows.map((row) => row.pk),
        'reconcile',
      );
      onWoken();
    }
    await database.pool.query(
      `UPDATE session SET details = '{}' WHERE ended_at < clock_timestamp() - interval '5 minutes' AND details <> '{}'`,
    );
  }
}
