/** Columns by their Postgres type, and the indexes that only migrations make. */
import type { EntitySchemaColumnOptions, EntitySchemaIndexOptions, EntitySchemaOptions } from 'typeorm';

type Options = Omit<EntitySchemaColumnOptions, 'type'>;
export const column =
  (type: EntitySchemaColumnOptions['type'], fixed: Options = {}) =>
  (options: Options = {}): EntitySchemaColumnOptions => ({ type, ...fixed, ...options });

export const text = column('text');
export const textArray = column('text', { array: true });
export const uuid = column('uuid');
export const integer = column('integer');
export const smallint = column('smallint');
export const bigint = column('bigint');
export const boolean = column('boolean');
export const timestamptz = column('timestamptz');
export const jsonb = column('jsonb');
export const json = column('json');

/** `bigint GENERATED ALWAYS AS IDENTITY`. TypeORM knows 'identity'; its types do not. */
export const identity = column('bigint', { generated: 'identity' as 'increment' });

/** Checks, by name: TypeORM compares nothing else, so that their text stands in the migrations alone. */
export function checks(...names: string[]): NonNullable<EntitySchemaOptions<unknown>['checks']> {
  return names.map((name) => ({ name, expression: '' }));
}

/** Indexes that TypeORM knows by name and leaves alone: it cannot express their order, INCLUDE and WHERE. */
export function managed(...names: string[]): EntitySchemaIndexOptions[] {
  return names.map((name) => ({ name, synchronize: false }));
}
