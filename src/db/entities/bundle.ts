import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { jsonb, text, timestamptz } from './columns';

export interface BundleRow {
  readonly hash: string;
  readonly format: string;
  readonly code: string;
  readonly sources: JsonValue;
  readonly files: JsonValue;
  readonly created_at: Date;
}

export const bundleEntity = new EntitySchema<BundleRow>({
  name: 'bundle',
  columns: {
    hash: text({ primary: true, primaryKeyConstraintName: 'bundle_pkey' }),
    format: text(),
    code: text(),
    sources: jsonb(),
    files: jsonb({ default: () => "'{}'" }),
    created_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  checks: [{ name: 'bundle_format_check', expression: "(format = ANY (ARRAY['cjs'::text, 'esm'::text]))" }],
});
