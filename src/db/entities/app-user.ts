import { EntitySchema } from 'typeorm';
import { text, timestamptz } from './columns';

export interface AppUserRow {
  readonly username: string;
  readonly password_hash: string;
  readonly role: string;
  readonly created_at: Date;
}

export const appUserEntity = new EntitySchema<AppUserRow>({
  name: 'app_user',
  columns: {
    username: text({ primary: true, primaryKeyConstraintName: 'app_user_pkey' }),
    password_hash: text(),
    role: text(),
    created_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  checks: [{ name: 'app_user_role_check', expression: "(role = 'admin'::text)" }],
});
