/** Applies what was decided, each row only where it is still in the state that the decision was made for. */
import type { PoolClient } from 'pg';
import type { Transition } from '../../core/resolve';
import { FINISHED_TASK_STATES } from '../../core/states';
import type { TaskReason, TaskState } from '../../core/states';
import type { Instant } from '../../core/time';
import type { RunPk, TaskPk } from '../ledger';
import { prepared } from './connections';

export interface AppliedTransition {
  pk: TaskPk;
  run: RunPk;
  task_id: string;
  map_index: number;
  state: TaskState;
  reason: TaskReason | null;
  try_number: number;
  start_date: Instant | null;
  end_date: Instant | null;
}

const apply = prepared<AppliedTransition>(
  'apply_transitions',
  `UPDATE task_instance t SET state = n.state, reason = n.reason, admissible = n.admissible, due_at = NULL,
     scheduled_at = CASE WHEN n.state = 'scheduled' THEN coalesce(CASE WHEN n.expected = 'scheduled' THEN t.scheduled_at END, clock_timestamp()) ELSE t.scheduled_at END,
     start_date = CASE WHEN n.state = ANY($6::text[]) THEN coalesce(t.start_date, clock_timestamp()) ELSE t.start_date END,
     end_date = CASE WHEN n.state = ANY($6::text[]) THEN clock_timestamp() END
   FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bool[]) AS n(pk, expected, state, reason, admissible)
   WHERE t.pk = n.pk AND t.state IS NOT DISTINCT FROM n.expected
   RETURNING t.pk, t.run, t.task_id, t.map_index, t.state, t.reason, t.try_number, t.start_date, t.end_date`,
);

/** The parameters of a statement that applies transitions to rows. */
export function parametersOf(transitions: readonly (Transition & { readonly pk: TaskPk })[]) {
  return [
    transitions.map(({ pk }) => pk),
    transitions.map(({ expected }) => expected),
    transitions.map(({ state }) => state),
    transitions.map(({ reason }) => reason),
    transitions.map(({ admissible }) => admissible),
    FINISHED_TASK_STATES,
  ] as const;
}

export function applyTransitions(client: PoolClient, transitions: readonly (Transition & { readonly pk: TaskPk })[]) {
  return apply(client, ...parametersOf(transitions));
}
