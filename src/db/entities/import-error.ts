import { EntitySchema } from 'typeorm';
import { identity, integer, text, timestamptz } from './columns';

export interface ImportErrorRow {
  readonly id: number;
  readonly file_path: string;
  readonly message: string;
  readonly stack_trace: string;
  readonly line: number | null;
  readonly col: number | null;
  readonly frame: string | null;
  readonly at: Date;
}

export const importErrorEntity = new EntitySchema<ImportErrorRow>({
  name: 'import_error',
  columns: {
    id: identity({ primary: true, primaryKeyConstraintName: 'import_error_pkey' }),
    file_path: text(),
    message: text(),
    stack_trace: text(),
    line: integer({ nullable: true }),
    col: integer({ nullable: true }),
    frame: text({ nullable: true }),
    at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  uniques: [{ name: 'import_error_file_path_key', columns: ['file_path'] }],
});
