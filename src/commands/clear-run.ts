import { writeAudit } from './audit';
import type { Actor } from './commands';
import type { CommandContext } from './context';
import { findDag } from './find-dag';
import { findRun, runNotFound } from './find-run';

export async function clearRun(context: CommandContext, { dagId, runId }: { dagId: string; runId: string }, actor: Actor): Promise<void> {
  const run = await findRun(context, { dagId, runId });
  // It starts again on the newest version: there has to be one.
  await findDag(context, dagId);
  const done = await context.ledger.clearRun(run.pk, async (transaction, cleared) => {
    if (cleared) await writeAudit(transaction, actor, { action: 'clear_run', dagId, runId, details: { from: run.state } });
  });
  if (!done) throw runNotFound(dagId, runId);
  context.wakeup();
}
