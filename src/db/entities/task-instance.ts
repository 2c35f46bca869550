import { EntitySchema } from 'typeorm';
import type { TaskReason, TaskState } from '../../core/states';
import type { JsonValue } from '../../core/json';
import { bigint, boolean, checks, identity, integer, jsonb, managed, smallint, text, timestamptz, uuid } from './columns';

export interface TaskInstanceRow {
  readonly pk: number;
  readonly run: number;
  readonly task_id: string;
  readonly map_index: number;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly admissible: boolean;
  readonly lane: string;
  readonly pool: string;
  readonly pool_slots: number;
  readonly rank_class: number;
  readonly priority: number;
  readonly run_after: Date;
  readonly try_number: number;
  readonly retries_used: number;
  readonly lost_in_a_row: number;
  readonly piece: number;
  readonly attempt: string | null;
  readonly branch: JsonValue | null;
  readonly due_at: Date | null;
  readonly scheduled_at: Date | null;
  readonly start_date: Date | null;
  readonly end_date: Date | null;
}

export const taskInstanceEntity = new EntitySchema<TaskInstanceRow>({
  name: 'task_instance',
  columns: {
    pk: identity({ primary: true, primaryKeyConstraintName: 'task_instance_pkey' }),
    run: bigint(),
    task_id: text(),
    map_index: integer({ default: -1 }),
    state: text({ nullable: true }),
    reason: text({ nullable: true }),
    admissible: boolean({ default: false }),
    lane: text(),
    pool: text(),
    pool_slots: integer(),
    rank_class: smallint(),
    priority: integer(),
    run_after: timestamptz(),
    try_number: integer({ default: 0 }),
    retries_used: integer({ default: 0 }),
    lost_in_a_row: integer({ default: 0 }),
    piece: integer({ default: 0 }),
    attempt: uuid({ nullable: true }),
    branch: jsonb({ nullable: true }),
    due_at: timestamptz({ nullable: true }),
    scheduled_at: timestamptz({ nullable: true }),
    start_date: timestamptz({ nullable: true }),
    end_date: timestamptz({ nullable: true }),
  },
  uniques: [{ name: 'task_instance_key', columns: ['run', 'task_id', 'map_index'] }],
  checks: checks(
    'task_instance_admissible',
    'task_instance_due',
    'task_instance_finished',
    'task_instance_owned',
    'task_instance_pool_slots_check',
    'task_instance_state_check',
  ),
  foreignKeys: [
    { name: 'task_instance_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
  ],
  indices: managed('ti_admissible', 'ti_due', 'ti_gated'),
});
