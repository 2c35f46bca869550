import type { Instant } from '../core/time';
import type { Database } from '../db/database';
import { findDag } from '../read-model/cli/dags';
import type { DagDetails } from '../read-model/cli/dags';
import { findRun } from '../read-model/cli/runs';
import type { ListedRun } from '../read-model/cli/runs';
import { isDate, parseDate, parseDay } from './arguments';

/** The run that somebody named by its run id, its logical date, or the day of that. @throws ThenceError (NOT_FOUND) for an unknown DAG or run */
export async function findNamedRun(db: Database, dagId: string, which: string): Promise<{ dag: DagDetails; run: ListedRun }> {
  const dag = await findDag(db, dagId);
  return { dag, run: await findRun(db, dagId, { runId: which, logicalDate: datesOf(which, dag.timezone) }) };
}

function datesOf(which: string, timezone: string): { readonly from: Instant; readonly to: Instant } | null {
  const day = parseDay(which, timezone);
  if (day !== null || !isDate(which)) return day;
  const date = parseDate(which, timezone, 'logical date');
  return { from: date, to: date };
}
