/**
 * What a scheduler has to look at: reads that cost as much as there is to do, whatever waits. (An index is not searched by
 * `clock_timestamp()`, which is volatile; hence `statement_timestamp()`.)
 */
import type { Instant } from '../../core/time';
import type { Attention, AttemptId, RunPk, SessionId } from '../ledger';
import { flush, prepared, withClient } from './connections';
import type { LedgerContext } from './context';

const readWakes = prepared<{ run: RunPk }>('read_wakes', 'SELECT run FROM run_wake GROUP BY run ORDER BY min(id) LIMIT $1');

const readDue = prepared<{ run: RunPk }>(
  'read_due',
  `SELECT run FROM task_instance WHERE state IN ('up_for_retry', 'up_for_reschedule') AND due_at <= statement_timestamp()
   GROUP BY run ORDER BY min(due_at) LIMIT $1`,
);

const readNextDue = prepared<{ due_at: Instant | null; now: Instant }>(
  'read_next_due',
  `SELECT min(due_at) AS due_at, clock_timestamp() AS now FROM task_instance
   WHERE state IN ('up_for_retry', 'up_for_reschedule') AND due_at > statement_timestamp()`,
);

const readCancels = prepared<{ attempt: AttemptId; why: Attention['cancels'][number]['why'] }>(
  'read_cancels',
  `SELECT a.id AS attempt,
     CASE WHEN t.state = 'restarting' THEN 'cleared' WHEN t.reason IN ('fail_fast', 'run_ended') THEN 'run-ended' ELSE 'marked' END AS why
   FROM attempt a JOIN task_instance t ON t.pk = a.ti
   WHERE a.session = $1::uuid AND a.state = 'ending'`,
);

const readWork = prepared<{ work: boolean }>(
  'read_work',
  'SELECT EXISTS (SELECT FROM unnest($1::text[]) AS l(lane) JOIN task_instance t ON t.lane = l.lane AND t.admissible) AS work',
);

export async function attention({ pool }: LedgerContext, session: SessionId, lanes: readonly string[], limit: number): Promise<Attention> {
  const { wakes, due, next, cancels, work } = await withClient(pool, (client) =>
    flush(client, () => ({
      wakes: readWakes(client, limit),
      due: readDue(client, limit),
      next: readNextDue(client),
      cancels: readCancels(client, session),
      work: readWork(client, lanes),
    })),
  );
  const { due_at: dueAt, now } = next.rows[0]!;
  return {
    runs: [...new Set([...wakes.rows, ...due.rows].map(({ run }) => run))].slice(0, limit),
    nextDueInMs: dueAt === null ? null : Math.max(0, dueAt - now),
    cancels: cancels.rows.map(({ attempt, why }) => ({ attemptId: attempt, why })),
    work: work.rows[0]!.work,
  };
}
