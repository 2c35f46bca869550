import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { boolean, integer, jsonb, managed, text, textArray, timestamptz, uuid } from './columns';

export interface DagRow {
  readonly dag_id: string;
  readonly file_path: string;
  readonly is_active: boolean;
  readonly is_paused: boolean;
  readonly current_version: string | null;
  readonly description: string | null;
  readonly owner: string | null;
  readonly tags: string[];
  readonly timetable_summary: string | null;
  readonly timetable_description: string | null;
  readonly timezone: string;
  readonly max_active_runs: number;
  readonly max_active_tasks: number;
  readonly next_run_after: Date | null;
  readonly next_logical_date: Date | null;
  readonly next_interval_start: Date | null;
  readonly next_interval_end: Date | null;
  readonly schedule_hash: string | null;
  readonly warnings: JsonValue;
  readonly last_parsed_at: Date | null;
  readonly last_parse_ms: number | null;
  readonly created_at: Date;
  readonly has_deadlines: boolean;
}

export const dagEntity = new EntitySchema<DagRow>({
  name: 'dag',
  columns: {
    dag_id: text({ primary: true, primaryKeyConstraintName: 'dag_pkey' }),
    file_path: text(),
    is_active: boolean({ default: true }),
    is_paused: boolean(),
    current_version: uuid({ nullable: true }),
    description: text({ nullable: true }),
    owner: text({ nullable: true }),
    tags: textArray({ default: () => "'{}'" }),
    timetable_summary: text({ nullable: true }),
    timetable_description: text({ nullable: true }),
    timezone: text({ default: () => "'UTC'" }),
    max_active_runs: integer(),
    max_active_tasks: integer(),
    next_run_after: timestamptz({ nullable: true }),
    next_logical_date: timestamptz({ nullable: true }),
    next_interval_start: timestamptz({ nullable: true }),
    next_interval_end: timestamptz({ nullable: true }),
    schedule_hash: text({ nullable: true }),
    warnings: jsonb({ default: () => "'[]'" }),
    last_parsed_at: timestamptz({ nullable: true }),
    last_parse_ms: integer({ nullable: true }),
    created_at: timestamptz({ default: () => 'clock_timestamp()' }),
    has_deadlines: boolean({ default: false }),
  },
  foreignKeys: [
    {
      name: 'dag_current_version',
      target: 'dag_version',
      columnNames: ['current_version'],
      referencedColumnNames: ['id'],
      deferrable: 'INITIALLY DEFERRED',
    },
  ],
  indices: managed('dag_due', 'dag_of_file'),
});
