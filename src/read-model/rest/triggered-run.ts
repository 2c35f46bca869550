import type { Pool } from 'pg';

export interface TriggeredRunRow {
  readonly dag_id: string;
  readonly run_id: string;
}

/** The run that a task instance has triggered (TriggerDagRunOperator); null when there is none, or it was deleted. */
export async function getTriggeredRun(pool: Pool, taskInstance: number): Promise<TriggeredRunRow | null> {
  const { rows } = await pool.query<TriggeredRunRow>(
    `SELECT o.dag_id, o.run_id FROM task_instance t
       JOIN ti_detail d ON d.ti = t.pk
       JOIN xcom x ON x.run = t.run AND x.task_id = t.task_id AND x.map_index = t.map_index AND x.key = 'trigger_run_id'
       JOIN dag_run o ON o.dag_id = d.rendered->>'dagId' AND to_json(o.run_id)::text = x.value
     WHERE t.pk = $1`,
    [taskInstance],
  );
  return rows[0] ?? null;
}
