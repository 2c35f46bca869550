/** DAGs as the command line shows them. */
import { didYouMean } from '../../core/did-you-mean';
import { ThenceError } from '../../core/errors';
import type { DagSpec } from '../../dag-spec/spec';
import type { Database } from '../../db/database';

export interface ListedDag {
  readonly dag_id: string;
  readonly file_path: string;
  readonly owner: string | null;
  readonly is_paused: boolean;
  readonly tags: readonly string[];
  readonly timetable_summary: string | null;
  readonly next_run_after: Date | null;
}

/** Active DAGs by id. */
export async function listDags(
  { pool }: Database,
  filter: { readonly paused?: boolean; readonly tags?: readonly string[] } = {},
): Promise<ListedDag[]> {
  const { rows } = await pool.query<ListedDag>(
    `SELECT dag_id, file_path, owner, is_paused, tags, timetable_summary, next_run_after FROM dag
      WHERE is_active AND ($1::boolean IS NULL OR is_paused = $1) AND ($2::text[] IS NULL OR tags && $2) ORDER BY dag_id`,
    [filter.paused ?? null, filter.tags ?? null],
  );
  return rows;
}

export interface DagDetails extends ListedDag {
  readonly is_active: boolean;
  readonly description: string | null;
  readonly timezone: string;
  readonly timetable_description: string | null;
  readonly max_active_runs: number;
  readonly max_active_tasks: number;
  readonly next_logical_date: Date | null;
  readonly next_interval_start: Date | null;
  readonly next_interval_end: Date | null;
  readonly last_parsed_at: Date | null;
  readonly version: number;
  readonly bundle_hash: string;
  readonly spec: DagSpec;
}

/** With its newest version. @throws ThenceError (NOT_FOUND) with close ids. */
export async function findDag({ pool }: Database, dagId: string): Promise<DagDetails> {
  const { rows } = await pool.query<DagDetails>(
    `SELECT d.dag_id, d.file_path, d.owner, d.is_paused, d.tags, d.timetable_summary, d.next_run_after, d.is_active, d.description, d.timezone,
            d.timetable_description, d.max_active_runs, d.max_active_tasks, d.next_logical_date, d.next_interval_start, d.next_interval_end,
            d.last_parsed_at, v.number AS version, v.bundle_hash, v.spec
       FROM dag d JOIN dag_version v ON v.id = d.current_version WHERE d.dag_id = $1`,
    [dagId],
  );
  if (rows[0]) return rows[0];
  const known = await pool.query<{ dag_id: string }>('SELECT dag_id FROM dag WHERE is_active');
  throw unknownDag(
    dagId,
    known.rows.map((row) => row.dag_id),
  );
}

export function unknownDag(dagId: string, known: readonly string[]): ThenceError {
  const hint = didYouMean(dagId, known);
  return new ThenceError(
    'NOT_FOUND',
    `there is no DAG "${dagId}"${hint || '; "thence dags list" shows all, "thence dags list-import-errors" the files that failed'}`,
  );
}

export interface ImportError {
  readonly file_path: string;
  readonly line: number | null;
  readonly col: number | null;
  readonly message: string;
  readonly frame: string | null;
  readonly at: Date;
}

export async function listImportErrors({ pool }: Database): Promise<ImportError[]> {
  const { rows } = await pool.query<ImportError>('SELECT file_path, line, col, message, frame, at FROM import_error ORDER BY file_path');
  return rows;
}
