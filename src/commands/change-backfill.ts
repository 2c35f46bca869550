import type { PoolClient } from 'pg';
import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor } from './commands';
import type { CommandContext } from './context';
import { inTransaction } from './transaction';

interface BackfillRow {
  readonly id: number;
  readonly dag_id: string;
  readonly is_paused: boolean;
  readonly completed_at: Date | null;
  readonly cancelled: boolean;
}

/** No further run is made or started; what runs goes on. Paused already: nothing happens. */
export async function setBackfillPaused(context: CommandContext, id: number, paused: boolean, actor: Actor): Promise<void> {
  await changeBackfill(context, id, async (client, backfill) => {
    if (backfill.is_paused === paused) return;
    await client.query('UPDATE backfill SET is_paused = $2, updated_at = clock_timestamp() WHERE id = $1', [id, paused]);
    await writeAudit(client, actor, {
      action: paused ? 'pause_backfill' : 'unpause_backfill',
      dagId: backfill.dag_id,
      details: { backfill_id: id },
    });
  });
  context.wakeup();
}

/** Its queued runs are marked failed; those that run go on to their end unless they are to be stopped. */
export async function cancelBackfill(
  context: CommandContext,
  id: number,
  actor: Actor,
  { stopRunning = false }: { readonly stopRunning?: boolean } = {},
): Promise<void> {
  await changeBackfill(context, id, async (client, backfill) => {
    await client.query(
      'UPDATE backfill SET completed_at = clock_timestamp(), updated_at = clock_timestamp(), cancelled = true WHERE id = $1',
      [id],
    );
    const { rowCount } = await client.query(`UPDATE backfill_run SET outcome = 'cancelled' WHERE backfill_id = $1 AND outcome IS NULL`, [
      id,
    ]);
    const details = { backfill_id: id, stop_running: stopRunning, intervals_left: rowCount ?? 0 };
    await writeAudit(client, actor, { action: 'cancel_backfill', dagId: backfill.dag_id, details });
  });
  const { rows } = await context.database.pool.query<{ pk: number }>(
    `SELECT pk FROM dag_run WHERE backfill_id = $1 AND state = ANY($2) ORDER BY pk`,
    [id, stopRunning ? ['queued', 'running'] : ['queued']],
  );
  for (const { pk } of rows) await context.ledger.markRun(pk, 'failed');
  context.wakeup();
}

/** Under the backfill's lock, while it is unfinished. */
async function changeBackfill(
  { database }: CommandContext,
  id: number,
  change: (client: PoolClient, backfill: BackfillRow) => Promise<void>,
): Promise<void> {
  await inTransaction(database.pool, async (client) => {
    // Ids are int8: what does not fit is simply not there.
    const known = Number.isSafeInteger(id) && id > 0;
    const { rows } = known
      ? await client.query<BackfillRow>(
          'SELECT id, dag_id, is_paused, completed_at, cancelled FROM backfill WHERE id = $1 FOR NO KEY UPDATE',
          [id],
        )
      : { rows: [] };
    const backfill = rows[0];
    if (!backfill) throw new ThenceError('NOT_FOUND', `there is no backfill ${id}`);
    if (backfill.completed_at !== null) {
      throw new ThenceError(
        'CONFLICT',
        `backfill ${id} of DAG "${backfill.dag_id}" is ${backfill.cancelled ? 'cancelled' : 'complete'} already`,
      );
    }
    await change(client, backfill);
  });
}
