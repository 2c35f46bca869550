/** The outbox of callbacks: rows in the transaction of their cause; they are run elsewhere, at least once. */
import type { PoolClient } from 'pg';
import type { RunEvent, TaskEvent } from '../../dag-spec/spec';
import type { RunPk, TaskPk, VersionId } from '../ledger';
import { prepared } from './connections';
import type { Ending, RecordedEnding } from './endings';
import { errorOf } from './endings';
import type { VersionCache } from './versions';

export interface NewCallback {
  readonly run: RunPk;
  /** Null: of the DAG. */
  readonly ti: TaskPk | null;
  readonly event: TaskEvent | RunEvent;
  readonly version: VersionId;
  readonly tryNumber: number;
  readonly reason: string | null;
  /** JSON text */
  readonly error: string | null;
}

const insert = prepared(
  'insert_callbacks',
  `INSERT INTO callback (run, ti, event, version, try_number, reason, error)
   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::int[], $6::text[], $7::json[])`,
);

/** Null when there is nothing to tell. */
export function insertCallbacks(client: PoolClient, callbacks: readonly NewCallback[]) {
  if (callbacks.length === 0) return null;
  const of = <T>(value: (callback: NewCallback) => T) => callbacks.map(value);
  return insert(
    client,
    of(({ run }) => run),
    of(({ ti }) => ti),
    of(({ event }) => event),
    of(({ version }) => version),
    of(({ tryNumber }) => tryNumber),
    of(({ reason }) => reason),
    of(({ error }) => error),
  );
}

/** Of tasks whose attempts ended, where their file gives a callback for that end. */
export function taskCallbacks(endings: readonly Ending[], recorded: readonly RecordedEnding[], versions: VersionCache): NewCallback[] {
  const ended = new Map(recorded.map((row) => [row.attempt, row]));
  return endings.flatMap(({ attempt, report: { outcome } }) => {
    const row = ended.get(attempt.attemptId);
    const { callbacks } = versions.get(attempt.version).dag.tasks.get(attempt.taskId)!.spec;
    const event = row && callbacks ? eventOf(row) : null;
    if (!row || !event || !callbacks!.includes(event)) return [];
    const { run, pk: ti, try_number: tryNumber, reason } = row;
    return [{ run, ti, event, version: attempt.version, tryNumber, reason, error: errorOf(outcome) }];
  });
}

/** Only what the task itself came to: what a rule skips or fails never began. */
function eventOf({ state }: RecordedEnding): TaskEvent | null {
  switch (state) {
    case 'success':
    case 'skipped':
      return state;
    case 'failed':
      return 'failure';
    case 'up_for_retry':
      return 'retry';
    default:
      return null;
  }
}
