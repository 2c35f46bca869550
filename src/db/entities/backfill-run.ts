import { EntitySchema } from 'typeorm';
import { bigint, checks, integer, managed, text, timestamptz } from './columns';

export interface BackfillRunRow {
  readonly backfill_id: number;
  readonly ordinal: number;
  readonly logical_date: Date;
  readonly interval_start: Date;
  readonly interval_end: Date;
  readonly run: number | null;
  readonly outcome: string | null;
}

export const backfillRunEntity = new EntitySchema<BackfillRunRow>({
  name: 'backfill_run',
  columns: {
    backfill_id: bigint({ primary: true, primaryKeyConstraintName: 'backfill_run_pkey' }),
    ordinal: integer({ primary: true, primaryKeyConstraintName: 'backfill_run_pkey' }),
    logical_date: timestamptz(),
    interval_start: timestamptz(),
    interval_end: timestamptz(),
    run: bigint({ nullable: true }),
    outcome: text({ nullable: true }),
  },
  checks: checks('backfill_run_outcome_check'),
  foreignKeys: [
    {
      name: 'backfill_run_backfill_id_fkey',
      target: 'backfill',
      columnNames: ['backfill_id'],
      referencedColumnNames: ['id'],
      onDelete: 'CASCADE',
    },
    { name: 'backfill_run_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'SET NULL' },
  ],
  indices: managed('backfill_run_of_run', 'backfill_run_todo'),
});
