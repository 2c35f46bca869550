import { writeAudit } from './audit';
import type { Actor } from './commands';
import type { CommandContext } from './context';
import { findRun } from './find-run';
import { inTransaction } from './transaction';

export async function setRunNote(
  context: CommandContext,
  { dagId, runId, note }: { dagId: string; runId: string; note: string | null },
  actor: Actor,
): Promise<void> {
  const run = await findRun(context, { dagId, runId });
  await inTransaction(context.database.pool, async (client) => {
    await client.query('UPDATE dag_run SET note = $2 WHERE pk = $1', [run.pk, note]);
    await writeAudit(client, actor, { action: 'set_run_note', dagId, runId });
  });
}
