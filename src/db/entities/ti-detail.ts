import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { bigint, json, jsonb, text } from './columns';

export interface TiDetailRow {
  readonly ti: number;
  readonly rendered: JsonValue | null;
  readonly note: string | null;
  readonly resume: JsonValue | null;
  readonly map_label: string | null;
  /** What kept it from having an attempt: {name, message, stack}. */
  readonly error: JsonValue | null;
}

export const tiDetailEntity = new EntitySchema<TiDetailRow>({
  name: 'ti_detail',
  columns: {
    ti: bigint({ primary: true, primaryKeyConstraintName: 'ti_detail_pkey' }),
    rendered: jsonb({ nullable: true }),
    note: text({ nullable: true }),
    resume: json({ nullable: true }),
    map_label: text({ nullable: true }),
    error: json({ nullable: true }),
  },
  foreignKeys: [
    { name: 'ti_detail_ti_fkey', target: 'task_instance', columnNames: ['ti'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
  ],
});
