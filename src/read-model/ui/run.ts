/** One run: its head. */
import type { Pool } from 'pg';
import type { RunState, RunType, TriggeredBy } from '../../core/states';
import type { JsonObject } from '../../core/json';

export interface RunPage {
  readonly pk: number;
  readonly dagId: string;
  readonly runId: string;
  readonly runType: RunType;
  readonly state: RunState;
  readonly logicalDate: Date | null;
  readonly intervalStart: Date | null;
  readonly intervalEnd: Date | null;
  readonly runAfter: Date;
  readonly queuedAt: Date;
  readonly startDate: Date | null;
  readonly endDate: Date | null;
  readonly conf: JsonObject;
  readonly version: string | null;
  readonly versionNumber: number | null;
  readonly triggeredBy: TriggeredBy;
  readonly triggeringUser: string | null;
  readonly note: string | null;
  readonly backfillId: number | null;
  /** Why it failed, when not through its tasks: 'timeout', 'marked', 'max_active_runs' … */
  readonly endReason: string | null;
  readonly retriesUsed: number;
  /** It failed and starts again then. */
  readonly retryAt: Date | null;
  /** dagrunTimeout. */
  readonly deadlineAt: Date | null;
  /** Of a backfill of some tasks only. */
  readonly onlyTasks: readonly string[] | null;
  /** The neighbours by run_after, for stepping through runs. */
  readonly previous: string | null;
  readonly next: string | null;
}

export async function readRun(pool: Pool, dagId: string, runId: string): Promise<RunPage | null> {
  const { rows } = await pool.query<RunPage>(
    `SELECT r.pk, r.dag_id AS "dagId", r.run_id AS "runId", r.run_type AS "runType", r.state, r.logical_date AS "logicalDate",
            r.interval_start AS "intervalStart", r.interval_end AS "intervalEnd", r.run_after AS "runAfter", r.queued_at AS "queuedAt",
            r.start_date AS "startDate", r.end_date AS "endDate", r.conf, r.version, v.number AS "versionNumber",
            r.triggered_by AS "triggeredBy", r.triggering_user AS "triggeringUser", r.note, r.backfill_id AS "backfillId", r.end_reason AS "endReason", r.retries_used AS "retriesUsed", r.retry_at AS "retryAt",
            r.deadline_at AS "deadlineAt", r.only_tasks AS "onlyTasks",
            (SELECT p.run_id FROM dag_run p WHERE p.dag_id = r.dag_id AND (p.run_after, p.pk) < (r.run_after, r.pk) ORDER BY p.run_after DESC, p.pk DESC LIMIT 1) AS previous,
            (SELECT n.run_id FROM dag_run n WHERE n.dag_id = r.dag_id AND (n.run_after, n.pk) > (r.run_after, r.pk) ORDER BY n.run_after, n.pk LIMIT 1) AS next
     FROM dag_run r LEFT JOIN dag_version v ON v.id = r.version WHERE r.dag_id = $1 AND r.run_id = $2`,
    [dagId, runId],
  );
  return rows[0] ?? null;
}
