import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Variables and connections. What is secret is stored encrypted (src/secrets/cipher.ts); `key_id` says with which key, so that a changed
 * key is noticed and its rows are found. A session gets a number, as clients of the REST API know processes by numbers.
 */
export class Secrets1763812000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE variable (
      key text PRIMARY KEY CHECK (key <> '' AND length(key) <= 250),
      value text NOT NULL,
      description text,
      key_id text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
    await runner.query(`CREATE TABLE connection (
      conn_id text PRIMARY KEY CHECK (conn_id ~ '^[A-Za-z0-9_.-]{1,200}$'),
      conn_type text NOT NULL,
      description text,
      host text, port integer CHECK (port BETWEEN 0 AND 65535), login text, schema text,
      password text, extra text,
      key_id text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
    await runner.query('ALTER TABLE session ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE session DROP COLUMN number');
    await runner.query('DROP TABLE connection');
    await runner.query('DROP TABLE variable');
  }
}
