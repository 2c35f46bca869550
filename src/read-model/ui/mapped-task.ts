/** A mapped task of a run: how many of its instances are where, and one page of them. */
import type { Pool } from 'pg';
import type { TaskReason, TaskState } from '../../core/states';
import { TALLY_STATES } from './task-summaries';

/** What the tally keeps apart, and the states that each stands for. */
export const TALLY_PARTS = {
  failed: ['failed'],
  upstream_failed: ['upstream_failed'],
  active: ['queued', 'running', 'restarting'],
  sleeping: ['up_for_retry', 'up_for_reschedule', 'deferred'],
  waiting: ['scheduled'],
  none: [null],
  success: ['success'],
  skipped: ['skipped'],
} as const satisfies Record<string, readonly TaskState[]>;
export type TallyPart = keyof typeof TALLY_PARTS;

export interface MappedTask {
  readonly length: number;
  readonly parts: Readonly<Record<TallyPart, number>>;
  readonly counts: Readonly<Record<string, number>>;
}

/** Null: the task is not mapped, or not expanded yet. */
export async function readMappedTask(pool: Pool, run: number, taskId: string): Promise<MappedTask | null> {
  const { rows } = await pool.query<MappedTask>(
    `SELECT y.length, to_jsonb(y) - 'run' - 'task_id' - 'lengths' - 'length' AS parts,
            (SELECT coalesce(jsonb_object_agg(state, n), '{}') FROM (${TALLY_STATES}) tallied) AS counts
     FROM task_tally y WHERE y.run = $1 AND y.task_id = $2`,
    [run, taskId],
  );
  return rows[0] ?? null;
}

export interface MappedInstance {
  readonly mapIndex: number;
  readonly label: string | null;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly tryNumber: number;
  readonly startDate: Date | null;
  readonly endDate: Date | null;
  readonly dueAt: Date | null;
}

export interface InstancesQuery {
  readonly part: TallyPart | null;
  /** A map index, or a piece of the label. */
  readonly search: string;
  readonly limit: number;
  readonly offset: number;
}

/** By map index. `hasMore`: there is another page. */
export async function readInstances(
  pool: Pool,
  run: number,
  taskId: string,
  { part, search, limit, offset }: InstancesQuery,
): Promise<{ instances: MappedInstance[]; hasMore: boolean }> {
  const states = part === null ? null : TALLY_PARTS[part].filter((state) => state !== null);
  // Without a filter the place in the list is the map index.
  const isPlain = part === null && search === '';
  const { rows } = await pool.query<MappedInstance>(
    `SELECT t.map_index AS "mapIndex", d.map_label AS label, t.state, t.reason, t.try_number AS "tryNumber", t.start_date AS "startDate", t.end_date AS "endDate",
            t.due_at AS "dueAt"
     FROM task_instance t LEFT JOIN ti_detail d ON d.ti = t.pk
     WHERE t.run = $1 AND t.task_id = $2 AND t.map_index >= $3 AND t.state IS DISTINCT FROM 'removed'
       AND ($4::text[] IS NULL OR t.state = ANY ($4)) AND (NOT $5 OR t.state IS NULL)
       AND ($6 = '' OR t.map_index = $7 OR d.map_label ILIKE '%' || $6 || '%')
     ORDER BY t.map_index LIMIT $8 OFFSET $9`,
    [
      run,
      taskId,
      isPlain ? offset : 0,
      part === 'none' ? null : states,
      part === 'none',
      search.replace(/[\\%_]/g, '\\$&'),
      /^\d{1,9}$/.test(search) ? Number(search) : -1,
      limit + 1,
      isPlain ? 0 : offset,
    ],
  );
  return { instances: rows.slice(0, limit), hasMore: rows.length > limit };
}
