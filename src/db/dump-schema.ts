/**
 * The schema as text, from Postgres's own catalogue, in a stable order: what docs/schema.sql holds, so that a change of the schema shows
 * in a diff. (pg_dump does not come with the embedded Postgres.)
 */
import type { Pool } from 'pg';

export async function dumpSchema(pool: Pool): Promise<string> {
  const { rows: tables } = await pool.query<{ oid: number; name: string; options: string | null }>(
    `SELECT oid, relname AS name, array_to_string(reloptions, ', ') AS options FROM pg_class
     WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname <> 'schema_migration' ORDER BY relname COLLATE "C"`,
  );
  const parts = [
    '-- The schema as the migrations make it; test/db/schema.test.ts holds it so (run it with UPDATE_SCHEMA=1 to write this file anew).\n',
  ];
  for (const table of tables) {
    const lines = [...(await columns(pool, table.oid)), ...(await constraints(pool, table.oid))].map((line) => `  ${line}`);
    parts.push(`CREATE TABLE ${table.name} (\n${lines.join(',\n')}\n)${table.options ? ` WITH (${table.options})` : ''};`);
    parts.push(...(await indexes(pool, table.oid)), '');
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

async function columns(pool: Pool, table: number): Promise<string[]> {
  const { rows } = await pool.query<{ name: string; type: string; required: boolean; identity: string; initial: string | null }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, a.attidentity AS identity,
       pg_get_expr(d.adbin, d.adrelid) AS initial
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table],
  );
  return rows.map(({ name, type, required, identity, initial }) =>
    [
      name,
      type,
      identity === 'a' ? 'GENERATED ALWAYS AS IDENTITY' : '',
      initial === null ? '' : `DEFAULT ${initial}`,
      required ? 'NOT NULL' : '',
    ]
      .filter(Boolean)
      .join(' '),
  );
}

/** NOT NULL stands with its column (Postgres 18 has it as a constraint too). */
async function constraints(pool: Pool, table: number): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `SELECT format('CONSTRAINT %s %s', conname, pg_get_constraintdef(oid)) AS line FROM pg_constraint
     WHERE conrelid = $1 AND contype <> 'n' ORDER BY array_position('{p,u,c,f}'::"char"[], contype), conname COLLATE "C"`,
    [table],
  );
  return rows.map(({ line }) => line);
}

async function indexes(pool: Pool, table: number): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `SELECT replace(pg_get_indexdef(x.indexrelid), 'public.', '') AS line FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
     WHERE x.indrelid = $1 AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid) ORDER BY i.relname COLLATE "C"`,
    [table],
  );
  return rows.map(({ line }) => `${line};`);
}
