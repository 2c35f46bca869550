import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { checks, identity, integer, jsonb, managed, text, textArray, timestamptz, uuid } from './columns';

export interface SessionRow {
  readonly id: string;
  readonly kind: string;
  readonly host: string;
  readonly boot_id: string;
  readonly pid: number;
  readonly version: string;
  readonly lanes: string[];
  readonly capacity: number;
  readonly state: string;
  readonly started_at: Date;
  readonly renewed_at: Date;
  readonly lease_until: Date;
  readonly ended_at: Date | null;
  readonly details: JsonValue;
  /** What clients of the REST API know it by. */
  readonly number: number;
}

export const sessionEntity = new EntitySchema<SessionRow>({
  name: 'session',
  columns: {
    id: uuid({ primary: true, primaryKeyConstraintName: 'session_pkey' }),
    kind: text(),
    host: text(),
    boot_id: text(),
    pid: integer(),
    version: text(),
    lanes: textArray({ default: () => "'{}'" }),
    capacity: integer({ default: 0 }),
    state: text({ default: () => "'alive'" }),
    started_at: timestamptz({ default: () => 'clock_timestamp()' }),
    renewed_at: timestamptz({ default: () => 'clock_timestamp()' }),
    lease_until: timestamptz(),
    ended_at: timestamptz({ nullable: true }),
    details: jsonb({ default: () => "'{}'" }),
    number: identity(),
  },
  checks: checks('session_ended', 'session_kind_check', 'session_state_check'),
  indices: managed('session_lease'),
});
