import { EntitySchema } from 'typeorm';
import { checks, text, timestamptz } from './columns';

export interface VariableRow {
  readonly key: string;
  /** Encrypted. */
  readonly value: string;
  readonly description: string | null;
  /** Of the key that encrypted it. */
  readonly key_id: string;
  readonly updated_at: Date;
}

export const variableEntity = new EntitySchema<VariableRow>({
  name: 'variable',
  columns: {
    key: text({ primary: true, primaryKeyConstraintName: 'variable_pkey' }),
    value: text(),
    description: text({ nullable: true }),
    key_id: text(),
    updated_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  checks: checks('variable_key_check'),
});
