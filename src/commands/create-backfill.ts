import type { PoolClient } from 'pg';
import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor, BackfillRequest, CreatedBackfill } from './commands';
import type { CommandContext } from './context';
import { checkBackfill, type CheckedBackfill } from './plan-backfill';
import { isoOf } from './run-ids';
import { inTransaction } from './transaction';

const UNIQUE_VIOLATION = '23505';

/** Stores what is to be done: the intervals are those of this moment, whatever the schedule becomes while it runs. */
export async function createBackfill(context: CommandContext, request: BackfillRequest, actor: Actor): Promise<CreatedBackfill> {
  const checked = await checkBackfill(context, request);
  const { dagId } = checked.dag;
  try {
    const id = await inTransaction(context.database.pool, async (client) => {
      const id = await insertBackfill(client, checked, actor);
      const { from, to, maxActiveRuns, reprocessBehavior, runBackwards, tasks } = checked;
      const details = {
        backfill_id: id,
        from_date: isoOf(from),
        to_date: isoOf(to),
        max_active_runs: maxActiveRuns,
        reprocess_behavior: reprocessBehavior,
        run_backwards: runBackwards,
        intervals: checked.runs.length,
        ...(tasks ? { tasks: [...tasks] } : {}),
      };
      await writeAudit(client, actor, { action: 'create_backfill', dagId, details });
      return id;
    });
    context.wakeup();
    return { id, dagId, total: checked.runs.length };
  } catch (error) {
    if ((error as { code?: string; constraint?: string }).code !== UNIQUE_VIOLATION) throw error;
    throw new ThenceError(
      'CONFLICT',
      `DAG "${dagId}" has an unfinished backfill${await theOpenOne(context, dagId)}; wait for it or cancel it first`,
    );
  }
}

async function insertBackfill(client: PoolClient, backfill: CheckedBackfill, actor: Actor): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO backfill (dag_id, from_date, to_date, max_active_runs, reprocess_behavior, run_backwards, conf, created_by, task_ids, run_on_latest_version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id`,
    [
      backfill.dag.dagId,
      new Date(backfill.from),
      new Date(backfill.to),
      backfill.maxActiveRuns,
      backfill.reprocessBehavior,
      backfill.runBackwards,
      JSON.stringify(backfill.conf),
      actor.user,
      backfill.tasks,
      backfill.runOnLatestVersion,
    ],
  );
  const { id } = rows[0]!;
  const column = (value: (run: CheckedBackfill['runs'][number]) => number) => backfill.runs.map((run) => new Date(value(run)));
  // From 0 on: the first run waits for none before it.
  await client.query(
    `INSERT INTO backfill_run (backfill_id, ordinal, logical_date, interval_start, interval_end)
     SELECT $1, n - 1, at, starts, ends FROM unnest($2::timestamptz[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY AS r(at, starts, ends, n)`,
    [id, column((run) => run.logicalDate), column((run) => run.interval.start), column((run) => run.interval.end)],
  );
  return id;
}

async function theOpenOne({ database }: CommandContext, dagId: string): Promise<string> {
  const { rows } = await database.pool.query<{ id: number }>('SELECT id FROM backfill WHERE dag_id = $1 AND completed_at IS NULL', [dagId]);
  return rows[0] ? ` (number ${rows[0].id})` : '';
}
