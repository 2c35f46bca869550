import type { PoolClient } from 'pg';

/** Files of DAGs whose warnings about these pools may be no longer true, or are missing, are looked at again by the DAG processor. */
export async function recheckUsersOf(client: PoolClient, pools: readonly string[]): Promise<void> {
  await client.query(
    `INSERT INTO parse_request (file_path)
     SELECT DISTINCT d.file_path FROM dag d JOIN dag_version v ON v.id = d.current_version
       CROSS JOIN LATERAL json_to_recordset(v.spec->'tasks') AS t(pool text, "poolSlots" int) LEFT JOIN pool p ON p.name = t.pool
     WHERE d.is_active AND t.pool = ANY($1) AND (d.warnings <> '[]' OR p.name IS NULL OR p.slots >= 0 AND t."poolSlots" > p.slots)
     ON CONFLICT DO NOTHING`,
    [pools],
  );
}
