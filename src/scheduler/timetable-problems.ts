/** A user-defined timetable that fails in the scheduler: a warning of its DAG, which the DAG processor writes anew with each version. */
import type { Pool } from 'pg';
import { TIMETABLE_PROBLEM } from '../timetables/schedule-oracle';

/** In the place of what it said before. */
export async function reportTimetableProblem(pool: Pool, dagId: string, message: string): Promise<void> {
  await pool.query(`UPDATE dag SET warnings = (${others}) || to_jsonb($2::text) WHERE dag_id = $1`, [dagId, TIMETABLE_PROBLEM + message]);
}

export async function forgetTimetableProblem(pool: Pool, dagId: string): Promise<void> {
  await pool.query(`UPDATE dag SET warnings = (${others}) WHERE dag_id = $1`, [dagId]);
}

const others = `SELECT coalesce(jsonb_agg(w), '[]') FROM jsonb_array_elements(warnings) AS w WHERE NOT starts_with(w #>> '{}', '${TIMETABLE_PROBLEM}')`;
