import { EntitySchema } from 'typeorm';
import { bigint, boolean, checks, managed, smallint, timestamptz } from './columns';

export interface DeadlineRow {
  readonly run: number;
  readonly number: number;
  readonly due_at: Date | null;
  readonly settled: boolean;
  readonly missed_at: Date | null;
}

export const deadlineEntity = new EntitySchema<DeadlineRow>({
  name: 'deadline',
  columns: {
    run: bigint({ primary: true, primaryKeyConstraintName: 'deadline_pkey' }),
    number: smallint({ primary: true, primaryKeyConstraintName: 'deadline_pkey' }),
    due_at: timestamptz({ nullable: true }),
    settled: boolean(),
    missed_at: timestamptz({ nullable: true }),
  },
  checks: checks('deadline_missed', 'deadline_number_check', 'deadline_settled'),
  foreignKeys: [{ name: 'deadline_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' }],
  indices: managed('deadline_due'),
});
