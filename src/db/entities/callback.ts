import { EntitySchema } from 'typeorm';
import type { JsonObject } from '../../core/json';
import { bigint, checks, integer, json, managed, smallint, text, timestamptz, uuid } from './columns';

export interface CallbackRow {
  readonly id: string;
  readonly run: number;
  readonly ti: number | null;
  readonly event: string;
  readonly version: string;
  readonly try_number: number;
  readonly reason: string | null;
  readonly error: JsonObject | null;
  readonly due_at: Date;
  readonly session: string | null;
  readonly tries: number;
  readonly done_at: Date | null;
  readonly outcome: string | null;
  readonly deadline: number | null;
  readonly created_at: Date;
}

export const callbackEntity = new EntitySchema<CallbackRow>({
  name: 'callback',
  columns: {
    id: uuid({ primary: true, primaryKeyConstraintName: 'callback_pkey', generated: 'uuid' }),
    run: bigint(),
    ti: bigint({ nullable: true }),
    event: text(),
    version: uuid(),
    try_number: integer({ default: 0 }),
    reason: text({ nullable: true }),
    error: json({ nullable: true }),
    due_at: timestamptz({ default: () => 'clock_timestamp()' }),
    session: uuid({ nullable: true }),
    tries: integer({ default: 0 }),
    done_at: timestamptz({ nullable: true }),
    outcome: text({ nullable: true }),
    deadline: smallint({ nullable: true }),
    created_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  checks: checks('callback_deadline', 'callback_event_check'),
  foreignKeys: [
    { name: 'callback_run_fkey', target: 'dag_run', columnNames: ['run'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
    { name: 'callback_ti_fkey', target: 'task_instance', columnNames: ['ti'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
    { name: 'callback_version_fkey', target: 'dag_version', columnNames: ['version'], referencedColumnNames: ['id'] },
    { name: 'callback_session_fkey', target: 'session', columnNames: ['session'], referencedColumnNames: ['id'], onDelete: 'SET NULL' },
  ],
  indices: managed('callback_due', 'callback_of_run', 'callback_of_ti'),
});
