/**
 * Return values are committed with the outcome. A large one goes ahead of it by a statement of its own, fenced by its attempt, so that
 * the hop, which holds locks, stays small; until the outcome is committed nobody downstream runs that could read it.
 */
import type { Pool, PoolClient } from 'pg';
import type { RunPk } from '../ledger';
import { prepared } from './connections';
import type { Ending } from './endings';

const RETURN_VALUE = 'return_value';
const LARGE_BYTES = 32 * 1024;

const insertLarge = prepared(
  'insert_large_xcom',
  `INSERT INTO xcom (run, task_id, map_index, key, value, bytes, attempt)
   SELECT t.run, t.task_id, t.map_index, '${RETURN_VALUE}', $2, $3, a.id FROM attempt a JOIN task_instance t ON t.pk = a.ti
   WHERE a.id = $1::uuid AND a.state IN ('claimed', 'running') AND t.attempt = a.id
   ON CONFLICT (run, task_id, map_index, key) DO UPDATE SET value = excluded.value, bytes = excluded.bytes, attempt = excluded.attempt, at = clock_timestamp()`,
);

const insertSmall = prepared(
  'insert_xcoms',
  `INSERT INTO xcom (run, task_id, map_index, key, value, bytes, attempt)
   SELECT run, task_id, map_index, '${RETURN_VALUE}', value, bytes, attempt
   FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::int[], $6::uuid[]) AS n(run, task_id, map_index, value, bytes, attempt)
   ON CONFLICT (run, task_id, map_index, key) DO UPDATE SET value = excluded.value, bytes = excluded.bytes, attempt = excluded.attempt, at = clock_timestamp()`,
);

const deleteOfTasks = prepared(
  'delete_xcoms',
  `DELETE FROM xcom x USING unnest($1::bigint[], $2::text[], $3::int[]) AS n(run, task_id, map_index)
   WHERE x.run = n.run AND x.task_id = n.task_id AND x.map_index = n.map_index`,
);

const returnValueOf = ({ report: { outcome } }: Ending) => (outcome.kind === 'success' ? outcome.returnValue : null);
const bytesOf = (value: string) => Buffer.byteLength(value);

export async function storeLargeReturnValues(pool: Pool, endings: readonly Ending[]): Promise<void> {
  for (const ending of endings) {
    const value = returnValueOf(ending);
    if (value !== null && bytesOf(value) > LARGE_BYTES) await insertLarge(pool, ending.attempt.attemptId, value, bytesOf(value));
  }
}

/** Of outcomes that the fence let through. Null when there is nothing to store. */
export function storeReturnValues(client: PoolClient, endings: readonly Ending[]): Promise<unknown> | null {
  const small = endings.flatMap((ending) => {
    const value = returnValueOf(ending);
    return value === null || bytesOf(value) > LARGE_BYTES ? [] : [{ ...ending.attempt, value }];
  });
  if (small.length === 0) return null;
  return insertSmall(
    client,
    small.map(({ run }) => run),
    small.map(({ taskId }) => taskId),
    small.map(({ mapIndex }) => mapIndex),
    small.map(({ value }) => value),
    small.map(({ value }) => bytesOf(value)),
    small.map(({ attemptId }) => attemptId),
  );
}

/** A new try begins with nothing of the earlier ones. */
export function deleteXComs(
  client: PoolClient,
  tasks: readonly { readonly run: RunPk; readonly taskId: string; readonly mapIndex: number }[],
): Promise<unknown> | null {
  if (tasks.length === 0) return null;
  return deleteOfTasks(
    client,
    tasks.map(({ run }) => run),
    tasks.map(({ taskId }) => taskId),
    tasks.map(({ mapIndex }) => mapIndex),
  );
}
