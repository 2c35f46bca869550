import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor, ParseRequest } from './commands';
import type { CommandContext } from './context';
import { unknownDag } from './find-dag';
import { inTransaction } from './transaction';

const MOST_NAMED = 50;

/** The rows stay until a DAG processor takes them, however long there is none. */
export async function parseFiles(context: CommandContext, request: ParseRequest, actor: Actor): Promise<{ files: string[] }> {
  const files = await filesOf(context, request);
  await inTransaction(context.database.pool, async (client) => {
    await client.query('INSERT INTO parse_request (file_path) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [files]);
    await writeAudit(client, actor, { action: 'parse_files', details: { files: files.slice(0, MOST_NAMED), count: files.length } });
  });
  return { files };
}

async function filesOf({ database }: CommandContext, { filePath, dagIds }: ParseRequest): Promise<string[]> {
  if (dagIds) {
    const { rows } = await database.pool.query<{ dag_id: string; file_path: string }>(
      'SELECT dag_id, file_path FROM dag WHERE dag_id = ANY($1)',
      [dagIds],
    );
    const unknown = dagIds.find((dagId) => !rows.some((row) => row.dag_id === dagId));
    if (unknown !== undefined) throw await unknownDag(database, unknown);
    return [...new Set(rows.map((row) => row.file_path))].sort();
  }
  const { rows } = await database.pool.query<{ file_path: string }>(
    `SELECT file_path FROM dag WHERE is_active AND ($1::text IS NULL OR file_path = $1)
     UNION SELECT file_path FROM import_error WHERE $1::text IS NULL OR file_path = $1 ORDER BY file_path`,
    [filePath ?? null],
  );
  if (rows.length === 0 && filePath !== undefined) throw new ThenceError('NOT_FOUND', `no DAG file "${filePath}" is known`);
  return rows.map((row) => row.file_path);
}
