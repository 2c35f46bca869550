/**
 * Instances of expanded tasks are counted in `task_tally`, by what they are doing (see Tally in src/core/run-view.ts). Every statement here
 * that changes them changes their tally along, under the lock of their run; the claim alone needs not, because an admissible instance
 * and a running one count alike.
 */
import type { Tally, TallyCount } from '../../core/run-view';
import { TALLY_COUNTS } from '../../core/run-view';
import type { RunPk } from '../ledger';

export interface TallyRow {
  run: RunPk;
  task_id: string;
  length: number;
  none: number;
  waiting: number;
  active: number;
  sleeping: number;
  success: number;
  failed: number;
  skipped: number;
  upstream_failed: number;
}

const columnOf = (count: TallyCount) => (count === 'upstreamFailed' ? 'upstream_failed' : count);
export const TALLY_COLUMNS = TALLY_COUNTS.map(columnOf);
export const tallyColumns = (alias: string) =>
  ['run', 'task_id', 'length', ...TALLY_COLUMNS].map((column) => `${alias}.${column}`).join(', ');

export function toTally({ upstream_failed: upstreamFailed, run: _run, task_id: _taskId, ...counts }: TallyRow): Tally {
  return { ...counts, upstreamFailed };
}

/** The count that an instance belongs to, as SQL; null: `removed`, in none. */
export const countOf = (alias: string) =>
  `CASE WHEN ${alias}.state IS NULL THEN 'none' WHEN ${alias}.state = 'scheduled' THEN CASE WHEN ${alias}.admissible THEN 'active' ELSE 'waiting' END
     WHEN ${alias}.state IN ('queued', 'running', 'restarting') THEN 'active' WHEN ${alias}.state IN ('up_for_retry', 'up_for_reschedule', 'deferred') THEN 'sleeping'
     WHEN ${alias}.state <> 'removed' THEN ${alias}.state END`;

/**
 * Ends a statement whose CTE `moved(run, task_id, was, became)` tells what each instance counted as and counts as now (null: nothing);
 * returns the tallies as they are then.
 */
export const RECOUNT_MOVED = `
   change AS (SELECT run, task_id, ${TALLY_COLUMNS.map((c) => `(count(*) FILTER (WHERE became = '${c}') - count(*) FILTER (WHERE was = '${c}'))::int AS ${c}`).join(', ')}
     FROM moved GROUP BY run, task_id),
   counted AS (
     UPDATE task_tally y SET ${TALLY_COLUMNS.map((c) => `${c} = y.${c} + change.${c}`).join(', ')}
     FROM change WHERE y.run = change.run AND y.task_id = change.task_id RETURNING ${tallyColumns('y')})`;
