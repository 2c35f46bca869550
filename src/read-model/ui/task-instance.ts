/** One task instance: its row, its tries, what it pushed, what its templates became. */
import type { Pool } from 'pg';
import type { TaskReason, TaskState } from '../../core/states';
import type { JsonObject } from '../../core/json';

export interface TaskInstancePage {
  readonly pk: number;
  readonly taskId: string;
  readonly mapIndex: number;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
  readonly pool: string;
  readonly poolSlots: number;
  readonly lane: string;
  readonly priority: number;
  readonly tryNumber: number;
  readonly retriesUsed: number;
  readonly scheduledAt: Date | null;
  readonly startDate: Date | null;
  readonly endDate: Date | null;
  readonly dueAt: Date | null;
  readonly rendered: JsonObject | null;
  /** What kept it from having a try: a mapped task that could not be expanded. */
  readonly error: { readonly name: string; readonly message: string } | null;
  readonly note: string | null;
  /** From mapIndexTemplate. */
  readonly mapLabel: string | null;
  /** How many instances the mapped task has; null: not mapped, or not expanded. */
  readonly length: number | null;
}

export interface AttemptRow {
  readonly id: string;
  readonly tryNumber: number;
  readonly piece: number;
  readonly state: string;
  readonly endState: string | null;
  readonly endReason: string | null;
  readonly error: { readonly name?: string; readonly message?: string; readonly stack?: string | null } | null;
  readonly claimedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly host: string | null;
  readonly pid: number | null;
  readonly cpuMs: number | null;
  readonly peakKb: number | null;
  readonly version: number;
}

export interface XComRow {
  readonly key: string;
  /** JSON text, cut to XCOM_PREVIEW characters. */
  readonly value: string;
  readonly bytes: number;
  readonly at: Date;
}

export const XCOM_PREVIEW = 200_000;

export async function readTaskInstance(pool: Pool, run: number, taskId: string, mapIndex: number): Promise<TaskInstancePage | null> {
  const { rows } = await pool.query<TaskInstancePage>(
    `SELECT t.pk, t.task_id AS "taskId", t.map_index AS "mapIndex", t.state, t.reason, t.admissible, t.pool, t.pool_slots AS "poolSlots", t.lane,
            t.priority, t.try_number AS "tryNumber", t.retries_used AS "retriesUsed", t.scheduled_at AS "scheduledAt", t.start_date AS "startDate",
            t.end_date AS "endDate", t.due_at AS "dueAt", d.rendered, d.error, d.note, d.map_label AS "mapLabel",
            (SELECT y.length FROM task_tally y WHERE y.run = t.run AND y.task_id = t.task_id) AS length
     FROM task_instance t LEFT JOIN ti_detail d ON d.ti = t.pk WHERE t.run = $1 AND t.task_id = $2 AND t.map_index = $3`,
    [run, taskId, mapIndex],
  );
  return rows[0] ?? null;
}

/** Newest try first. */
export async function readAttempts(pool: Pool, ti: number): Promise<AttemptRow[]> {
  const { rows } = await pool.query<AttemptRow>(
    `SELECT a.id, a.try_number AS "tryNumber", a.piece, a.state, a.end_state AS "endState", a.end_reason AS "endReason", a.error,
            a.claimed_at AS "claimedAt", a.started_at AS "startedAt", a.ended_at AS "endedAt", coalesce(a.host, s.host) AS host, a.pid,
            a.cpu_ms AS "cpuMs", a.peak_kb AS "peakKb", v.number AS version
     FROM attempt a JOIN session s ON s.id = a.session JOIN dag_version v ON v.id = a.version
     WHERE a.ti = $1 ORDER BY a.try_number DESC, a.piece DESC LIMIT 500`,
    [ti],
  );
  return rows;
}

export async function readXComs(pool: Pool, run: number, taskId: string, mapIndex: number): Promise<XComRow[]> {
  const { rows } = await pool.query<XComRow>(
    `SELECT key, left(value, ${XCOM_PREVIEW}) AS value, bytes, at FROM xcom WHERE run = $1 AND task_id = $2 AND map_index = $3
     ORDER BY key <> 'return_value', key LIMIT 200`,
    [run, taskId, mapIndex],
  );
  return rows;
}
