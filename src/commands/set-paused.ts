import { writeAudit } from './audit';
import type { Actor } from './commands';
import type { CommandContext } from './context';
import { unknownDag } from './find-dag';
import { inTransaction } from './transaction';

/** While a DAG is paused no scheduled run is made, and none of its queued runs starts, except those of a backfill. */
export async function setPaused(context: CommandContext, dagId: string, paused: boolean, actor: Actor): Promise<{ changed: boolean }> {
  const changed = await inTransaction(context.database.pool, async (client) => {
    // Runs first, then the DAG: the order in which everybody locks. What waits has to be held back, or let go, by a scheduler.
    await client.query(`INSERT INTO run_wake (run, cause) SELECT pk, $2 FROM dag_run WHERE dag_id = $1 AND state = 'running'`, [
      dagId,
      paused ? 'paused' : 'unpaused',
    ]);
    const { rows } = await client.query<{ was: boolean }>(
      `UPDATE dag SET is_paused = $2 FROM (SELECT dag_id, is_paused AS was FROM dag WHERE dag_id = $1 FOR NO KEY UPDATE) before
        WHERE dag.dag_id = before.dag_id RETURNING was`,
      [dagId, paused],
    );
    if (!rows[0]) return null;
    await writeAudit(client, actor, { action: paused ? 'pause_dag' : 'unpause_dag', dagId });
    return rows[0].was !== paused;
  });
  if (changed === null) throw await unknownDag(context.database, dagId);
  context.wakeup();
  return { changed };
}
