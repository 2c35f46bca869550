/**
 * The tasks of runs, one row each: a mapped task is summed up from its tally, so that nothing here grows with the number of its
 * instances. Of a task without a tally there is the one row with map index -1.
 */
import type { Pool } from 'pg';
import type { TaskReason, TaskState } from '../../core/states';
import { mostUrgent } from './attention';

export interface TaskSummary {
  readonly run: number;
  readonly taskId: string;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly tryNumber: number;
  readonly startDate: Date | null;
  readonly endDate: Date | null;
  readonly dueAt: Date | null;
  /** Of a mapped task that has been expanded. */
  readonly mapped: { readonly length: number; readonly counts: Readonly<Record<string, number>> } | null;
}

/**
 * What a tally `y` says, as rows (state, n). It does not tell apart what sleeps: the first instances are asked which it is. Instances that
 * are still being made count as 'none'.
 */
export const TALLY_STATES = `SELECT state, n FROM (VALUES
    ('failed', y.failed), ('upstream_failed', y.upstream_failed), ('running', y.active), ('scheduled', y.waiting), ('success', y.success), ('skipped', y.skipped),
    ('none', y.length - y.waiting - y.active - y.sleeping - y.success - y.failed - y.skipped - y.upstream_failed),
    (CASE WHEN y.sleeping > 0 THEN coalesce((SELECT s.state FROM (SELECT i.state FROM task_instance i WHERE i.run = y.run AND i.task_id = y.task_id AND i.map_index >= 0
       ORDER BY i.map_index LIMIT 1000) s WHERE s.state IN ('up_for_retry', 'up_for_reschedule', 'deferred') LIMIT 1), 'up_for_retry') END, y.sleeping)) tallied (state, n)
  WHERE n > 0`;

/** How many task instances of run `r` are in each state, as a JSON object. */
export const RUN_COUNTS = `(SELECT coalesce(jsonb_object_agg(state, n), '{}') FROM (
    SELECT state, sum(n)::int AS n FROM (
      SELECT coalesce(t.state, 'none') AS state, 1 AS n FROM task_instance t WHERE t.run = r.pk AND t.map_index = -1
      UNION ALL SELECT tallied.state, tallied.n FROM task_tally y, LATERAL (${TALLY_STATES}) tallied WHERE y.run = r.pk) each GROUP BY state) counts)`;

/** Up to so many instances are asked when the first began and the last ended. */
const TIMES_UP_TO = 1000;

interface TallyRow {
  readonly run: number;
  readonly taskId: string;
  readonly length: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly startDate: Date | null;
  readonly endDate: Date | null;
}

/** In the order in which the run's tasks were made; mapped ones last. `times` false: without start and end of mapped tasks. */
export async function readTaskSummaries(pool: Pool, runs: readonly number[], { times = true } = {}): Promise<TaskSummary[]> {
  const [plain, tallies] = await Promise.all([
    pool.query<Omit<TaskSummary, 'mapped'>>(
      `SELECT run, task_id AS "taskId", state, reason, try_number AS "tryNumber", start_date AS "startDate", end_date AS "endDate", due_at AS "dueAt"
       FROM task_instance WHERE run = ANY ($1::bigint[]) AND map_index = -1 ORDER BY run, pk`,
      [runs],
    ),
    pool.query<TallyRow>(
      `SELECT y.run, y.task_id AS "taskId", y.length, c.counts, m.started AS "startDate", m.ended AS "endDate"
       FROM task_tally y
       CROSS JOIN LATERAL (SELECT coalesce(jsonb_object_agg(state, n), '{}') AS counts FROM (${TALLY_STATES}) tallied) c
       LEFT JOIN LATERAL (SELECT min(i.start_date) AS started, max(i.end_date) AS ended FROM task_instance i
         WHERE i.run = y.run AND i.task_id = y.task_id AND i.map_index >= 0 AND i.map_index < y.length) m ON $2 AND y.length <= ${TIMES_UP_TO}
       WHERE y.run = ANY ($1::bigint[]) ORDER BY y.run, y.task_id`,
      [runs, times],
    ),
  ]);
  const tallied = new Set(tallies.rows.map((row) => `${row.run}/${row.taskId}`));
  return [
    ...plain.rows.filter((row) => !tallied.has(`${row.run}/${row.taskId}`)).map((row) => ({ ...row, mapped: null })),
    ...tallies.rows.map(summarize),
  ];
}

function summarize({ run, taskId, length, counts, startDate, endDate }: TallyRow): TaskSummary {
  const state = mostUrgent(Object.keys(counts)) ?? 'skipped';
  const isOpen = ['running', 'scheduled', 'none', 'up_for_retry', 'up_for_reschedule', 'deferred'].some((open) => counts[open]);
  return {
    run,
    taskId,
    state: state === 'none' ? null : state,
    reason: null,
    tryNumber: 0,
    startDate,
    endDate: isOpen ? null : endDate,
    dueAt: null,
    mapped: { length, counts },
  };
}

/** How many task instances there are in each state. */
export function countStates(summaries: readonly TaskSummary[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state, mapped } of summaries) {
    for (const [name, n] of Object.entries(mapped?.counts ?? { [state ?? 'none']: 1 })) counts[name] = (counts[name] ?? 0) + n;
  }
  return counts;
}
