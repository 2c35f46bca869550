import type { Pool } from 'pg';
import { RUN_STATES, type RunState } from '../../core/states';

export interface DagStats {
  readonly dagId: string;
  /** Every state, also those that no run is in. */
  readonly counts: readonly { readonly state: RunState; readonly count: number }[];
}

/** How many runs each DAG has in each state. `dagIds` undefined: all active DAGs. */
export async function getDagStats(pool: Pool, dagIds?: readonly string[]): Promise<readonly DagStats[]> {
  const { rows } = await pool.query<{ dag_id: string; state: RunState | null; n: number }>(
    `SELECT d.dag_id, r.state, count(r.pk) AS n FROM dag d LEFT JOIN dag_run r ON r.dag_id = d.dag_id
     WHERE CASE WHEN $1::text[] IS NULL THEN d.is_active ELSE d.dag_id = ANY ($1) END GROUP BY d.dag_id, r.state ORDER BY d.dag_id`,
    [dagIds ?? null],
  );
  const byDag = new Map<string, Map<RunState, number>>();
  for (const { dag_id, state, n } of rows) {
    const counts = byDag.get(dag_id) ?? new Map<RunState, number>();
    if (state) counts.set(state, n);
    byDag.set(dag_id, counts);
  }
  return [...byDag].map(([dagId, counts]) => ({ dagId, counts: RUN_STATES.map((state) => ({ state, count: counts.get(state) ?? 0 })) }));
}
