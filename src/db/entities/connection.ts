import { EntitySchema } from 'typeorm';
import { checks, integer, text, timestamptz } from './columns';

export interface ConnectionRow {
  readonly conn_id: string;
  readonly conn_type: string;
  readonly description: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly login: string | null;
  readonly schema: string | null;
  /** Encrypted. */
  readonly password: string | null;
  /** A JSON object, encrypted. */
  readonly extra: string | null;
  /** Of the key that encrypted both. */
  readonly key_id: string;
  readonly updated_at: Date;
}

export const connectionEntity = new EntitySchema<ConnectionRow>({
  name: 'connection',
  columns: {
    conn_id: text({ primary: true, primaryKeyConstraintName: 'connection_pkey' }),
    conn_type: text(),
    description: text({ nullable: true }),
    host: text({ nullable: true }),
    port: integer({ nullable: true }),
    login: text({ nullable: true }),
    schema: text({ nullable: true }),
    password: text({ nullable: true }),
    extra: text({ nullable: true }),
    key_id: text(),
    updated_at: timestamptz({ default: () => 'clock_timestamp()' }),
  },
  checks: checks('connection_conn_id_check', 'connection_port_check'),
});
