import type { Config } from '../config/config';
import type { Database } from '../db/database';
import { findDag } from '../read-model/cli/dags';
import type { DagDetails } from '../read-model/cli/dags';
import { newestScheduledRuns } from '../read-model/newest-scheduled-runs';
import { scheduleOf } from '../timetables/next-run';
import type { ScheduledRun } from '../timetables/timetable';
import { openSchedules } from '../processes/open-schedules';

/** The next runs that the schedule asks for, after those that exist. Fewer, or none, when the schedule ends before. */
export async function upcomingRuns(
  db: Database,
  dagId: string,
  count: number,
  config: Config,
): Promise<{ dag: DagDetails; runs: readonly ScheduledRun[] }> {
  const dag = await findDag(db, dagId);
  const last = (await newestScheduledRuns(db.pool, [dagId])).get(dagId) ?? null;
  const schedules = openSchedules(config, db.pool);
  try {
    const scheduled = { dagId, schedule: scheduleOf(dag.spec), code: { bundleHash: dag.bundle_hash, filePath: dag.file_path } };
    return { dag, runs: await schedules.ask(scheduled, { kind: 'upcoming', last, now: Date.now(), count }) };
  } finally {
    schedules.stop();
  }
}
