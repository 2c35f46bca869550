/** What a deferred task waits for. */
import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';
import { waitSubject } from '../../core/waits';
import type { WaitSpec } from '../../core/workload';
import type { Blocker } from './blocker';

interface WaitSubject {
  readonly kind: WaitSpec['kind'];
  readonly trigger: string | null;
  readonly args: JsonObject;
}
interface WaitRow extends WaitSubject {
  readonly nextCheckAt: Date;
  readonly timeoutAt: Date | null;
  readonly triggerers: number;
}

/** Most of a run's deferred tasks that are told what they wait for. */
const MOST_WAITS = 200;

/** What the deferred tasks of a run wait for, by task id: 'the file "/in/orders.csv"'. Instances of mapped tasks are left out. */
export async function readWaits(pool: Pool, run: number): Promise<ReadonlyMap<string, { what: string; until: Date | null }>> {
  const { rows } = await pool.query<WaitSubject & { taskId: string; until: Date | null }>(
    `SELECT t.task_id AS "taskId", w.kind, w.trigger, w.args, w.timeout_at AS until
     FROM wait w JOIN task_instance t ON t.pk = w.ti WHERE w.run = $1 AND t.map_index = -1 LIMIT ${MOST_WAITS}`,
    [run],
  );
  return new Map(rows.map(({ taskId, until, ...wait }) => [taskId, { what: waitSubject(wait), until }]));
}

export async function waitBlocker(pool: Pool, task: { readonly pk: number }): Promise<Blocker[]> {
  const { rows } = await pool.query<WaitRow>(
    `SELECT w.kind, w.trigger, w.args, w.next_check_at AS "nextCheckAt", w.timeout_at AS "timeoutAt",
            (SELECT count(*)::int FROM session WHERE kind = 'triggerer' AND state IN ('alive','draining') AND lease_until > clock_timestamp()) AS triggerers
     FROM wait w WHERE w.ti = $1`,
    [task.pk],
  );
  const wait = rows[0];
  if (!wait) return [];
  const isTime = wait.kind === 'time';
  const next = isTime ? ' It goes on' : wait.kind === 'custom' ? '' : ' The next look is';
  const blockers: Blocker[] = [
    {
      kind: 'deferred',
      text: `It holds nothing while it waits for ${waitSubject(wait)}.${next}`,
      ...(wait.kind !== 'custom' && { at: wait.nextCheckAt }),
      ...(!isTime && { until: wait.timeoutAt }),
    },
  ];
  if (wait.triggerers === 0) {
    blockers.push({ kind: 'triggerer', text: 'No triggerer is alive, so nobody looks. Run "thence triggerer" or "thence standalone".' });
  }
  return blockers;
}
