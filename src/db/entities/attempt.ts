import { EntitySchema } from 'typeorm';
import type { AttemptState } from '../../core/states';
import type { JsonValue } from '../../core/json';
import { bigint, checks, integer, jsonb, managed, text, timestamptz, uuid } from './columns';

export interface AttemptRow {
  readonly id: string;
  readonly ti: number;
  readonly try_number: number;
  readonly piece: number;
  readonly session: string;
  readonly version: string;
  readonly pool: string;
  readonly slots: number;
  readonly state: AttemptState;
  readonly claimed_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly end_state: string | null;
  readonly end_reason: string | null;
  readonly error: JsonValue | null;
  readonly host: string | null;
  readonly pid: number | null;
  readonly cpu_ms: number | null;
  readonly peak_kb: number | null;
}

export const attemptEntity = new EntitySchema<AttemptRow>({
  name: 'attempt',
  columns: {
    id: uuid({ primary: true, primaryKeyConstraintName: 'attempt_pkey' }),
    ti: bigint(),
    try_number: integer(),
    piece: integer({ default: 0 }),
    session: uuid(),
    version: uuid(),
    pool: text(),
    slots: integer(),
    state: text({ default: () => "'claimed'" }),
    claimed_at: timestamptz({ default: () => 'clock_timestamp()' }),
    started_at: timestamptz({ nullable: true }),
    ended_at: timestamptz({ nullable: true }),
    end_state: text({ nullable: true }),
    end_reason: text({ nullable: true }),
    error: jsonb({ nullable: true }),
    host: text({ nullable: true }),
    pid: integer({ nullable: true }),
    cpu_ms: integer({ nullable: true }),
    peak_kb: integer({ nullable: true }),
  },
  uniques: [{ name: 'attempt_number', columns: ['ti', 'try_number', 'piece'] }],
  checks: checks('attempt_ended', 'attempt_state_check'),
  foreignKeys: [
    { name: 'attempt_session_fkey', target: 'session', columnNames: ['session'], referencedColumnNames: ['id'] },
    { name: 'attempt_ti_fkey', target: 'task_instance', columnNames: ['ti'], referencedColumnNames: ['pk'], onDelete: 'CASCADE' },
    { name: 'attempt_version_fkey', target: 'dag_version', columnNames: ['version'], referencedColumnNames: ['id'] },
  ],
  indices: managed('attempt_live', 'attempt_of_session', 'attempt_slots'),
});
