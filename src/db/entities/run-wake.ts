import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { bigint, identity, jsonb, managed, text, timestamptz } from './columns';

export interface RunWakeRow {
  readonly id: number;
  readonly run: number;
  readonly cause: string;
  readonly hint: JsonValue | null;
  readonly at: Date;
}

export const runWakeEntity = new EntitySchema<RunWakeRow>({
  name: 'run_wake',
  columns: {
    id: identity({ primary: true, primaryKeyConstraintName: 'run_wake_pkey' }),
    run: bigint(),
    cause: text(),
    hint: jsonb({ nullable: true }),
    at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  indices: managed('run_wake_run'),
});
