import { writeAudit } from './audit';
import type { Actor } from './commands';
import { clearRun } from './clear-tasks';
import type { CommandContext } from './context';
import { findRun, runNotFound } from './find-run';

export interface MarkRunRequest {
  readonly dagId: string;
  readonly runId: string;
  readonly state: 'success' | 'failed' | 'queued';
}

export async function markRun(context: CommandContext, { dagId, runId, state }: MarkRunRequest, actor: Actor): Promise<void> {
  if (state === 'queued') {
    await clearRun(context, { dagId, runId }, actor);
    return;
  }
  const run = await findRun(context, { dagId, runId });
  const done = await context.ledger.markRun(run.pk, state, async (transaction, marked) => {
    if (marked) await writeAudit(transaction, actor, { action: 'mark_run', dagId, runId, details: { from: run.state, to: state } });
  });
  if (!done) throw runNotFound(dagId, runId);
  context.wakeup();
}
