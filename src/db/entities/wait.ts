import { EntitySchema } from 'typeorm';
import type { JsonObject } from '../../core/json';
import type { WaitSpec } from '../../core/workload';
import { bigint, checks, integer, json, managed, text, timestamptz, uuid } from './columns';

export interface WaitRow {
  readonly id: string;
  readonly ti: number;
  readonly run: number;
  readonly attempt: string;
  readonly kind: WaitSpec['kind'];
  readonly trigger: string | null;
  readonly args: JsonObject;
  readonly version: string;
  readonly resume: string;
  readonly interval_ms: number | null;
  readonly next_check_at: Date;
  readonly timeout_at: Date | null;
  readonly session: string | null;
  readonly generation: number;
  readonly created_at: Date;
}

export const waitEntity = new EntitySchema<WaitRow>({
  name: 'wait',
  columns: {
    id: uuid({ primary: true, primaryKeyConstraintName: 'wait_pkey', generated: 'uuid' }),
    ti: bigint(),
    run: bigint(),
    attempt: uuid(),
    kind: text(),
    trigger: text({ nullable: true }),
    args: json(),
    version: uuid(),
    resume: text(),
    interval_ms: bigint({ nullable: true }),
    next_check_at: timestamptz(),
    timeout_at: timestamptz({ nullable: true }),
    session: uuid({ nullable: true }),
    generation: integer({ default: 0 }),
    created_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  uniques: [{ name: 'wait_ti_key', columns: ['ti'] }],
  checks: checks('wait_custom', 'wait_kind_check'),
  foreignKeys: [
    { name: 'wait_ti_fkey', target: 'task_instance', columnNames: ['ti'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
    { name: 'wait_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
    { name: 'wait_version_fkey', target: 'dag_version', columnNames: ['version'], referencedColumnNames: ['id'] },
    { name: 'wait_session_fkey', target: 'session', columnNames: ['session'], referencedColumnNames: ['id'], onDelete: 'SET NULL' },
  ],
  indices: managed('wait_due', 'wait_look_of_session', 'wait_of_run', 'wait_of_session', 'wait_timeout'),
});
