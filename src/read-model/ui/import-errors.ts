/** DAG files that could not be loaded, newest first. */
import type { Pool } from 'pg';

export interface ImportErrorRow {
  readonly filePath: string;
  readonly message: string;
  readonly stackTrace: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly frame: string | null;
  readonly at: Date;
  /** DAGs of the file whose last good version is still live. */
  readonly liveDags: number;
}

export async function readImportErrors(pool: Pool, filePath?: string): Promise<ImportErrorRow[]> {
  const { rows } = await pool.query<ImportErrorRow>(
    `SELECT e.file_path AS "filePath", e.message, e.stack_trace AS "stackTrace", e.line, e.col AS "column", e.frame, e.at,
            (SELECT count(*)::int FROM dag WHERE dag.file_path = e.file_path AND dag.is_active) AS "liveDags"
     FROM import_error e WHERE $1::text IS NULL OR e.file_path = $1
     ORDER BY e.at DESC, e.id DESC LIMIT 50`,
    [filePath ?? null],
  );
  return rows;
}
