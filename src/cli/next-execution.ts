import type { DataInterval } from '../core/time';
import type { Database } from '../db/database';
import { findDag } from '../read-model/cli/dags';
import type { DagDetails } from '../read-model/cli/dags';
import type { ScheduledRun } from '../timetables/timetable';
import { timetableOf } from '../timetables/timetable-of';

/** The next runs that the schedule asks for, after those that exist. Fewer, or none, when the schedule ends before. */
export async function upcomingRuns(db: Database, dagId: string, count: number): Promise<{ dag: DagDetails; runs: ScheduledRun[] }> {
  const dag = await findDag(db, dagId);
  const toInstant = (date: string | null) => (date === null ? null : Date.parse(date));
  const earliest = toInstant(dag.spec.startDate);
  const timetable = timetableOf(dag.spec.timetable, earliest);
  const restriction = { earliest, latest: toInstant(dag.spec.endDate), catchup: dag.spec.catchup };

  const runs: ScheduledRun[] = [];
  let last = await lastInterval(db, dagId);
  let now = Date.now();
  while (runs.length < count) {
    const next = timetable.nextRun(last, restriction, now);
    if (next === null) break;
    runs.push(next);
    last = next.interval;
    now = Math.max(now, next.runAfter); // as the schedule will see it then
  }
  return { dag, runs };
}

async function lastInterval({ pool }: Database, dagId: string): Promise<DataInterval | null> {
  const { rows } = await pool.query<{ interval_start: Date; interval_end: Date }>(
    `SELECT interval_start, interval_end FROM dag_run
      WHERE dag_id = $1 AND run_type = 'scheduled' AND interval_start IS NOT NULL ORDER BY logical_date DESC LIMIT 1`,
    [dagId],
  );
  return rows[0] ? { start: rows[0].interval_start.getTime(), end: rows[0].interval_end.getTime() } : null;
}
