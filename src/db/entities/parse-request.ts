import { EntitySchema } from 'typeorm';
import { text, timestamptz } from './columns';

export interface ParseRequestRow {
  readonly file_path: string;
  readonly requested_at: Date;
}

export const parseRequestEntity = new EntitySchema<ParseRequestRow>({
  name: 'parse_request',
  columns: {
    file_path: text({ primary: true, primaryKeyConstraintName: 'parse_request_pkey' }),
    requested_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
});
