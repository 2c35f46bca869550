/** What a deferred task waits for. */
import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';
import { waitSubject } from '../../core/waits';
import type { WaitSpec } from '../../core/workload';
import type { Blocker } from './blocker';

interface WaitRow {
  readonly kind: WaitSpec['kind'];
  readonly trigger: string | null;
  readonly args: JsonObject;
  readonly nextCheckAt: Date;
  readonly timeoutAt: Date | null;
  readonly triggerers: number;
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
  const until = wait.timeoutAt ? `, until ${wait.timeoutAt.toISOString()} at most` : '';
  const isTime = wait.kind === 'time';
  const blockers: Blocker[] = [
    {
      kind: 'deferred',
      text: `It holds nothing while it waits for ${waitSubject(wait)}${until}.${wait.kind === 'custom' ? '' : isTime ? ' It goes on' : ' The next look is'}`,
      ...(wait.kind !== 'custom' && { at: wait.nextCheckAt }),
    },
  ];
  if (wait.triggerers === 0) {
    blockers.push({ kind: 'triggerer', text: 'No triggerer is alive, so nobody looks. Run "thence triggerer" or "thence standalone".' });
  }
  return blockers;
}
