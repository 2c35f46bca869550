import { EntitySchema } from 'typeorm';
import type { RunState, RunType, TriggeredBy } from '../../core/states';
import type { JsonValue } from '../../core/json';
import { bigint, boolean, checks, identity, integer, jsonb, managed, text, textArray, timestamptz, uuid } from './columns';

export interface DagRunRow {
  readonly pk: number;
  readonly dag_id: string;
  readonly run_id: string;
  readonly run_type: RunType;
  readonly state: RunState;
  readonly logical_date: Date | null;
  readonly interval_start: Date | null;
  readonly interval_end: Date | null;
  readonly run_after: Date;
  readonly version: string | null;
  readonly conf: JsonValue;
  readonly triggered_by: TriggeredBy;
  readonly triggering_user: string | null;
  readonly note: string | null;
  readonly backfill_id: number | null;
  readonly backfill_ordinal: number | null;
  readonly queued_at: Date;
  readonly start_date: Date | null;
  readonly end_date: Date | null;
  readonly deadline_at: Date | null;
  readonly seq: number;
  readonly waits_for_past: boolean;
  readonly keep_version: boolean;
  readonly retries_used: number;
  readonly retry_at: Date | null;
  readonly end_reason: string | null;
  readonly only_tasks: string[] | null;
}

export const dagRunEntity = new EntitySchema<DagRunRow>({
  name: 'dag_run',
  columns: {
    pk: identity({ primary: true, primaryKeyConstraintName: 'dag_run_pkey' }),
    dag_id: text(),
    run_id: text(),
    run_type: text(),
    state: text({ default: () => "'queued'" }),
    logical_date: timestamptz({ nullable: true }),
    interval_start: timestamptz({ nullable: true }),
    interval_end: timestamptz({ nullable: true }),
    run_after: timestamptz(),
    version: uuid({ nullable: true }),
    conf: jsonb({ default: () => "'{}'" }),
    triggered_by: text(),
    triggering_user: text({ nullable: true }),
    note: text({ nullable: true }),
    backfill_id: bigint({ nullable: true }),
    backfill_ordinal: integer({ nullable: true }),
    queued_at: timestamptz({ default: () => 'clock_timestamp()' }),
    start_date: timestamptz({ nullable: true }),
    end_date: timestamptz({ nullable: true }),
    deadline_at: timestamptz({ nullable: true }),
    seq: bigint({ default: 0 }),
    waits_for_past: boolean({ default: false }),
    keep_version: boolean({ default: false }),
    retries_used: integer({ default: 0 }),
    retry_at: timestamptz({ nullable: true }),
    end_reason: text({ nullable: true }),
    only_tasks: textArray({ nullable: true }),
  },
  uniques: [
    { name: 'dag_run_id', columns: ['dag_id', 'run_id'] },
    { name: 'dag_run_logical_date', columns: ['dag_id', 'logical_date'] },
  ],
  checks: checks('dag_run_finished', 'dag_run_interval', 'dag_run_run_type_check', 'dag_run_started', 'dag_run_state_check'),
  foreignKeys: [
    {
      name: 'dag_run_backfill_id_fkey',
      target: 'backfill',
      columnNames: ['backfill_id'],
      referencedColumnNames: ['id'],
      onDelete: 'SET NULL',
    },
    { name: 'dag_run_dag_id_fkey', target: 'dag', columnNames: ['dag_id'], referencedColumnNames: ['dag_id'], onDelete: 'CASCADE' },
    { name: 'dag_run_version_fkey', target: 'dag_version', columnNames: ['version'], referencedColumnNames: ['id'] },
  ],
  indices: managed('run_deadline', 'run_ended', 'run_of_backfill', 'run_page', 'run_queue', 'run_recent', 'run_retry', 'run_running'),
});
