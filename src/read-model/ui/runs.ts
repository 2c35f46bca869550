/** Runs of a DAG, newest first, one page of them. */
import type { Pool } from 'pg';
import type { RunState, RunType } from '../../core/states';
import { RUN_COUNTS } from './task-summaries';

export interface RunsQuery {
  readonly dagId: string;
  readonly states: readonly string[];
  readonly types: readonly string[];
  /** Part of the run id. */
  readonly search: string;
  readonly limit: number;
  readonly offset: number;
}

export interface RunListRow {
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
  readonly version: number | null;
  readonly triggeringUser: string | null;
  readonly backfillId: number | null;
  /** It has missed a deadline. */
  readonly isLate: boolean;
  readonly tasks: Readonly<Record<string, number>>;
}

export async function readRuns(pool: Pool, query: RunsQuery): Promise<{ runs: RunListRow[]; total: number }> {
  const where = `r.dag_id = $1 AND (cardinality($2::text[]) = 0 OR r.state = ANY ($2)) AND (cardinality($3::text[]) = 0 OR r.run_type = ANY ($3))
    AND ($4 = '' OR r.run_id ILIKE $4)`;
  const pattern = query.search === '' ? '' : `%${query.search.replace(/[\\%_]/g, '\\$&')}%`;
  const values = [query.dagId, query.states, query.types, pattern];
  const [total, runs] = await Promise.all([
    pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM dag_run r WHERE ${where}`, values),
    pool.query<RunListRow>(
      `SELECT r.run_id AS "runId", r.run_type AS "runType", r.state, r.logical_date AS "logicalDate", r.interval_start AS "intervalStart",
              r.interval_end AS "intervalEnd", r.run_after AS "runAfter", r.queued_at AS "queuedAt", r.start_date AS "startDate",
              r.end_date AS "endDate", v.number AS version, r.triggering_user AS "triggeringUser", r.backfill_id AS "backfillId",
              EXISTS (SELECT FROM deadline e WHERE e.run = r.pk AND e.missed_at IS NOT NULL) AS "isLate",
              ${RUN_COUNTS} AS tasks
       FROM (SELECT * FROM dag_run r WHERE ${where} ORDER BY r.run_after DESC, r.pk DESC LIMIT $5 OFFSET $6) r
       LEFT JOIN dag_version v ON v.id = r.version ORDER BY r.run_after DESC, r.pk DESC`,
      [...values, query.limit, query.offset],
    ),
  ]);
  return { runs: runs.rows, total: total.rows[0]!.n };
}
