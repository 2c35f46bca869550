import { EntitySchema } from 'typeorm';
import { bigint, checks, column, integer, text } from './columns';

export interface TaskTallyRow {
  readonly run: number;
  readonly task_id: string;
  readonly lengths: readonly number[];
  readonly length: number;
  readonly none: number;
  readonly waiting: number;
  readonly active: number;
  readonly sleeping: number;
  readonly success: number;
  readonly failed: number;
  readonly skipped: number;
  readonly upstream_failed: number;
}

const counts = ['none', 'waiting', 'active', 'sleeping', 'success', 'failed', 'skipped', 'upstream_failed'] as const;

export const taskTallyEntity = new EntitySchema<TaskTallyRow>({
  name: 'task_tally',
  columns: {
    run: bigint({ primary: true, primaryKeyConstraintName: 'task_tally_pkey' }),
    task_id: text({ primary: true, primaryKeyConstraintName: 'task_tally_pkey' }),
    lengths: column('integer', { array: true })(),
    length: integer(),
    none: integer({ default: 0 }),
    waiting: integer({ default: 0 }),
    active: integer({ default: 0 }),
    sleeping: integer({ default: 0 }),
    success: integer({ default: 0 }),
    failed: integer({ default: 0 }),
    skipped: integer({ default: 0 }),
    upstream_failed: integer({ default: 0 }),
  },
  checks: checks('task_tally_sum', 'task_tally_length_check', ...counts.map((count) => `task_tally_${count}_check`)),
  foreignKeys: [
    { name: 'task_tally_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
  ],
});
