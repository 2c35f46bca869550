import type { Database } from '../db/database';
import { findDag } from '../read-model/cli/dags';
import type { DagDetails } from '../read-model/cli/dags';
import { findRun } from '../read-model/cli/runs';
import type { ListedRun } from '../read-model/cli/runs';
import { isDate, parseDate } from './arguments';

/** The run that somebody named by its run id or its logical date. @throws ThenceError (NOT_FOUND) for an unknown DAG or run */
export async function findNamedRun(db: Database, dagId: string, which: string): Promise<{ dag: DagDetails; run: ListedRun }> {
  const dag = await findDag(db, dagId);
  const logicalDate = isDate(which) ? parseDate(which, dag.timezone, 'logical date') : null;
  return { dag, run: await findRun(db, dagId, { runId: which, logicalDate }) };
}
