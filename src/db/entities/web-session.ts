import { EntitySchema } from 'typeorm';
import type { JsonValue } from '../../core/json';
import { json, managed, text, timestamptz } from './columns';

export interface WebSessionRow {
  readonly sid: string;
  readonly sess: JsonValue;
  readonly expire: Date;
}

export const webSessionEntity = new EntitySchema<WebSessionRow>({
  name: 'web_session',
  columns: {
    sid: text({ primary: true, primaryKeyConstraintName: 'web_session_pkey' }),
    sess: json(),
    expire: timestamptz(),
  },
  indices: managed('web_session_expire'),
});
