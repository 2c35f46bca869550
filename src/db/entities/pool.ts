import { EntitySchema } from 'typeorm';
import { boolean, integer, text } from './columns';

export interface PoolRow {
  readonly name: string;
  readonly slots: number;
  readonly include_deferred: boolean;
  readonly description: string | null;
}

export const poolEntity = new EntitySchema<PoolRow>({
  name: 'pool',
  columns: {
    name: text({ primary: true, primaryKeyConstraintName: 'pool_pkey' }),
    slots: integer(),
    include_deferred: boolean({ default: false }),
    description: text({ nullable: true }),
  },
  checks: [{ name: 'pool_slots_check', expression: "(slots >= '-1'::integer)" }],
});
