import { EntitySchema } from 'typeorm';
import { bigint, column, integer, text, timestamptz } from './columns';

export interface ExpansionRow {
  readonly run: number;
  readonly owner: string;
  readonly lengths: readonly number[] | null;
  readonly next_index: number;
  readonly at: Date;
}

export const expansionEntity = new EntitySchema<ExpansionRow>({
  name: 'expansion',
  columns: {
    run: bigint({ primary: true, primaryKeyConstraintName: 'expansion_pkey' }),
    owner: text({ primary: true, primaryKeyConstraintName: 'expansion_pkey' }),
    lengths: column('integer', { array: true })({ nullable: true }),
    next_index: integer({ default: 0 }),
    at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  foreignKeys: [
    { name: 'expansion_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
  ],
});
