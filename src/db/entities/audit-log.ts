import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { identity, integer, jsonb, managed, text, timestamptz } from './columns';

export interface AuditLogRow {
  readonly id: number;
  readonly at: Date;
  readonly actor: string;
  readonly via: string;
  readonly action: string;
  readonly dag_id: string | null;
  readonly run_id: string | null;
  readonly task_id: string | null;
  readonly map_index: number | null;
  readonly details: JsonValue;
}

export const auditLogEntity = new EntitySchema<AuditLogRow>({
  name: 'audit_log',
  columns: {
    id: identity({ primary: true, primaryKeyConstraintName: 'audit_log_pkey' }),
    at: timestamptz({ default: () => 'clock_timestamp()' }),
    actor: text(),
    via: text(),
    action: text(),
    dag_id: text({ nullable: true }),
    run_id: text({ nullable: true }),
    task_id: text({ nullable: true }),
    map_index: integer({ nullable: true }),
    details: jsonb({ default: () => "'{}'" }),
  },
  indices: managed('audit_of_dag'),
});
