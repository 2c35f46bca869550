import type { Pool } from 'pg';

/** The DAG file as it was when the version (default: the current one) was stored. */
export async function getDagSource(
  pool: Pool,
  dagId: string,
  versionNumber?: number,
): Promise<{ content: string | null; version_number: number } | null> {
  const { rows } = await pool.query<{ content: string | null; version_number: number }>(
    `SELECT b.sources->>v.file_path AS content, v.number AS version_number
     FROM dag d JOIN dag_version v ON v.dag_id = d.dag_id JOIN bundle b ON b.hash = v.bundle_hash
     WHERE d.dag_id = $1 AND CASE WHEN $2::int IS NULL THEN v.id = d.current_version ELSE v.number = $2 END`,
    [dagId, versionNumber ?? null],
  );
  return rows[0] ?? null;
}
