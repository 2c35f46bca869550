import { EntitySchema } from 'typeorm';
import { bigint, integer, text, timestamptz, uuid } from './columns';

export interface XcomRow {
  readonly run: number;
  readonly task_id: string;
  readonly map_index: number;
  readonly key: string;
  readonly value: string;
  readonly bytes: number;
  readonly attempt: string | null;
  readonly at: Date;
}

export const xcomEntity = new EntitySchema<XcomRow>({
  name: 'xcom',
  columns: {
    run: bigint({ primary: true, primaryKeyConstraintName: 'xcom_pkey' }),
    task_id: text({ primary: true, primaryKeyConstraintName: 'xcom_pkey' }),
    map_index: integer({ primary: true, primaryKeyConstraintName: 'xcom_pkey', default: -1 }),
    key: text({ primary: true, primaryKeyConstraintName: 'xcom_pkey' }),
    value: text(),
    bytes: integer(),
    attempt: uuid({ nullable: true }),
    at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  foreignKeys: [{ name: 'xcom_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' }],
});
