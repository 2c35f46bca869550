/** The audit log of a DAG, newest first. */
import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';

export interface AuditRow {
  readonly id: number;
  readonly at: Date;
  readonly actor: string;
  readonly via: string;
  readonly action: string;
  readonly runId: string | null;
  readonly taskId: string | null;
  readonly details: JsonObject;
}

export async function readAudit(pool: Pool, dagId: string, limit: number, offset: number): Promise<{ rows: AuditRow[]; total: number }> {
  const [page, total] = await Promise.all([
    pool.query<AuditRow>(
      `SELECT id::int AS id, at, actor, via, action, run_id AS "runId", task_id AS "taskId", details FROM audit_log
       WHERE dag_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3`,
      [dagId, limit, offset],
    ),
    pool.query<{ n: number }>('SELECT count(*)::int AS n FROM audit_log WHERE dag_id = $1', [dagId]),
  ]);
  return { rows: page.rows, total: total.rows[0]!.n };
}
