import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { boolean, checks, identity, integer, jsonb, managed, text, textArray, timestamptz } from './columns';

export interface BackfillRow {
  readonly id: number;
  readonly dag_id: string;
  readonly from_date: Date;
  readonly to_date: Date;
  readonly max_active_runs: number;
  readonly reprocess_behavior: string;
  readonly run_backwards: boolean;
  readonly is_paused: boolean;
  readonly conf: JsonValue;
  readonly created_by: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly completed_at: Date | null;
  readonly cancelled: boolean;
  readonly task_ids: string[] | null;
  readonly run_on_latest_version: boolean;
}

export const backfillEntity = new EntitySchema<BackfillRow>({
  name: 'backfill',
  columns: {
    id: identity({ primary: true, primaryKeyConstraintName: 'backfill_pkey' }),
    dag_id: text(),
    from_date: timestamptz(),
    to_date: timestamptz(),
    max_active_runs: integer(),
    reprocess_behavior: text(),
    run_backwards: boolean({ default: false }),
    is_paused: boolean({ default: false }),
    conf: jsonb({ default: () => "'{}'" }),
    created_by: text({ nullable: true }),
    created_at: timestamptz({ default: () => 'clock_timestamp()' }),
    updated_at: timestamptz({ default: () => 'clock_timestamp()' }),
    completed_at: timestamptz({ nullable: true }),
    cancelled: boolean({ default: false }),
    task_ids: textArray({ nullable: true }),
    run_on_latest_version: boolean({ default: true }),
  },
  checks: checks('backfill_cancelled', 'backfill_max_active_runs_check', 'backfill_range', 'backfill_reprocess_behavior_check'),
  foreignKeys: [
    { name: 'backfill_dag_id_fkey', target: 'dag', columnNames: ['dag_id'], referencedColumnNames: ['dag_id'], onDelete: 'CASCADE' },
  ],
  indices: managed('backfill_open'),
});
