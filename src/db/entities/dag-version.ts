import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { integer, json, text, timestamptz, uuid } from './columns';

export interface DagVersionRow {
  readonly id: string;
  readonly dag_id: string;
  readonly number: number;
  readonly spec_hash: string;
  readonly bundle_hash: string;
  readonly file_path: string;
  readonly spec: JsonValue;
  readonly created_at: Date;
}

export const dagVersionEntity = new EntitySchema<DagVersionRow>({
  name: 'dag_version',
  columns: {
    id: uuid({ primary: true, primaryKeyConstraintName: 'dag_version_pkey', generated: 'uuid' }),
    dag_id: text(),
    number: integer(),
    spec_hash: text(),
    bundle_hash: text(),
    file_path: text(),
    spec: json(),
    created_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  uniques: [
    { name: 'dag_version_content', columns: ['dag_id', 'spec_hash', 'bundle_hash'] },
    { name: 'dag_version_number', columns: ['dag_id', 'number'] },
  ],
  foreignKeys: [
    { name: 'dag_version_bundle_hash_fkey', target: 'bundle', columnNames: ['bundle_hash'], referencedColumnNames: ['hash'] },
    { name: 'dag_version_dag_id_fkey', target: 'dag', columnNames: ['dag_id'], referencedColumnNames: ['dag_id'], onDelete: 'CASCADE' },
  ],
});
